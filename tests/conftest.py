"""Every test runs in float64 on two host devices, with strict promotion and checked array types.

Tests compile much and run it for moments, so XLA's older emitter of code is used and its code is not
optimised, which takes half the time to compile and more to run. ``XLA_FLAGS=`` (set, and empty) tests code
as XLA makes it by default, the flags of ``tilth.pipeline.compiled_code.xla_flags`` that of the commands.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import jax
import jaxtyping
import pytest

REPOSITORY = Path(__file__).parents[1]

os.environ.setdefault("XLA_FLAGS", "--xla_cpu_use_fusion_emitters=false --xla_backend_optimization_level=0")
jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_num_cpu_devices", 2)
jax.config.update("jax_compilation_cache_dir", str(REPOSITORY / ".cache" / "jax"))
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
jaxtyping.install_import_hook("tilth", "type_checks.checked")


@pytest.fixture(scope="module", autouse=True)
def few_memory_maps() -> Iterator[None]:
    """Forgets compiled code before a process runs out of memory maps."""
    yield
    from tilth.pipeline.compiled_code import forget_old_code

    forget_old_code()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real tower data (TILTH_DATA, or shared/data beside the repository), or a skip."""
    folder = Path(os.environ.get("TILTH_DATA", REPOSITORY.parent / "shared" / "data"))
    if not (folder / "plumber2").is_dir():
        pytest.skip(f"no real tower data: {folder} holds no folder plumber2 (set TILTH_DATA)")
    return folder
