"""Splits of leaf measurements by date: nothing measured on one day at one place is on both sides."""

import numpy as np

from tilth.data.leaf_points import LeafTable

TRAINING_SHARE = 0.8
"""Share of the dates of a type at a location that are trained on in the temporal holdout."""


def temporal_holdout(table: LeafTable, share: float = TRAINING_SHARE) -> np.ndarray:
    """Points to train on: the oldest dates of each plant type at each location, ``[point]``.

    Of ``n`` dates the first ``floor(share n)`` are trained on, at least one (Aboelyazeed et al. 2023, section
    2.5.2). Raises ``ValueError`` where no date is left to test on.
    """
    train = np.zeros(len(table), bool)
    groups = np.char.add(np.char.add(table.location, " / "), table.plant_type)
    for group in np.unique(groups):
        here = groups == group
        dates = np.unique(table.date[here])
        kept = dates[: max(1, int(np.floor(share * len(dates) + 1e-9)))]
        train |= here & np.isin(table.date, kept)
    if train.all():
        raise ValueError(
            "every type has one date at each location: nothing is left to test on; give more dates"
        )
    return train


def date_folds(table: LeafTable, folds: int, seed: int) -> np.ndarray:
    """Fold number of each point, ``[point]``; all points of a day at a location are in one fold.

    Locations are dealt in random order and the days of each one after the other, so that every fold gets
    days of as many locations as there are. Raises ``ValueError`` for fewer dates than folds.
    """
    days = date_groups(table)
    count = days.max() + 1
    if not 2 <= folds <= count:
        raise ValueError(
            f"{count} dates cannot be dealt into {folds} folds: expected at least 2 folds and as many dates "
            "(days at a location); use fewer folds or a table with more dates"
        )
    random = np.random.default_rng(seed)
    first = np.array([np.flatnonzero(days == day)[0] for day in range(count)])
    places = table.location[first]
    order = np.concatenate(
        [
            random.permutation(np.flatnonzero(places == place))
            for place in random.permutation(np.unique(places))
        ]
    )
    fold = np.empty(count, int)
    fold[order] = np.arange(count) % folds
    return fold[days]


def date_groups(table: LeafTable) -> np.ndarray:
    """Number of the day at a location that each point was measured on, ``[point]``."""
    labels = np.char.add(np.char.add(table.location, " / "), table.date.astype(str))
    return np.unique(labels, return_inverse=True)[1]
