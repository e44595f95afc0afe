"""The audit of a site's clock against the sun.

A clock is judged by when the sky is bright: for every calendar month and step of the day the 90th percentile
of the shortwave radiation is close to that of a clear sky, which rises and sets with the sun. The offset from
UTC whose extraterrestrial radiation matches that composite best is the offset the time stamps follow: least
squares of the square roots, which give the low sun more weight than the clouds of the afternoon, with one
factor a month. The estimate is rounded to half an hour, whole hours preferred, as half-hour zones are rare.

The rule of the package: **solar geometry follows the audited offset** where the audit is confident, else the
offset the file states, else the longitude (nearest half hour). Time stamps stay as they are in the file; only
the option ``utc_offset`` shifts them, so that they follow the offset asked for.
"""

import dataclasses
import re
from collections.abc import Mapping

import numpy as np

from tilth.data.solar import extraterrestrial_radiation

CANDIDATES = np.arange(-12.0, 14.01, 0.25)
"""Offsets from UTC that are tried [h]."""
MONTHS_NEEDED = 2
"""An audit needs this many calendar months with data ..."""
SHARPEST_MISFIT = 0.25
"""... and a composite that the sun explains but for this fraction of its variance."""


@dataclasses.dataclass(frozen=True)
class ClockAudit:
    """What the sun says about a clock.

    ``offset``: the offset from UTC that the time stamps follow, to half an hour [h]; ``estimate``: the same
    before rounding [h]; ``misfit``: fraction of the variance of the composite left unexplained [-];
    ``months``: calendar months used; ``confident``: whether the offset may be relied on.
    """

    offset: float
    estimate: float
    misfit: float
    months: int
    confident: bool


def nearest_offset(estimate: float) -> float:
    """The whole hour within 0.3 h of an estimated offset from UTC [h], else its half hour."""
    whole = float(np.round(estimate))
    return whole if abs(estimate - whole) <= 0.3 else float(np.floor(estimate) + 0.5)


def _composite(time: np.ndarray, shortwave: np.ndarray, step: float) -> tuple[np.ndarray, np.ndarray]:
    """Bright-sky shortwave radiation ``[month, step of the day]`` and the days of the year it stands for."""
    per_day = round(86400.0 / step)
    seconds = (time - time.astype("datetime64[D]").astype(time.dtype)) / np.timedelta64(1, "s")
    slot = np.rint(seconds // step).astype(int) % per_day
    month = time.astype("datetime64[M]").astype(int) % 12
    composite = np.full((12, per_day), np.nan)
    good = np.isfinite(shortwave)
    order = np.lexsort((shortwave[good], slot[good], month[good]))
    cell = (month[good] * per_day + slot[good])[order]
    values = shortwave[good][order]
    starts = np.searchsorted(cell, np.arange(12 * per_day))
    counts = np.diff(np.append(starts, len(cell)))
    enough = counts >= 8
    position = starts[enough] + np.rint(0.9 * (counts[enough] - 1)).astype(int)
    composite.flat[np.flatnonzero(enough)] = values[position]
    first = float(seconds[0] % step)
    return composite, first + step * np.arange(per_day)


def _misfits(
    composite: np.ndarray, seconds: np.ndarray, step: float, latitude: float, longitude: float
) -> tuple[np.ndarray, int]:
    """Unexplained fraction of the composite's variance for each candidate offset, and months used."""
    months = np.flatnonzero(
        np.isfinite(composite).all(axis=1) & (np.nanmax(composite, axis=1, initial=0.0) > 50.0)
    )
    squares = np.zeros(len(CANDIDATES))
    total = 0.0
    for month in months:
        day = np.datetime64("2001-01-15T00:00:00", "s") + np.timedelta64(
            int(month * 365.25 / 12 * 86400), "s"
        )
        time = day.astype("datetime64[D]").astype("datetime64[s]") + seconds.astype("timedelta64[s]")
        observed = np.sqrt(np.maximum(composite[month], 0.0))
        total += float(np.sum((observed - observed.mean()) ** 2))
        for index, offset in enumerate(CANDIDATES):
            sun = np.sqrt(
                extraterrestrial_radiation(
                    time, step, latitude=latitude, longitude=longitude, utc_offset=float(offset)
                )
            )
            scale = float(observed @ sun) / max(float(sun @ sun), 1e-9)
            squares[index] += float(np.sum((observed - scale * sun) ** 2))
    return squares / max(total, 1e-9), len(months)


def audit_clock(
    time: np.ndarray, shortwave: np.ndarray, step: float, *, latitude: float, longitude: float
) -> ClockAudit:
    """The offset from UTC that ``time`` follows, from when ``shortwave`` [W m-2] is bright.

    ``time`` [datetime64] is the start of each step of length ``step`` [s]; NaN in ``shortwave`` is left out.
    """
    composite, seconds = _composite(time.astype("datetime64[s]"), shortwave, step)
    misfits, months = _misfits(composite, seconds, step, latitude, longitude)
    if months == 0:
        return ClockAudit(offset=np.nan, estimate=np.nan, misfit=np.nan, months=0, confident=False)
    best = int(np.argmin(misfits))
    estimate = float(CANDIDATES[best])
    if 0 < best < len(CANDIDATES) - 1:
        left, middle, right = misfits[best - 1 : best + 2]
        curvature = left - 2.0 * middle + right
        if curvature > 0.0:
            estimate += float(0.5 * (left - right) / curvature * (CANDIDATES[1] - CANDIDATES[0]))
    misfit = float(misfits[best])
    return ClockAudit(
        offset=nearest_offset(estimate),
        estimate=estimate,
        misfit=misfit,
        months=months,
        confident=months >= MONTHS_NEEDED and misfit < SHARPEST_MISFIT,
    )


def stated_offset(attributes: Mapping[str, str]) -> float | None:
    """The offset from UTC [h] that a file's attributes speak of, None where they do not say one."""
    for name in ("utc_offset", "time_convention", "time_zone"):
        found = re.findall(
            r"^\s*(?:UTC|GMT)?\s*([+-]?\d{1,2}(?:\.\d+)?)\s*(?:h|hours)?\s*$", attributes.get(name, "")
        )
        found = found or re.findall(r"(?:UTC|GMT)\s*([+-]\d{1,2}(?:\.\d+)?)", attributes.get(name, ""))
        if len(set(found)) == 1:
            return float(found[0])
    return None
