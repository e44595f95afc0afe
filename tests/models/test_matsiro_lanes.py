"""Runs of a few columns at a time: the same runs, whatever the compiler was told."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from matsiro_cases import box, defaults, season

from tilth.data.containers import Sites
from tilth.models.matsiro import lanes
from tilth.models.matsiro.integrate import integrate
from tilth.models.matsiro.model import Matsiro, source_forcing, stretches
from tilth.models.matsiro.state import initial_state


def test_lanes_are_the_run(monkeypatch):
    """Nine columns, more than a group has, at two sources, in calls of two days and a rest."""
    monkeypatch.setattr(lanes, "STEPS", 96)
    sites = Sites.of([season("continental", "woodland", 80, 3), season("tropical", "evergreen", 80, 3)])
    model = Matsiro(box(), output_names=("Qle", "Qh", "SoilMoist"))
    forcing = jax.tree.map(lambda a: a[:120], source_forcing(sites, stretches(sites)))
    site = np.arange(9) % 2
    thetas = jnp.asarray(defaults(box(), sites))[site] * jnp.linspace(0.95, 1.0, 9)[:, None]
    column = model.columns(thetas, sites, site, site)
    mean = jnp.mean(forcing.air_temperature, axis=0)[site]
    state = initial_state(mean, column.parameters["soil_porosity"])
    whole, last = integrate(column, state, forcing, model.options, names=None)
    found, end = lanes.in_lanes(column, state, forcing, model.options, names=model.output_names)
    assert list(found) == list(model.output_names)
    for name, series in found.items():
        np.testing.assert_allclose(series, whole[name], rtol=1e-8, atol=1e-8)
    for kept, again in zip(jax.tree.leaves(last), jax.tree.leaves(end), strict=True):
        np.testing.assert_allclose(np.asarray(again), np.asarray(kept), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ("", False),
        ("--xla_cpu_enable_fast_math=false", False),
        ("--xla_backend_extra_options=xla_cpu_small_while_loop_byte_threshold=1024", False),
        (lanes.LOOPS_OF_ONE_KERNEL, True),
        (f"--xla_cpu_enable_fast_math=false {lanes.LOOPS_OF_ONE_KERNEL}", True),
    ],
)
def test_the_compiler_is_asked_what_it_was_told(monkeypatch, flags, told):
    monkeypatch.setenv("XLA_FLAGS", flags)
    assert lanes.in_one_kernel() is told


@pytest.mark.parametrize(("columns", "by"), [(511, "lanes"), (512, "pieces")])
def test_large_batches_go_another_way(monkeypatch, columns, by):
    """Two devices of 256 columns each are faster together."""
    monkeypatch.setenv("XLA_FLAGS", lanes.LOOPS_OF_ONE_KERNEL)
    sites = Sites.of([season("continental", "woodland", 80, 3)])
    model = Matsiro(box())
    place = np.zeros(columns, int)
    column = model.columns(jnp.asarray(defaults(box(), sites))[place], sites, place, place)
    state = initial_state(jnp.full(columns, 280.0), column.parameters["soil_porosity"])
    for way in ("lanes", "pieces"):
        given = {way: np.zeros(1)}
        monkeypatch.setattr(
            f"tilth.models.matsiro.model.in_{way}", lambda *_, given=given, **__: (given, state)
        )
    forcing = source_forcing(sites, stretches(sites))
    assert list(model._series(column, state, forcing, ("Qle",), 48)[0]) == [by]
