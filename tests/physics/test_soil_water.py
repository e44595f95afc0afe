"""Water in the soil: equilibria, gravity, conservation, extremes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tilth.constants import DENSITY_WATER
from tilth.physics import soil_water
from tilth.physics.soil_heat import LAYER_THICKNESS

THICKNESS = np.array(LAYER_THICKNESS)[:, None]
CENTRES = np.cumsum(THICKNESS, axis=0) - 0.5 * THICKNESS
LOAM = dict(exponent=5.39, saturated_potential=-0.15, conductivity=7e-6, porosity=0.45)
SAND = dict(exponent=4.05, saturated_potential=-0.04, conductivity=1.76e-4, porosity=0.40)


def soil_of(values, count=1):
    return soil_water.Soil(**{k: jnp.full(count, v) for k, v in values.items()})


def moved(water, soil, *, ice=None, infiltration=0.0, sinks=0.0, drainage=0.0, step=1800.0, upwind=False):
    water = jnp.asarray(water)
    count = water.shape[1]
    fluxes = soil_water.SoilWaterSinks(
        jnp.broadcast_to(jnp.asarray(infiltration), (count,)),
        jnp.broadcast_to(jnp.asarray(sinks), water.shape),
        jnp.full(count, drainage),
    )
    frozen = jnp.zeros_like(water) if ice is None else jnp.asarray(ice)
    return soil_water.redistribute(water, frozen, soil, fluxes, step=jnp.full(count, step), upwind=upwind)


def store(water):
    return (np.asarray(water) * THICKNESS).sum(axis=0) * DENSITY_WATER


def test_water_at_hydrostatic_equilibrium_stays():
    potential = -30.0 + (CENTRES - CENTRES[0])
    water = 0.45 * (potential / -0.15) ** (-1 / 5.39)
    after = moved(water, soil_of(LOAM))
    np.testing.assert_allclose(np.asarray(after.water), water, rtol=1e-12)


@pytest.mark.parametrize("upwind", [False, True])
def test_a_uniform_column_flows_at_unit_gradient(upwind):
    """All layers alike: nothing but gravity, K everywhere, so that only the ends change."""
    saturation = 0.6
    water = np.full((6, 1), 0.45 * saturation)
    conductivity = 7e-6 * saturation ** (2 * 5.39 + 3)
    step = 1.0
    after = moved(
        water,
        soil_of(LOAM),
        infiltration=DENSITY_WATER * conductivity,
        drainage=1.0,
        step=step,
        upwind=upwind,
    )
    np.testing.assert_allclose(np.asarray(after.water), water, rtol=1e-12)
    assert float(after.drained[0]) == pytest.approx(DENSITY_WATER * conductivity, rel=1e-9)


def test_a_saturated_column_drains_at_its_conductivity():
    after = moved(np.full((6, 1), 0.45), soil_of(LOAM), infiltration=7e-3, drainage=1.0, step=1.0)
    np.testing.assert_allclose(np.asarray(after.water), 0.45, rtol=1e-9)
    assert float(after.drained[0]) == pytest.approx(7e-3, rel=1e-6)


@pytest.mark.parametrize("values", [LOAM, SAND])
def test_every_drop_is_accounted_for(values):
    rng = np.random.default_rng(0)
    count = 400
    water = rng.uniform(0.03, 1.0, (6, count)) * values["porosity"]
    ice = water * rng.uniform(0.0, 1.0, (6, count)) * (rng.uniform(size=count) < 0.3)
    infiltration = rng.uniform(-1e-4, 2e-2, count)
    sinks = rng.uniform(0.0, 2e-5, (6, count)) * (water > 0.1)
    for upwind in (False, True):
        after = moved(
            water, soil_of(values, count), ice=ice, infiltration=infiltration, sinks=sinks, drainage=1.0,
            upwind=upwind,
        )  # fmt: skip
        lost = np.asarray(after.drained + after.overflow) + sinks.sum(axis=0)
        change = store(after.water) - store(water)
        np.testing.assert_allclose(change, (infiltration - lost) * 1800.0, atol=1e-9)
        assert np.isfinite(np.asarray(after.water)).all()


def test_what_the_pores_cannot_hold_runs_off():
    after = moved(np.full((6, 1), 0.45), soil_of(LOAM), infiltration=1e-2)
    standing = float(after.water[0, 0] - 0.45) * 0.05
    assert standing == pytest.approx(1e-3, rel=1e-9)
    assert float(after.overflow[0]) == pytest.approx(1e-2 - 1.0 / 1800.0, rel=1e-6)
    assert np.asarray(after.water)[1:].max() <= 0.45 + 1e-12


def test_frozen_soil_does_not_let_water_through():
    water = np.array([0.35, 0.3, 0.2, 0.2, 0.2, 0.2])[:, None]
    after = moved(water, soil_of(dict(LOAM, porosity=0.35)), ice=np.array([[0.35], [0], [0], [0], [0], [0]]))
    assert float(after.water[0, 0]) == pytest.approx(0.35, rel=1e-12)


def test_rain_moves_down_and_capillarity_up():
    wet_above = moved(np.array([0.4, 0.2, 0.2, 0.2, 0.2, 0.2])[:, None], soil_of(LOAM))
    assert float(wet_above.water[1, 0]) > 0.2
    dry_above = moved(np.array([0.1, 0.3, 0.3, 0.3, 0.3, 0.3])[:, None], soil_of(LOAM))
    assert float(dry_above.water[0, 0]) > 0.1


def test_a_frozen_layer_does_not_drain_its_neighbours():
    """Hardly any liquid is left in it and its suction is immense; nothing may hang on a trace of ice."""
    ice = np.array([0.0, 0.2999, 0.0, 0.0, 0.0, 0.0])[:, None]
    water = np.array([0.3, 0.3, 0.3, 0.3, 0.3, 0.3])[:, None]
    after = moved(water, soil_of(LOAM), ice=ice)
    assert abs(float(after.water[1, 0]) - 0.3) < 1e-6
    full = np.array([0.3, 0.4499, 0.3, 0.3, 0.3, 0.3])[:, None]

    def layer(trace):
        return moved(full, soil_of(LOAM), ice=jnp.asarray(full * (ice > 0)) + trace).water[1, 0]

    assert abs(float(jax.grad(layer)(0.0))) < 1.0


@pytest.mark.parametrize("upwind", [False, True])
def test_no_layer_gives_more_than_it_holds_however_fast_water_moves(upwind):
    """A thousand random columns of the coarsest soil, a day each, frozen in places."""
    generator = np.random.default_rng(5)
    count = 1000
    soil = soil_of(dict(LOAM, conductivity=3e-4, exponent=4.0), count)
    water = generator.uniform(0.02, 1.0, (6, count)) ** 2 * 0.45
    water = jnp.asarray(np.maximum(water, 0.02 * 0.45))
    ice = jnp.where(jnp.asarray(generator.random((6, count)) < 0.2), 0.5, 0.0) * water

    @jax.jit
    def half_hour(water, rain):
        return moved(water, soil, ice=ice, infiltration=rain, sinks=1e-9, drainage=1.0, upwind=upwind)

    for _ in range(48):
        before = store(water)
        rain = generator.exponential(2e-3, count) * (generator.random(count) < 0.2)
        after = half_hour(water, jnp.asarray(rain))
        water = after.water
        assert float(jnp.min(water - ice)) > 0.0
        left = before + 1800.0 * (rain - 6e-9 - np.asarray(after.drained) - np.asarray(after.overflow))
        np.testing.assert_allclose(store(water), left, rtol=1e-12)
