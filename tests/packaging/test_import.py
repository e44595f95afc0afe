"""What `import tilth` does to the process that imports it, seen from a fresh one."""

import importlib
import json
import pkgutil
import subprocess
import sys

import pytest

import tilth

FILE_LIBRARIES = {"matplotlib", "netCDF4", "pandas", "xarray", "zarr"}

CHANGED_SETTINGS = """
import importlib, json, pkgutil
import jax
before = dict(jax.config.values)
import tilth
for module in pkgutil.walk_packages(tilth.__path__, "tilth."):
    importlib.import_module(module.name)
after = dict(jax.config.values)
print(json.dumps([name for name in after if before.get(name) != after[name]]))
"""

LOADED_MODULES = """
import json, sys
import tilth
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def printed_by(program: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def test_importing_every_module_changes_no_setting_of_jax():
    assert printed_by(CHANGED_SETTINGS) == []


def test_importing_the_package_loads_no_file_library():
    assert FILE_LIBRARIES.isdisjoint(printed_by(LOADED_MODULES))


def test_every_public_name_can_be_had():
    assert set(tilth.__all__) <= set(dir(tilth))
    for name in tilth.__all__:
        assert getattr(tilth, name) is not None


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'tilth' has no attribute 'calibrator'"):
        getattr(tilth, "calibrator")  # noqa: B009 - the name is wrong on purpose


def test_every_module_can_be_imported_and_has_a_docstring():
    for module in pkgutil.walk_packages(tilth.__path__, "tilth."):
        assert importlib.import_module(module.name).__doc__, module.name
