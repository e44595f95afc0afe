"""What the land model carries from step to step, and what drives it."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from tilth.constants import MELTING_POINT
from tilth.physics.snow import SnowPack
from tilth.physics.soil_heat import LAYER_THICKNESS
from tilth.physics.surface_newton import Unknowns

INITIAL_SATURATION = 0.75
"""Saturation of every soil layer before spin-up [-]."""


class State(eqx.Module):
    """State of a batch of columns; soil arrays are ``[layer, column]``."""

    bare: Unknowns
    """Last solution of the snow-free part: first guess of the next."""
    snowy: Unknowns
    soil_temperature: Float[Array, "layer column"]
    soil_water: Float[Array, "layer column"]
    """Liquid and frozen [m3 m-3]."""
    soil_ice: Float[Array, "layer column"]
    canopy_water: Float[Array, " column"]
    """[m]."""
    canopy_frozen: Float[Array, " column"]
    snow: SnowPack


class ColumnForcing(eqx.Module):
    """Forcing of columns: series of some sources and which source drives which column.

    A source is a stretch of a site's record. Units as in :class:`tilth.data.containers.Forcing`. ``season``
    is the angle of the time of year [rad], None where no parameter varies with it.
    """

    air_temperature: Float[Array, "time source"]
    specific_humidity: Float[Array, "time source"]
    wind_speed: Float[Array, "time source"]
    surface_pressure: Float[Array, "time source"]
    shortwave_down: Float[Array, "time source"]
    longwave_down: Float[Array, "time source"]
    precipitation: Float[Array, "time source"]
    co2: Float[Array, "time source"]
    leaf_area_index: Float[Array, "time source"]
    cos_zenith: Float[Array, "time source"]
    water_input: Float[Array, "time source"]
    season: Float[Array, "time source"] | None = None


class ColumnSettings(eqx.Module):
    """What a column keeps over time: its source, step [s], measurement height [m] and pathway."""

    source: Int[Array, " column"]
    step: Float[Array, " column"]
    reference_height: Float[Array, " column"]
    c4: Bool[Array, " column"]


def initial_state(temperature: Float[Array, " column"], porosity: Float[Array, " column"]) -> State:
    """A state before spin-up: soil at ``temperature`` [K] and 75 % of saturation, no snow, dry leaves."""
    layers = len(LAYER_THICKNESS)
    zero = jnp.zeros_like(temperature)
    skin = Unknowns(temperature, temperature, jnp.full_like(temperature, 28.0))
    cold = Unknowns(jnp.minimum(temperature, MELTING_POINT), temperature, skin.co2)
    return State(
        bare=skin,
        snowy=cold,
        soil_temperature=jnp.tile(temperature, (layers, 1)),
        soil_water=jnp.tile(INITIAL_SATURATION * porosity, (layers, 1)),
        soil_ice=jnp.zeros((layers, *temperature.shape), temperature.dtype),
        canopy_water=zero,
        canopy_frozen=zero,
        snow=SnowPack(zero, jnp.minimum(temperature, MELTING_POINT), zero),
    )
