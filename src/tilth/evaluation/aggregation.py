"""Means over hours, days, weeks, months and years, with the share of steps that each needs."""

import dataclasses
from collections.abc import Mapping

import numpy as np

RESOLUTIONS = ("native", "1h", "1D", "7D", "1M", "1Y")
"""Native step, hour, day, seven days (from the first midnight of the record on), calendar month, year."""
MINIMUM_SHARE = 0.8
"""A mean needs this share of the steps of its full period."""

_SECONDS = {"1h": 3600, "1D": 86400, "7D": 7 * 86400}


@dataclasses.dataclass(frozen=True)
class Means:
    """Means by name over periods that have enough steps, with their ``start`` and ``end`` [datetime64[s]]."""

    start: np.ndarray
    end: np.ndarray
    series: Mapping[str, np.ndarray]


def period_means(
    time: np.ndarray,
    step: float,
    values: Mapping[str, np.ndarray],
    mask: np.ndarray,
    resolution: str,
    *,
    minimum_share: float = MINIMUM_SHARE,
) -> Means:
    """Means of every series over the same steps, those where ``mask`` is True.

    ``time`` is the start of each step [datetime64[s]], ``step`` its length [s]. A period counts where at
    least ``minimum_share`` of the steps that it has by the calendar are in the mask. Raises ``ValueError``
    for an unknown resolution.
    """
    if resolution not in RESOLUTIONS:
        raise ValueError(f"unknown resolution {resolution!r}: expected one of {', '.join(RESOLUTIONS)}")
    time = time.astype("datetime64[s]")
    length = np.timedelta64(round(step), "s")
    steps = np.flatnonzero(mask)
    if resolution == "native" or (resolution == "1h" and step >= 3600) or steps.size == 0:
        start = time[steps]
        return Means(start, start + length, {name: series[steps] for name, series in values.items()})
    starts, ends = _periods(time, resolution)
    period, index = np.unique(starts[steps], return_inverse=True)
    count = np.bincount(index)
    end = ends[steps][np.unique(index, return_index=True)[1]]
    enough = count >= minimum_share * ((end - period) / length) - 1e-9
    means = {name: np.bincount(index, weights=series[steps]) / count for name, series in values.items()}
    return Means(period[enough], end[enough], {name: mean[enough] for name, mean in means.items()})


def _periods(time: np.ndarray, resolution: str) -> tuple[np.ndarray, np.ndarray]:
    """Start and end of the period that each time is in."""
    if resolution in ("1M", "1Y"):
        unit = "datetime64[M]" if resolution == "1M" else "datetime64[Y]"
        calendar = time.astype(unit)
        return calendar.astype("datetime64[s]"), (calendar + 1).astype("datetime64[s]")
    seconds = _SECONDS[resolution]
    origin = time[0].astype("datetime64[D]").astype("datetime64[s]")
    number = (time - origin).astype("int64") // seconds
    start = origin + (number * seconds).astype("timedelta64[s]")
    return start, start + np.timedelta64(seconds, "s")
