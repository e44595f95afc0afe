"""The leaf model on points: stress forms, options and what they do."""

import jax.numpy as jnp
import numpy as np
import pytest

from tilth.data.leaf_points import LeafPoints
from tilth.data.synthetic_leaves import synthetic_leaves
from tilth.models.leaf import (
    AcclimatedTransportRatio,
    LeafModel,
    default_stress,
    learned_stress,
)


@pytest.fixture(scope="module")
def points():
    return LeafPoints.of(synthetic_leaves(0, points_per_type=6, dates_per_type=3))


def test_more_enzyme_and_more_water_never_lower_gross_photosynthesis(points):
    model = LeafModel()
    base = model(points, points.default_carboxylation, jnp.full(points.count, 0.6))
    wetter = model(points, points.default_carboxylation, jnp.full(points.count, 0.9))
    assert bool(jnp.all(wetter.net >= base.net))
    assert bool(jnp.all(wetter.conductance > base.conductance))


def test_options_change_the_rates_in_the_known_direction(points):
    wet = jnp.ones(points.count)
    vcmax = points.default_carboxylation
    base = LeafModel()(points, vcmax, wet)
    c3 = ~np.asarray(points.is_c4)
    less_oxygen = LeafModel(oxygen_fraction=0.20)(points, vcmax, wet)
    assert np.all(np.asarray(less_oxygen.net - base.net)[c3] >= 0)
    np.testing.assert_array_equal(np.asarray(less_oxygen.net)[~c3], np.asarray(base.net)[~c3])
    smoother = LeafModel(curvature_light=0.9)(points, vcmax, wet)
    assert bool(jnp.all(smoother.net < base.net))


def test_acclimated_ratio_is_held_within_the_observed_range():
    ratio = AcclimatedTransportRatio()(jnp.asarray([0.0, 11.0, 25.0, 40.0]))
    np.testing.assert_allclose(np.asarray(ratio), [2.205, 2.205, 1.715, 1.365], rtol=1e-12)


def test_default_stress_is_one_in_wet_soil_and_zero_in_dry(points):
    wet = points.default_potential * 0.0 - 100.0
    table = synthetic_leaves(0, points_per_type=6, dates_per_type=3)
    soaked = LeafPoints.of(table.replace(default_potential=np.asarray(wet)))
    parched = LeafPoints.of(table.replace(default_potential=np.asarray(wet) * 1e5))
    assert bool(jnp.all(default_stress(soaked) == 1.0))
    assert bool(jnp.all(default_stress(parched) == 0.0))


def test_a_larger_shape_is_a_drier_plant(points):
    low = learned_stress(points, jnp.full_like(points.wetness, 0.1))
    high = learned_stress(points, jnp.full_like(points.wetness, 0.6))
    assert bool(jnp.all(low >= high))
    assert bool(jnp.all(learned_stress(points, jnp.zeros_like(points.wetness)) == 1.0))


def test_float32_agrees_with_float64():
    table = synthetic_leaves(1, points_per_type=6, dates_per_type=3)
    rates = []
    for dtype in (np.float64, np.float32):
        points = LeafPoints.of(table, dtype)
        stress = jnp.full(points.count, 0.7, dtype)
        rates.append(LeafModel()(points, points.default_carboxylation, stress).net)
    assert rates[1].dtype == np.float32
    # Single precision keeps about five digits through the root.
    np.testing.assert_allclose(np.asarray(rates[1]), np.asarray(rates[0]), rtol=2e-4)


def test_a_table_without_soil_has_one_wet_layer():
    table = synthetic_leaves(0, points_per_type=2, dates_per_type=2).replace(
        wetness=None, default_potential=None, root_fraction=None, soil_features=None
    )
    points = LeafPoints.of(table)
    assert points.soil_features.shape == (18, 1, 0)
    assert bool(jnp.all(default_stress(points) == 1.0))
