"""Ecosystem respiration fitted to the nights, so that net exchange can be compared with simulated GPP.

Reco = R10 exp(E0 (1 / (T10 - T0) - 1 / (T - T0))) with T in K, T10 = 283.15 K and T0 = 227.13 K (Lloyd and
Taylor 1994, doi:10.2307/2389824, equation 11), fitted to the net exchange of dark half-hours as Reichstein et
al. 2005 (doi:10.1111/j.1365-2486.2005.001002.x, section 2.2) do, here once for the whole fitted part.
"""

import dataclasses

import numpy as np
from scipy.optimize import least_squares  # type: ignore[import-untyped]

from tilth.data.containers import SiteRecord

REFERENCE, ZERO = 283.15, 227.13
"""Reference temperature and that of no respiration [K]."""
SENSITIVITY_BOUNDS = (30.0, 450.0)
"""Limits of the temperature sensitivity E0 [K] (Reichstein et al. 2005)."""
DARK, BRIGHT = 10.0, 50.0
"""Shortwave radiation [W m-2] below which it is night, and above which it is day."""
FEWEST = 200
"""Dark steps that a fit needs."""


@dataclasses.dataclass(frozen=True)
class Respiration:
    """Respiration at 10 °C ``base`` [umol m-2 s-1] and its sensitivity ``sensitivity`` [K]; ``n`` steps."""

    base: float
    sensitivity: float
    n: int

    @property
    def at_limit(self) -> bool:
        """Whether the sensitivity lies at one of its limits: the nights do not tell it."""
        low, high = SENSITIVITY_BOUNDS
        return self.sensitivity < low + 1.0 or self.sensitivity > high - 1.0

    def __call__(self, temperature: np.ndarray) -> np.ndarray:
        """Ecosystem respiration [umol m-2 s-1] at air temperatures [K]."""
        warmth = 1.0 / (REFERENCE - ZERO) - 1.0 / (np.maximum(temperature, ZERO + 10.0) - ZERO)
        return np.asarray(self.base * np.exp(self.sensitivity * warmth))


def fitted_respiration(record: SiteRecord, within: np.ndarray) -> Respiration:
    """The respiration of a site from its net exchange in the dark, at scored steps ``within`` only.

    Raises ``ValueError`` where there are fewer than :data:`FEWEST` such steps.
    """
    temperature = np.asarray(record.forcing["air_temperature"], float)
    dark = np.asarray(record.forcing["shortwave_down"]) < DARK
    chosen = record.scored("NEE") & within & dark
    if chosen.sum() < FEWEST:
        raise ValueError(
            f"{record.attributes.name}: a respiration needs {FEWEST} dark steps with measured NEE, "
            f"got {chosen.sum()}"
        )
    net = record.observations["NEE"].value[chosen].astype(float)
    warmth = 1.0 / (REFERENCE - ZERO) - 1.0 / (np.maximum(temperature[chosen], ZERO + 10.0) - ZERO)
    start = np.array([max(float(np.median(net)), 0.1), 200.0])
    found = least_squares(
        lambda theta: theta[0] * np.exp(theta[1] * warmth) - net,
        start,
        bounds=([0.0, SENSITIVITY_BOUNDS[0]], [np.inf, SENSITIVITY_BOUNDS[1]]),
        loss="soft_l1",
        x_scale=[1.0, 100.0],
    )
    return Respiration(float(found.x[0]), float(found.x[1]), int(chosen.sum()))
