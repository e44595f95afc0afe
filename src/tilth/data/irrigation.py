"""Water a site is given beside its rain: an input to the water balance, off by default."""

import re

import numpy as np

PATTERN = re.compile(r"^(?P<amount>\d+(\.\d+)?)@(?P<first>\d{1,2})-(?P<last>\d{1,2})$")
SECONDS_PER_DAY = 86400.0
MOST = 100.0
"""Most irrigation that is believed [mm day-1]."""


def parse_irrigation(text: str) -> tuple[float, int, int]:
    """Amount [mm day-1], first and last month of an irrigation written as ``"4@5-9"``."""
    match = PATTERN.match(text.replace(" ", ""))
    if match is not None:
        amount, first, last = float(match["amount"]), int(match["first"]), int(match["last"])
        if amount <= MOST and 1 <= first <= 12 and 1 <= last <= 12:
            return amount, first, last
    raise ValueError(
        f"irrigation must be written AMOUNT@FIRST-LAST in mm day-1 (up to {MOST:g}) and months, "
        f"as 4@5-9, got {text!r}"
    )


def water_input(time: np.ndarray, irrigation: str | None) -> np.ndarray:
    """Water given to the ground at each step [kg m-2 s-1]; a last month before the first wraps a year."""
    if irrigation is None:
        return np.zeros(len(time))
    amount, first, last = parse_irrigation(irrigation)
    month = time.astype("datetime64[M]").astype(int) % 12 + 1
    season = (month >= first) & (month <= last) if first <= last else (month >= first) | (month <= last)
    return np.where(season, amount / SECONDS_PER_DAY, 0.0)
