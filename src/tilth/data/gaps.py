"""Gaps in the forcing: short ones interpolated, long ones driven by the site's own climatology and masked."""

import dataclasses
from collections.abc import Mapping

import numpy as np

LONGEST_INTERPOLATED = 3.0 * 3600.0
"""Gaps up to this length are interpolated [s]."""
RECOVERY = 30.0 * 86400.0
"""The state of the land is not trusted for this long after a long gap [s]."""
NEW_SEGMENT = 30.0 * 86400.0
"""Stretches of a record further apart than this are spun up each on their own [s]."""


@dataclasses.dataclass(frozen=True, eq=False)
class Filled:
    """A complete series and where it was interpolated or taken from the climatology."""

    values: np.ndarray
    interpolated: np.ndarray
    climatology: np.ndarray


def runs(mask: np.ndarray) -> list[tuple[int, int]]:
    """Start and end (exclusive) of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], mask, [False])).astype(np.int8)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def segment_ends(segment: np.ndarray) -> list[tuple[int, int]]:
    """Start and end (exclusive) of each segment."""
    edges = np.concatenate(([0], np.flatnonzero(np.diff(segment)) + 1, [len(segment)]))
    return list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))


def month_hour_mean(time: np.ndarray, values: np.ndarray, step: float) -> np.ndarray:
    """Mean of the finite values of the same calendar month and time of day, at every step.

    A month without values takes the mean of its time of day over all months, a time of day without any the
    mean of all.
    """
    per_day = round(86400.0 / step)
    seconds = (time - time.astype("datetime64[D]").astype(time.dtype)) / np.timedelta64(1, "s")
    slot = (seconds // step).astype(int) % per_day
    month = time.astype("datetime64[M]").astype(int) % 12
    good = np.isfinite(values)

    def means(cells: np.ndarray, size: int, fallback: np.ndarray) -> np.ndarray:
        count = np.bincount(cells[good], minlength=size)
        total = np.bincount(cells[good], values[good], minlength=size)
        return np.where(count > 0, total / np.maximum(count, 1), fallback)

    by_slot = means(slot, per_day, np.full(per_day, values[good].mean()))
    return means(month * per_day + slot, 12 * per_day, np.tile(by_slot, 12))[month * per_day + slot]


def _interpolate(values: np.ndarray, segment: np.ndarray, longest: int) -> tuple[np.ndarray, np.ndarray]:
    """Values with inner gaps of up to ``longest`` steps interpolated within each segment, and where."""
    filled, where = values.copy(), np.zeros(len(values), dtype=bool)
    for first, last in segment_ends(segment):
        part = values[first:last]
        for start, end in runs(np.isnan(part)):
            if end - start <= longest and start > 0 and end < len(part):
                weights = np.arange(1, end - start + 1) / (end - start + 1)
                filled[first + start : first + end] = part[start - 1] + weights * (
                    part[end] - part[start - 1]
                )
                where[first + start : first + end] = True
    return filled, where


def fill(
    time: np.ndarray, values: np.ndarray, step: float, *, segment: np.ndarray, rain: bool = False
) -> Filled:
    """A series without gaps: up to 3 h interpolated, longer ones by month and time of day (``rain``: none).

    ``values`` must hold at least one finite value; gaps at the ends of a segment count as long.
    """
    longest = round(LONGEST_INTERPOLATED / step)
    filled, interpolated = _interpolate(values, segment, longest)
    long = np.isnan(filled)
    if long.any():
        typical = np.zeros(len(values)) if rain else month_hour_mean(time, values, step)
        filled = np.where(long, typical, filled)
    return Filled(values=filled, interpolated=interpolated, climatology=long)


def usable_steps(long_gaps: Mapping[str, np.ndarray], step: float, segment: np.ndarray) -> np.ndarray:
    """Steps that lie in no long gap of any forcing nor in the 30 days after one, within each segment."""
    gap = np.logical_or.reduce(list(long_gaps.values()))
    usable = np.ones(len(gap), dtype=bool)
    recovery = round(RECOVERY / step)
    for first, last in segment_ends(segment):
        for start, end in runs(gap[first:last]):
            usable[first + start : min(first + end + recovery, last)] = False
    return usable
