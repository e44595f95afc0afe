"""Splits of leaf measurements by date."""

import numpy as np
import pytest

from tilth.data.synthetic_leaves import synthetic_leaves
from tilth.observations.leaf_splits import date_folds, date_groups, temporal_holdout


@pytest.fixture(scope="module")
def table():
    return synthetic_leaves(0, points_per_type=24, dates_per_type=12)


def test_the_oldest_dates_are_trained_on(table):
    train = temporal_holdout(table)
    for name in np.unique(table.plant_type):
        here = table.plant_type == name
        assert table.date[here & train].max() < table.date[here & ~train].min()
        assert len(np.unique(table.date[here & train])) == 9


def test_two_dates_give_one_to_each_side(table):
    train = temporal_holdout(synthetic_leaves(0, points_per_type=4, dates_per_type=2))
    assert train.mean() == 0.5


def test_one_date_leaves_nothing_to_test():
    with pytest.raises(ValueError, match="every type has one date at each location"):
        temporal_holdout(synthetic_leaves(0, points_per_type=4, dates_per_type=1))


def test_a_day_is_in_one_fold_and_folds_are_even(table):
    fold, days = date_folds(table, 5, seed=3), date_groups(table)
    for day in np.unique(days):
        assert len(np.unique(fold[days == day])) == 1
    counts = [len(np.unique(days[fold == number])) for number in range(5)]
    assert max(counts) - min(counts) <= 1
    assert np.array_equal(fold, date_folds(table, 5, seed=3))
    assert not np.array_equal(fold, date_folds(table, 5, seed=4))


def test_species_measured_on_one_day_share_a_fold(table):
    together = table.replace(location=np.full(len(table), "one place"))
    assert date_groups(together).max() + 1 == 12


def test_fewer_dates_than_folds_is_refused():
    few = synthetic_leaves(0, points_per_type=1, dates_per_type=1, types=("C3 grass", "crop R"))
    with pytest.raises(ValueError, match="2 dates cannot be dealt into 5 folds"):
        date_folds(few, 5, seed=0)
