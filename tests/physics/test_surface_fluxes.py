"""Fluxes of a surface: duals against automatic differentiation, identities, limits."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from surface_cases import CROP, DAY, EVERGREEN, NIGHT, WET, surface_column

from tilth.constants import STEFAN_BOLTZMANN
from tilth.physics import thermodynamics
from tilth.physics.dual import Dual, partial, seed
from tilth.physics.surface_fluxes import surface_fluxes

CASES = [(v, w) for v in (EVERGREEN, CROP) for w in (DAY, NIGHT, WET)]
RESIDUALS = ("ground_residual", "canopy_residual", "co2_residual")
UNKNOWNS = (295.0, 297.0, 27.0)


@pytest.fixture(scope="module")
def columns():
    """The reference surfaces; half of them with frost, ice in the soil and draining stores."""
    made = [surface_column(v, w) for v, w in CASES]
    plain = jax.tree.map(lambda *a: jnp.stack(a), *made)
    harsh = plain._replace(
        ice_fraction=jnp.full(6, 0.4),
        drain_canopy=jnp.full(6, 1800.0 / 0.3),
        drain_snow=jnp.full(6, 1800.0 / 2.0),
        wet_fraction=jnp.full(6, 0.3),
        ground_emissivity=jnp.full(6, 0.9),
    )
    return jax.tree.map(lambda a, b: jnp.concatenate([a, b]), plain, harsh)


def random_unknowns(count, seed_value=0):
    rng = np.random.default_rng(seed_value)
    # Near the melting point and near the air, where dew, frost and stability change.
    ground = np.where(rng.uniform(size=count) < 0.3, 273.15, 294.0) + rng.normal(0, 6, count)
    canopy = np.where(rng.uniform(size=count) < 0.3, 273.15, 294.0) + rng.normal(0, 4, count)
    return tuple(jnp.asarray(x) for x in (ground, canopy, rng.uniform(2.0, 45.0, count)))


def test_duals_are_the_derivatives(columns):
    wide = jax.tree.map(lambda a: jnp.concatenate([a] * 20), columns)
    count = wide.leaf_area.shape[0]
    at = random_unknowns(count)

    def residuals(*x):
        fluxes = surface_fluxes(wide, *x)
        return tuple(getattr(fluxes, name) for name in RESIDUALS)

    duals = surface_fluxes(wide, *seed(*at))
    plain = residuals(*at)
    for index in range(3):
        tangents = tuple(jnp.ones(count) if i == index else jnp.zeros(count) for i in range(3))
        _, exact = jax.jvp(residuals, at, tangents)
        for name, value, slope in zip(RESIDUALS, plain, exact, strict=True):
            carried = getattr(duals, name)
            np.testing.assert_allclose(np.asarray(carried.value), np.asarray(value), rtol=1e-12, atol=1e-10)
            scale = float(jnp.max(jnp.abs(slope))) + 1e-30
            difference = np.abs(np.asarray(partial(carried, index, at[0]) - slope))
            assert (difference <= 1e-12 * (np.abs(np.asarray(slope)) + scale)).all(), (name, index)


def test_what_does_not_depend_on_an_unknown_carries_no_derivative(columns):
    fluxes = surface_fluxes(columns, *seed(*random_unknowns(12)))
    assert isinstance(fluxes.sensible_ground, Dual)
    assert fluxes.ground_residual.partials[2] is None
    assert fluxes.ground_heat.partials[1] is None


def test_losses_are_upward_less_downward_radiation(columns):
    at = random_unknowns(12, 1)
    fluxes = surface_fluxes(columns, *at)
    turbulent = (
        fluxes.sensible_ground + fluxes.sensible_canopy
        + 2.5e6 * (fluxes.ground_evaporation + fluxes.transpiration + fluxes.canopy_evaporation)
        + 2.834e6 * (fluxes.ground_sublimation + fluxes.canopy_sublimation)
    )  # fmt: skip
    losses = fluxes.ground_residual + fluxes.canopy_residual - turbulent + fluxes.ground_heat
    net = fluxes.shortwave + columns.longwave_down - fluxes.longwave_up
    np.testing.assert_allclose(np.asarray(-losses), np.asarray(net), atol=1e-9)


def test_an_isothermal_black_canopy_exchanges_nothing():
    column = jax.tree.map(jnp.atleast_1d, surface_column(EVERGREEN, NIGHT))
    temperature = jnp.asarray([290.0])
    humidity = thermodynamics.saturation_specific_humidity(temperature, column.pressure)
    zero = jnp.zeros(1)
    column = column._replace(
        turbulence=column.turbulence._replace(air_temperature=temperature), air_humidity=humidity,
        shortwave_ground=zero, shortwave_canopy=zero, longwave_down=STEFAN_BOLTZMANN * temperature**4,
        ground_temperature=temperature, soil_humidity=jnp.ones(1), deposition_humidity=jnp.ones(1),
    )  # fmt: skip
    for emissivity in (1.0, 0.9):
        same = column._replace(
            emissivity=jnp.asarray([emissivity]), ground_emissivity=jnp.asarray([emissivity])
        )
        fluxes = surface_fluxes(same, temperature, temperature, jnp.asarray([28.0]))
        for name in (
            "sensible_ground", "sensible_canopy", "ground_evaporation", "ground_sublimation", "transpiration",
            "canopy_evaporation", "ground_heat", "ground_residual", "canopy_residual",
        ):  # fmt: skip
            assert abs(float(getattr(fluxes, name)[0])) < 1e-9, name
        assert float(fluxes.longwave_up[0]) == pytest.approx(float(same.longwave_down[0]), rel=1e-12)


def test_wet_soil_evaporates_as_freely_as_it_exchanges_heat(columns):
    one, zero = jnp.ones(12), jnp.zeros(12)
    free = columns._replace(soil_resistance=zero, soil_humidity=one, deposition_humidity=one, drain_snow=zero)
    ground, canopy, co2 = (jnp.full(12, x) for x in UNKNOWNS)
    fluxes = surface_fluxes(free, ground, canopy, co2)
    difference = thermodynamics.saturation_specific_humidity(ground, free.pressure) - free.air_humidity
    potential = free.air_density * fluxes.exchange.ground * free.turbulence.wind * difference
    found = fluxes.ground_evaporation + fluxes.ground_sublimation
    np.testing.assert_allclose(np.asarray(found), np.asarray(potential), rtol=1e-12)


def test_a_step_takes_no_more_than_there_is(columns):
    # Half the leaves wet with 0.3 mm of water each, and 2 kg m-2 of snow, under a hot dry storm.
    stormy = columns._replace(
        turbulence=columns.turbulence._replace(wind=jnp.full(12, 30.0)), air_humidity=jnp.full(12, 1e-4)
    )
    fluxes = surface_fluxes(stormy, jnp.full(12, 310.0), jnp.full(12, 310.0), jnp.full(12, 27.0))
    lost = (fluxes.canopy_evaporation + fluxes.canopy_sublimation)[6:]
    # The drain holds for the water of a fully wet canopy, times the wet fraction.
    assert float(jnp.max(lost)) * 1800.0 <= 0.3 * 0.3 + 1e-12
    assert float(jnp.max(fluxes.ground_evaporation[6:] + fluxes.ground_sublimation[6:])) * 1800.0 <= 2.0


def test_dry_soil_draws_vapour_from_unsaturated_air_only_where_asked(columns):
    """Between the humidity of its pores and saturation, dry soil neither evaporates nor gains."""
    dry = columns._replace(soil_humidity=jnp.full(12, 0.3), drain_snow=jnp.zeros(12))
    ground, canopy, co2 = (jnp.full(12, x) for x in UNKNOWNS)
    ground = ground + jnp.tile(jnp.asarray([8.0, -20.0]), 6)
    saturated = thermodynamics.saturation_specific_humidity(ground, dry.pressure)

    def vapour(deposition_humidity):
        fluxes = surface_fluxes(
            dry._replace(deposition_humidity=jnp.full(12, deposition_humidity)), ground, canopy, co2
        )
        return np.asarray(fluxes.ground_evaporation + fluxes.ground_sublimation)

    warm = np.asarray((0.3 * saturated < dry.air_humidity) & (saturated > dry.air_humidity))
    dew = np.asarray(saturated < dry.air_humidity)
    assert warm.any() and dew.any()
    none, document = vapour(1.0), vapour(0.3)
    np.testing.assert_array_equal(none[warm], 0.0)
    assert (document[warm] < 0.0).all()
    assert (none[dew] < 0.0).all() and (document[dew] < none[dew]).all()
