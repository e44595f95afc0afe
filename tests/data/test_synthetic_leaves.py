"""The generator of leaves."""

import numpy as np
import pytest

from tilth.data.synthetic_leaves import TYPES, synthetic_leaves, synthetic_shape


def test_same_seed_same_leaves():
    one, same, other = (synthetic_leaves(seed) for seed in (1, 1, 2))
    for name, series in one.surroundings.items():
        np.testing.assert_array_equal(series, same.surroundings[name])
        assert not np.array_equal(series, other.surroundings[name])


def test_every_type_has_its_points_and_dates():
    table = synthetic_leaves(0, points_per_type=30, dates_per_type=6)
    assert len(table) == 30 * len(TYPES)
    for name in TYPES:
        assert len(np.unique(table.date[table.plant_type == name])) == 6


def test_texture_is_possible():
    soil = synthetic_leaves(3).soil_features
    assert np.all(soil >= 0)
    assert np.all(soil[..., 0] + soil[..., 1] <= 1)


def test_assumed_shape():
    np.testing.assert_allclose(synthetic_shape(np.array([[0.4, 0.2, 0.05]])), [0.005 + 0.27])


def test_counts_must_be_positive():
    with pytest.raises(ValueError, match="at least one point and one date a type, got 0, 10"):
        synthetic_leaves(0, points_per_type=0)
