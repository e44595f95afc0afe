"""What came before: features of a site's past weather that stand in for the land model's slow states.

A window of 48 steps starts from a zero state and carries no soil moisture, no snow and no deep soil
temperature. These series, made from the forcing alone, tell the surrogate of them.
"""

import numpy as np
from scipy.signal import lfilter

from tilth.constants import LATENT_HEAT_VAPORISATION, MELTING_POINT
from tilth.data.containers import SiteRecord

MEMORY_DAYS = (1.0, 7.0, 30.0, 90.0)
"""Time scales of the exponentially weighted means [d]."""

CAPACITIES = (50.0, 200.0, 600.0)
"""Capacities of the wetness buckets [kg m-2]: near the surface, root zone, whole soil."""

ANTECEDENT_NAMES = (
    *(f"{what}_{days:g}d" for what in ("rain", "temperature", "shortwave") for days in MEMORY_DAYS),
    *(f"wetness_{capacity:g}" for capacity in CAPACITIES),
    "snow",
)
"""Names of the features, in order."""

_DAY = 86_400.0
_MELT = 3.0 / _DAY
_EVAPORATION = 0.6 / LATENT_HEAT_VAPORISATION


def antecedent_features(record: SiteRecord) -> np.ndarray:
    """``[time, feature]``: exponentially weighted means of rain [mm d-1], air temperature [K] and shortwave
    [W m-2] over 1 to 90 days, filling of wetness buckets [-], and log of 1 + snow water [mm].

    The buckets take up rain and melt and lose, in proportion to their filling, a potential evaporation of
    0.6 of the shortwave radiation; snow falls below 0 degrees Celsius and melts by 3 mm a day and degree.
    The past before the first step is taken to be like the record's first year.
    """
    before = min(len(record.time), round(365 * _DAY / record.step))
    forcing = {
        name: np.concatenate([record.forcing[name][:before], record.forcing[name]]).astype(np.float64)
        for name in ("precipitation", "water_input", "air_temperature", "shortwave_down")
    }
    supply = forcing["precipitation"] + forcing["water_input"]
    warmth = forcing["air_temperature"] - MELTING_POINT
    columns = [
        _weighted_mean(series, days * _DAY / record.step)
        for series in (supply * _DAY, forcing["air_temperature"], forcing["shortwave_down"])
        for days in MEMORY_DAYS
    ]
    snow, water = _snow(supply, warmth, record.step)
    columns.append(_wetness(water, _EVAPORATION * forcing["shortwave_down"] * (snow <= 0.0), record.step))
    columns.append(np.log1p(snow))
    return np.column_stack(columns)[before:].astype(np.float32)


def _weighted_mean(series: np.ndarray, steps: float) -> np.ndarray:
    """Exponentially weighted mean over about ``steps`` steps, the present one left out."""
    keep = np.exp(-1.0 / steps)
    start = series.mean()
    mean = lfilter([1.0 - keep], [1.0, -keep], series - start) + start
    return np.concatenate([[start], mean[:-1]])


def _snow(supply: np.ndarray, warmth: np.ndarray, step: float) -> tuple[np.ndarray, np.ndarray]:
    """Snow water [kg m-2] before each step, and rain and melt reaching the ground [kg m-2 s-1]."""
    falls = np.where(warmth <= 0.0, supply, 0.0)
    melts = _MELT * np.maximum(warmth, 0.0)
    change = (falls - melts) * step
    path = np.concatenate([[0.0], np.cumsum(change)])
    snow = path - np.minimum(np.minimum.accumulate(path), 0.0)
    melt = falls - np.diff(snow) / step
    return snow[:-1], supply - falls + np.maximum(melt, 0.0)


def _wetness(water: np.ndarray, demand: np.ndarray, step: float) -> np.ndarray:
    """Filling [-] of a bucket of each capacity before each step, ``[time, capacity]``."""
    capacity = np.array(CAPACITIES)
    filling = np.full(len(capacity), 0.5)
    gains = water[:, None] * step / capacity
    losses = demand[:, None] * step / capacity
    result = np.empty((len(water), len(capacity)))
    for index in range(len(water)):
        result[index] = filling
        filling = np.minimum(filling + gains[index] - losses[index] * filling, 1.0)
    return result
