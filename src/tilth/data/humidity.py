"""Humidity from what tower files hold: vapour pressure, saturation, relative humidity, deficit.

Saturation vapour pressure over water after Bolton (1980),
doi:10.1175/1520-0493(1980)108<1046:TCOEPT>2.0.CO;2, equation 10.
"""

import numpy as np

from tilth.constants import MELTING_POINT, WATER_AIR_MOLAR_RATIO


def saturation_vapour_pressure(air_temperature: np.ndarray) -> np.ndarray:
    """Vapour pressure of saturated air over water [Pa] at an air temperature [K]."""
    celsius = air_temperature - MELTING_POINT
    return np.asarray(611.2 * np.exp(17.67 * celsius / (celsius + 243.5)))


def vapour_pressure(specific_humidity: np.ndarray, surface_pressure: np.ndarray) -> np.ndarray:
    """Vapour pressure [Pa] from specific humidity [kg kg-1] and pressure [Pa]."""
    ratio = WATER_AIR_MOLAR_RATIO
    return np.asarray(specific_humidity * surface_pressure / (ratio + (1.0 - ratio) * specific_humidity))


def relative_humidity(
    specific_humidity: np.ndarray, air_temperature: np.ndarray, surface_pressure: np.ndarray
) -> np.ndarray:
    """Relative humidity over water [-]."""
    return np.asarray(
        vapour_pressure(specific_humidity, surface_pressure) / saturation_vapour_pressure(air_temperature)
    )
