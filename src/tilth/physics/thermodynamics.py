"""Moist air: saturation, densities, humidity."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from tilth.constants import GAS_CONSTANT_DRY_AIR, MELTING_POINT, WATER_AIR_MOLAR_RATIO
from tilth.physics.dual import Number, exp, value


def saturation_vapour_pressure(temperature: Number) -> Any:
    """Saturation vapour pressure [Pa] over water, over ice below 273.15 K.

    ``temperature`` [K]. Magnus form, 611.2 exp(17.67 t/(t+243.5)) over water (Bolton 1980,
    doi:10.1175/1520-0493(1980)108<1046:TCOEPT>2.0.CO;2, equation 10) and 611.2 exp(22.46 t/(t+272.62)) over
    ice (WMO 2008, annex 4.B). Continuous, with a kink in the slope at the melting point.
    """
    celsius = temperature - MELTING_POINT
    frozen = value(temperature) < MELTING_POINT
    slope = jnp.where(frozen, 22.46, 17.67)
    offset = jnp.where(frozen, 272.62, 243.5)
    return 611.2 * exp(celsius * slope / (celsius + offset))


def saturation_specific_humidity(temperature: Number, pressure: Float[Array, "..."]) -> Any:
    """Saturation specific humidity [kg kg-1] at ``temperature`` [K] and ``pressure`` [Pa]."""
    vapour_pressure = saturation_vapour_pressure(temperature)
    # At the surface temperatures of a diverging iterate vapour pressure may pass the air's: keep q finite.
    return WATER_AIR_MOLAR_RATIO * vapour_pressure / (pressure - 0.378 * vapour_pressure)


def vapour_pressure(specific_humidity: Float[Array, "..."], pressure: Float[Array, "..."]) -> Array:
    """Vapour pressure [Pa] of air with ``specific_humidity`` [kg kg-1] at ``pressure`` [Pa]."""
    return specific_humidity * pressure / (WATER_AIR_MOLAR_RATIO + 0.378 * specific_humidity)


def air_density(
    temperature: Float[Array, "..."], specific_humidity: Float[Array, "..."], pressure: Float[Array, "..."]
) -> Array:
    """Density of moist air [kg m-3], with virtual temperature T (1 + 0.608 q)."""
    return pressure / (GAS_CONSTANT_DRY_AIR * temperature * (1.0 + 0.608 * specific_humidity))
