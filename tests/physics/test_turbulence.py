"""Roughness, profiles and bulk coefficients: reference numbers and limits."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tilth.constants import VON_KARMAN
from tilth.physics import turbulence

REFERENCE = [
    ((35.0, 5.0, 0.11, 0.0274), (18.287, 1.09269, 356.884, 3.23077, 5.604)),
    ((20.0, 4.0, 0.111, 0.0277), (9.1849, 1.13721, 226.256, 3.40485, 3.4686)),
    ((1.0, 2.0, 0.0982, 0.0246), (0.25266, 1.38583, 32.1559, 4.23032, 0.18692)),
    ((1.0, 3.0, 0.098, 0.0246), (0.34587, 1.24464, 45.5736, 3.75094, 0.18842)),
    ((1.0, 1e-3, 0.0982, 0.0246), (0.00015, 2.99183, 5.32365, 5.31581, 0.05019)),
]
"""Height, leaf area, drag and heat exchange of leaves; displacement, 1/y0, 1/yT+, 1/yT and z0."""
LAST_DIGIT = np.array([1e-5, 1e-5, 1e-3, 1e-5, 1e-5])
NEUTRAL = [
    (0, 50.0, (0.05326, 0.023845, 0.000258)),
    (1, 40.0, (0.033536, 0.016454, 0.000322)),
    (2, 10.0, (0.010234, 0.005952, 0.001165)),
]
"""Row of the above, measurement height, neutral coefficients of momentum, heat and heat from the ground."""


def rough(height, leaf_area, drag, heat):
    return turbulence.roughness(
        jnp.asarray(height), jnp.asarray(leaf_area), jnp.asarray(drag),
        leaf_heat_exchange=jnp.asarray(heat),
        ground_momentum=jnp.full_like(jnp.asarray(height), 0.05),
        ground_heat=jnp.full_like(jnp.asarray(height), 0.005),
    )  # fmt: skip


def coefficients(row, tower, ground_excess=0.0, canopy_excess=0.0, wind=3.0):
    height = jnp.asarray(REFERENCE[row][0][0])
    profiles = turbulence.log_profiles(rough(*REFERENCE[row][0]), height, jnp.asarray(tower))
    air = jnp.asarray(293.0)
    surface = turbulence.prepare(profiles, turbulence.gusty_wind(jnp.asarray(wind)), air)
    return turbulence.exchange(surface, air + ground_excess, air + canopy_excess, 0.5)


@pytest.mark.parametrize(("given", "expected"), REFERENCE)
def test_reference_roughness(given, expected):
    found = rough(*given)
    length = found.above_displacement * jnp.exp(-1.0 / found.momentum)
    inverse = (1.0 / found.momentum, 1.0 / found.ground_heat, 1.0 / found.heat)
    numbers = np.array([found.displacement, *inverse, length])
    tolerance = np.maximum(LAST_DIGIT, 1e-5 * np.array(expected))
    tolerance[[0, 4]] = np.maximum(tolerance[[0, 4]], 5e-5 * np.array(expected)[[0, 4]])
    np.testing.assert_array_less(np.abs(numbers - expected), tolerance)


@pytest.mark.parametrize(("row", "tower", "expected"), NEUTRAL)
def test_reference_neutral_coefficients(row, tower, expected):
    bulk = coefficients(row, tower)
    found = [float(bulk.momentum), float(bulk.ground + bulk.canopy), float(bulk.ground)]
    last_digit = np.array([1e-5 if row == 0 else 1e-6, 1e-6, 1e-6])
    np.testing.assert_array_less(np.abs(np.array(found) - expected), 0.51 * last_digit)


def test_bare_ground_is_the_logarithmic_law():
    found = rough(1.0, 1e-9, 0.1, 0.025)
    expected = [1 / np.log(1 / 0.05), 1 / np.log(1 / 0.005), 1 / np.log(1 / 0.005)]
    np.testing.assert_allclose([found.momentum, found.heat, found.ground_heat], expected, rtol=1e-4)
    assert float(found.displacement) < 1e-5


def test_a_dense_canopy_forgets_the_ground():
    found = rough(10.0, 200.0, 0.4, 0.1)
    assert float(found.momentum) == pytest.approx(1.0, rel=1e-9)
    dense = 0.5 * (np.sqrt(1 + 8 * 0.25) - 1)
    assert float(found.heat * found.momentum) == pytest.approx(dense, rel=1e-9)
    assert float(found.ground_heat) < 1e-9
    slope = jax.grad(lambda area: rough(10.0, area, 0.4, 0.1).ground_heat)(200.0)
    assert np.isfinite(float(slope))


def test_warm_surfaces_exchange_more_and_cold_ones_less():
    neutral, warm, cold = (coefficients(2, 10.0, d, d) for d in (0.0, 3.0, -3.0))
    for name in ("momentum", "ground", "canopy"):
        values = [float(getattr(bulk, name)) for bulk in (cold, neutral, warm)]
        assert values[0] < values[1] < values[2], name


def test_calm_air_still_exchanges():
    for excess in (-20.0, 20.0):
        bulk = coefficients(0, 45.0, excess, excess, wind=0.0)
        values = np.array([bulk.momentum, bulk.ground, bulk.canopy])
        assert np.isfinite(values).all() and (values > 0).all()
    assert float(turbulence.gusty_wind(jnp.asarray(0.0))) == turbulence.GUSTINESS


def test_stability_functions_are_those_of_businger_and_dyer():
    zeta, fraction = -0.7, 0.3
    x, x0 = (1 + 16 * 0.7) ** 0.25, (1 + 16 * 0.7 * fraction) ** 0.25
    momentum, heat = turbulence.stability_functions(
        jnp.asarray(zeta), jnp.asarray(fraction), jnp.asarray(fraction)
    )

    def integral(y):
        return 2 * np.log((1 + y) / 2) + np.log((1 + y**2) / 2) - 2 * np.arctan(y)

    assert float(momentum) == pytest.approx(-(integral(x) - integral(x0)), rel=1e-12)
    assert float(heat) == pytest.approx(-2 * np.log((1 + x**2) / (1 + x0**2)), rel=1e-12)
    stable = turbulence.stability_functions(jnp.asarray(0.4), jnp.asarray(0.25), jnp.asarray(0.25))
    np.testing.assert_allclose(np.array(stable), 5 * 0.4 * 0.75, rtol=1e-12)


def test_profiles_stay_positive_where_the_canopy_outgrows_the_tower():
    heights = jnp.linspace(0.5, 40.0, 200)
    profiles = turbulence.log_profiles(
        rough(heights, jnp.full(200, 6.0), jnp.full(200, 0.5), jnp.full(200, 0.1)),
        heights, jnp.full(200, 6.0), jnp.full(200, 0.4),
    )  # fmt: skip
    assert float(jnp.min(profiles.momentum)) > 0.5
    assert bool(jnp.all(profiles.ground > 0.0)) and bool(jnp.all(profiles.heat > 0.0))
    assert bool(jnp.all(profiles.height >= 0.5 * (heights + 2.0) - 1e-9))


def test_a_tower_well_above_the_canopy_is_taken_as_it_is():
    profiles = turbulence.log_profiles(rough(*REFERENCE[2][0]), jnp.asarray(1.0), jnp.asarray(10.0))
    assert float(profiles.height) == pytest.approx(10.0 - 0.25266, abs=1e-5)
    neutral = coefficients(2, 10.0)
    assert float(neutral.momentum) == pytest.approx(VON_KARMAN**2 / float(profiles.momentum) ** 2, rel=1e-12)
