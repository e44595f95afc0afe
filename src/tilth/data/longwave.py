"""Downward longwave radiation where a tower measured none, by a formula the user names."""

from collections.abc import Callable

import numpy as np

from tilth.constants import STEFAN_BOLTZMANN
from tilth.data.humidity import vapour_pressure


def clear_sky_emissivity(air_temperature: np.ndarray, vapour: np.ndarray) -> np.ndarray:
    """Emissivity of a clear sky [-], 1.24 (e / T)^(1/7) with e in hPa, T in K.

    Brutsaert (1975, doi:10.1029/WR011i005p00742), equation 11. ``vapour`` is the vapour pressure [Pa].
    """
    return np.asarray(1.24 * (vapour / 100.0 / air_temperature) ** (1.0 / 7.0))


def brutsaert(air_temperature: np.ndarray, vapour: np.ndarray, clearness: np.ndarray) -> np.ndarray:
    """Longwave radiation of a clear sky [W m-2]; too low under clouds (Brutsaert 1975)."""
    return np.asarray(clear_sky_emissivity(air_temperature, vapour) * STEFAN_BOLTZMANN * air_temperature**4)


def crawford_duchon(air_temperature: np.ndarray, vapour: np.ndarray, clearness: np.ndarray) -> np.ndarray:
    """Longwave radiation of a sky with clouds [W m-2].

    Crawford and Duchon (1999), doi:10.1175/1520-0450(1999)038<0474:AIPFEE>2.0.CO;2, equations 10 and 12: the
    emissivity is c + (1 - c) times that of the clear sky, the cloud fraction c being 1 - s with s the ratio
    of measured to clear-sky shortwave radiation (``clearness`` [-]). The clear sky is Brutsaert's, without
    their seasonal factor.
    """
    cloud = 1.0 - np.clip(clearness, 0.0, 1.0)
    emissivity = cloud + (1.0 - cloud) * clear_sky_emissivity(air_temperature, vapour)
    return np.asarray(emissivity * STEFAN_BOLTZMANN * air_temperature**4)


def abramowitz(air_temperature: np.ndarray, vapour: np.ndarray, clearness: np.ndarray) -> np.ndarray:
    """Longwave radiation of all skies [W m-2], 0.031 e + 2.84 T - 522.5 with e in Pa, T in K.

    Abramowitz, Pouyanné and Ajami (2012, doi:10.1029/2011GL050726), a regression on flux towers.
    """
    return np.asarray(0.031 * vapour + 2.84 * air_temperature - 522.5)


Formula = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]

FORMULAS: dict[str, tuple[Formula, str]] = {
    "brutsaert": (brutsaert, "Brutsaert 1975, doi:10.1029/WR011i005p00742 (clear sky)"),
    "crawford-duchon": (
        crawford_duchon,
        "Crawford and Duchon 1999, doi:10.1175/1520-0450(1999)038<0474:AIPFEE>2.0.CO;2 (clouds from SWdown)",
    ),
    "abramowitz": (abramowitz, "Abramowitz et al. 2012, doi:10.1029/2011GL050726 (all skies)"),
}
"""Each formula with its source, by the name that ``--lwdown`` takes."""

CLEAR_SKY_TRANSMISSIVITY = 0.75
"""Transmissivity of a clear sky at sea level [-] (Allen et al. 1998, FAO-56, equation 37)."""


def daily_clearness(
    time: np.ndarray, shortwave: np.ndarray, extraterrestrial: np.ndarray, elevation: float
) -> np.ndarray:
    """Ratio of each day's shortwave radiation to that of a clear sky [-], spread over its steps.

    The clear sky transmits 0.75 + 2e-5 z of the extraterrestrial radiation (Allen et al. 1998, equation 37;
    z in m, 0 where unknown). Days without sun take 0.7.
    """
    _, day = np.unique(time.astype("datetime64[D]"), return_inverse=True)
    height = elevation if np.isfinite(elevation) else 0.0
    clear = np.bincount(day, extraterrestrial) * (CLEAR_SKY_TRANSMISSIVITY + 2e-5 * height)
    measured = np.bincount(day, shortwave)
    ratio = np.where(clear > 0.0, measured / np.maximum(clear, 1e-9), 0.7)
    return np.asarray(np.clip(ratio, 0.0, 1.0)[day])


def longwave_down(
    name: str, specific_humidity: np.ndarray, air_temperature: np.ndarray, *, pressure: np.ndarray,
    clearness: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Longwave radiation by the formula ``name`` [W m-2] from humidity [kg kg-1], T [K] and pressure [Pa]."""
    formula, _ = FORMULAS[name]
    return formula(air_temperature, vapour_pressure(specific_humidity, pressure), clearness)
