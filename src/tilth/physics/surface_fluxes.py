"""Fluxes of one surface (canopy over soil or snow) at given temperatures of ground, canopy and leaf CO2.

MATSIRO6 chapters 4 to 6 with conductances that depend on the unknowns. Energy and vapour fluxes are
positive upward. Written for numbers or duals, so the same lines give the fluxes and their Jacobian.
"""

from typing import Any, NamedTuple

from jaxtyping import Array

from tilth.constants import (
    GAS_CONSTANT,
    HEAT_CAPACITY_AIR,
    LATENT_HEAT_FUSION,
    LATENT_HEAT_SUBLIMATION,
    LATENT_HEAT_VAPORISATION,
    MELTING_POINT,
    STEFAN_BOLTZMANN,
)
from tilth.physics import turbulence
from tilth.physics.dual import Number, apply, computed_once, minimum, sigmoid, value, where
from tilth.physics.numerics import draining
from tilth.physics.photosynthesis import Leaf, kinetics
from tilth.physics.stomata import Stomata, gas_exchange
from tilth.physics.thermodynamics import saturation_specific_humidity, saturation_vapour_pressure

DEW_WIDTH = 2e-4
"""Humidity difference over which dew passes into evaporation [kg kg-1]."""
PHASE_WIDTH = 0.5
"""Temperature difference over which canopy water freezes [K]."""


class SurfaceColumn(NamedTuple):
    """All that the surface balance of a column needs beside its three unknowns, per step."""

    turbulence: turbulence.Surface
    leaf: Leaf
    stomata: Stomata
    air_density: Array
    air_humidity: Array
    pressure: Array
    leaf_area: Array
    shortwave_ground: Array
    shortwave_canopy: Array
    longwave_down: Array
    openness: Array
    """Fraction of long-wave radiation that passes the canopy [-]."""
    emissivity: Array
    ground_emissivity: Array
    ground_conductance: Array
    """Heat conductance from the surface to the first soil or snow node [W m-2 K-1]."""
    ground_temperature: Array
    soil_humidity: Array
    """Relative humidity of the air in the soil's pores [-]."""
    deposition_humidity: Array
    """Relative humidity in the pores that dew and frost see [-]: one, or ``soil_humidity``."""
    soil_resistance: Array
    ice_fraction: Array
    wet_fraction: Array
    """Fraction of the leaves covered by water [-]."""
    drain_canopy: Array
    """Step over canopy capacity [s m2 kg-1]."""
    drain_snow: Array
    """Step over snow per covered area [s m2 kg-1]; zero on soil."""
    melts: Array
    """True on snow, whose surface cannot become warmer than the melting point."""


class SurfaceFluxes(NamedTuple):
    """Fluxes per area of the surface: energy [W m-2], vapour [kg m-2 s-1], carbon [umol m-2 s-1]."""

    sensible_ground: Any
    sensible_canopy: Any
    ground_evaporation: Any
    ground_sublimation: Any
    """From soil ice or from snow."""
    transpiration: Any
    canopy_evaporation: Any
    canopy_sublimation: Any
    ground_heat: Any
    """From the ground into the surface [W m-2]."""
    longwave_up: Any
    shortwave: Any
    """Absorbed by ground and canopy."""
    gross_assimilation: Any
    """Of the canopy, per ground area."""
    net_assimilation: Any
    """Of the mean leaf."""
    stomatal_conductance: Any
    """Of the mean leaf [mol m-2 s-1]."""
    frozen: Any
    """Fraction of canopy water that is frozen [-]."""
    ground_residual: Any
    """Net divergence of energy at the ground surface [W m-2]; zero when balanced."""
    canopy_residual: Any
    co2_residual: Any
    """[Pa]."""
    exchange: turbulence.Exchange


def surface_fluxes(
    column: SurfaceColumn,
    ground_temperature: Number,
    canopy_temperature: Number,
    internal_co2: Number,
    *,
    largest_zeta: float = 0.5,
) -> SurfaceFluxes:
    """Fluxes at trial temperatures [K] and internal CO2 [Pa], with the residuals of the three balances."""
    bulk = turbulence.exchange(column.turbulence, ground_temperature, canopy_temperature, largest_zeta)
    wind = column.turbulence.wind
    ground_speed, canopy_speed = computed_once((bulk.ground * wind, bulk.canopy * wind))
    heat = HEAT_CAPACITY_AIR * column.air_density
    sensible_ground = heat * (ground_speed * (ground_temperature - column.turbulence.air_temperature))
    sensible_canopy = heat * (canopy_speed * (canopy_temperature - column.turbulence.air_temperature))

    liquid, ice = computed_once(_ground_vapour(column, ground_temperature, ground_speed))
    canopy = computed_once(_canopy_vapour(column, canopy_temperature, canopy_speed, internal_co2))
    frozen = computed_once(sigmoid((MELTING_POINT - canopy_temperature) * (1.0 / PHASE_WIDTH)))

    ground_heat = column.ground_conductance * (column.ground_temperature - ground_temperature)
    ground_loss, canopy_loss, longwave_up = _longwave(column, ground_temperature, canopy_temperature)
    interception_heat = LATENT_HEAT_VAPORISATION + LATENT_HEAT_FUSION * frozen
    ground_residual = (
        sensible_ground
        + ground_loss
        + LATENT_HEAT_VAPORISATION * liquid
        + LATENT_HEAT_SUBLIMATION * ice
        - ground_heat
    )
    canopy_residual = (
        sensible_canopy
        + canopy_loss
        + LATENT_HEAT_VAPORISATION * canopy.transpiration
        + interception_heat * canopy.interception
    )
    return SurfaceFluxes(
        sensible_ground=sensible_ground,
        sensible_canopy=sensible_canopy,
        ground_evaporation=liquid,
        ground_sublimation=ice,
        transpiration=canopy.transpiration,
        canopy_evaporation=canopy.interception * (1.0 - frozen),
        canopy_sublimation=canopy.interception * frozen,
        ground_heat=ground_heat,
        longwave_up=longwave_up,
        shortwave=column.shortwave_ground + column.shortwave_canopy,
        gross_assimilation=canopy.gross * (column.leaf_area * column.stomata.light_factor),
        net_assimilation=canopy.net,
        stomatal_conductance=canopy.conductance,
        frozen=frozen,
        ground_residual=ground_residual,
        canopy_residual=canopy_residual,
        co2_residual=canopy.co2_residual,
        exchange=bulk,
    )


