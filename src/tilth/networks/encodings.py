"""Encodings of time as smooth features."""

import numpy as np


def day_of_year_encoding(time: np.ndarray, harmonics: int = 4) -> np.ndarray:
    """Sines and cosines of the day of the year, ``[time, 2 * harmonics]``.

    ``sin(2^l d), cos(2^l d)`` for ``l = 0 .. harmonics - 1`` in turn, with ``d`` the angle of the day: Xie et
    al. 2025, equations 3 and 4. ``time`` is datetime64 in local time. The paper divides by 365; here a leap
    year is divided by its 366 days, so that every year closes its circle.
    """
    days = time.astype("datetime64[D]")
    years = days.astype("datetime64[Y]")
    length = ((years + 1).astype("datetime64[D]") - years.astype("datetime64[D]")).astype(float)
    day = (days - years.astype("datetime64[D]")).astype(float) + 1.0
    angle = day * 2.0 * np.pi / length
    waves = [wave(2.0**level * angle) for level in range(harmonics) for wave in (np.sin, np.cos)]
    return np.stack(waves, axis=-1)
