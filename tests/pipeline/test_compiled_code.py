"""Flags of XLA, and code that is forgotten where a process has many memory maps, and only there."""

import jax
import jax.numpy as jnp

from tilth.models.matsiro.lanes import in_one_kernel
from tilth.pipeline import compiled_code
from tilth.pipeline.compiled_code import LESS_OPTIMISED, forget_old_code, xla_flags


def test_code_for_accelerators_is_optimised(monkeypatch):
    for plugins, less in (([], True), (["a GPU's"], False)):
        monkeypatch.setattr(compiled_code, "entry_points", lambda group, found=plugins: found)
        monkeypatch.setenv("XLA_FLAGS", xla_flags())
        assert in_one_kernel()
        assert (LESS_OPTIMISED in xla_flags()) == less


def test_code_is_forgotten_where_there_are_many_maps(tmp_path, monkeypatch):
    traced = []

    @jax.jit
    def doubled(x):
        traced.append(x.shape)
        return 2.0 * x

    monkeypatch.setattr(compiled_code, "MOST_MAPS", 10)
    maps = tmp_path / "maps"
    assert not forget_old_code(maps)
    for lines, forgotten in ((10, False), (11, True)):
        doubled(jnp.ones(3))
        maps.write_text("a map\n" * lines)
        assert forget_old_code(maps) == forgotten
        before = len(traced)
        assert doubled(jnp.ones(3)).sum() == 6.0
        assert len(traced) - before == forgotten