def _ground_vapour(column: SurfaceColumn, temperature: Number, speed: Number) -> tuple[Any, Any]:
    """Vapour flux from liquid and from ice at the ground [kg m-2 s-1]; no resistance to dew.

    Air more humid than the pores of dry soil, but not saturated at its temperature, leaves nothing (Oleson et
    al. 2013, CLM4.5, section 5.3): MATSIRO6 chapter 6 lets the soil draw vapour then, without resistance,
    which ``deposition_humidity`` equal to ``soil_humidity`` restores.
    Snow is a ground without resistance, saturated and all ice, that cannot lose more than there is.
    """
    saturated = saturation_specific_humidity(temperature, column.pressure)
    deficit = column.soil_humidity * saturated - column.air_humidity
    condensing = minimum(column.deposition_humidity * saturated - column.air_humidity, 0.0)
    difference = where(value(deficit) > 0.0, deficit, condensing)
    evaporating = sigmoid(difference * (1.0 / DEW_WIDTH))
    resisted = speed / (1.0 + speed * column.soil_resistance)
    conductance = speed + evaporating * (resisted - speed)
    potential = column.air_density * (conductance * difference)
    total = potential * apply(draining, potential * column.drain_snow)
    return total * (1.0 - column.ice_fraction), total * column.ice_fraction


class _CanopyVapour(NamedTuple):
    transpiration: Any
    interception: Any
    gross: Any
    net: Any
    conductance: Any
    co2_residual: Any


def _canopy_vapour(
    column: SurfaceColumn, temperature: Number, speed: Number, internal_co2: Number
) -> _CanopyVapour:
    """Transpiration and evaporation of intercepted water [kg m-2 s-1], with leaf gas exchange."""
    pressure = column.pressure
    difference = saturation_specific_humidity(temperature, pressure) - column.air_humidity
    molar = pressure / (GAS_CONSTANT * temperature)
    exchange = gas_exchange(
        column.leaf,
        column.stomata,
        kinetics(column.leaf, temperature, pressure),
        internal_co2=internal_co2,
        boundary_conductance=molar * (speed * (1.0 / column.leaf_area)),
        saturated_vapour=saturation_vapour_pressure(temperature) * (1.0 / pressure),
    )
    stomatal_speed = exchange.conductance * column.leaf_area / molar
    resisted = speed * stomatal_speed / (speed + stomatal_speed)
    evaporating = sigmoid(difference * (1.0 / DEW_WIDTH))
    conductance = speed + evaporating * (resisted - speed)
    potential = column.air_density * (speed * difference)
    limit = apply(draining, potential * column.drain_canopy)
    return _CanopyVapour(
        (1.0 - column.wet_fraction) * column.air_density * (conductance * difference),
        column.wet_fraction * (potential * limit),
        exchange.gross,
        exchange.net,
        exchange.conductance,
        exchange.residual,
    )


def _longwave(
    column: SurfaceColumn, ground_temperature: Number, canopy_temperature: Number
) -> tuple[Any, Any, Any]:
    """Net radiative loss of ground and canopy and upward long-wave radiation [W m-2], MATSIRO6 chapter 6.

    Ground and canopy may differ in emissivity; the radiation that the ground reflects leaves through the
    canopy unabsorbed, as in the source, so that the sum of both losses is upward less downward radiation.
    """
    covered = 1.0 - column.openness
    ground_squared = ground_temperature * ground_temperature
    canopy_squared = canopy_temperature * canopy_temperature
    from_ground = (column.ground_emissivity * STEFAN_BOLTZMANN) * (ground_squared * ground_squared)
    from_canopy = (column.emissivity * STEFAN_BOLTZMANN) * (canopy_squared * canopy_squared)
    reflected = (
        (1.0 - column.ground_emissivity) * column.openness + (1.0 - column.emissivity) * covered
    ) * column.longwave_down
    to_ground = column.ground_emissivity * column.openness * column.longwave_down
    to_canopy = column.emissivity * covered * column.longwave_down
    ground_loss = from_ground - from_canopy * covered - (column.shortwave_ground + to_ground)
    canopy_loss = 2.0 * from_canopy * covered - from_ground * covered - (column.shortwave_canopy + to_canopy)
    upward = column.openness * from_ground + covered * from_canopy + reflected
    return ground_loss, canopy_loss, upward


def internal_co2_guess(column: SurfaceColumn) -> Array:
    """A first guess of internal CO2 [Pa]: 70 % of the air's."""
    return 0.7 * column.stomata.co2 * column.pressure
