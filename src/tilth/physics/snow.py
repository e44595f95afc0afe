"""A snow pack of one layer on the covered part of the ground (MATSIRO6 chapter 8, simplified).

Masses and fluxes are means over the ground; a covered area ``cover`` turns them into those of the pack.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array

from tilth.constants import DENSITY_SNOW, HEAT_CAPACITY_ICE, LATENT_HEAT_FUSION, MELTING_POINT
from tilth.physics.soil_heat import Node, implicit_node
from tilth.typing import PerColumn

SNOW_CONDUCTIVITY = 0.3
"""Thermal conductivity of snow [W m-1 K-1] (MATSIRO6 chapter 8)."""
FULL_COVER = 100.0
"""Snow water equivalent that covers the ground completely [kg m-2]."""
COVER_WIDTH = 0.01
"""Smooths the square root of snow cover at zero [-]."""
REFREEZE_FRACTION = 0.1
"""Largest refreezing per step over the pack's mass [-]."""
LEAST_MASS = 1e-6
"""Snow water equivalent below which the pack has no temperature of its own [kg m-2]."""
OLD_ALBEDO_VISIBLE = 0.65
NEW_ALBEDO_INFRARED, OLD_ALBEDO_INFRARED = 0.7, 0.2
NEW_ALBEDO_LONGWAVE, OLD_ALBEDO_LONGWAVE = 0.01, 0.1
"""Albedo of fresh and of old snow; fresh visible albedo is a parameter."""
DIRT = 0.3
"""Ageing by dirt [-]."""
REFRESHING_SNOWFALL = 10.0
"""Snowfall that makes the surface fresh again [kg m-2] (BATS; Dickinson et al. 1993)."""


class SnowPack(NamedTuple):
    """State of the pack: mass [kg m-2], temperature [K], age as a fraction between fresh (0) and old (1)."""

    mass: Array
    temperature: Array
    age: Array


class SnowForcing(NamedTuple):
    """What acts on the pack, ground means: heat [W m-2] upward, water [kg m-2 s-1]."""

    top_heat: Array
    """Upward heat flux from the pack's top into the surface, less the energy that melts and that of canopy
    water freezing above."""
    sublimation: Array
    rain: Array
    """Liquid water that reaches the covered part."""
    snowfall: Array


class SnowUpdate(NamedTuple):
    """The pack after a step and what it gives to the soil."""

    pack: SnowPack
    water: Array
    """Melt and rain that leave the pack [kg m-2 s-1]."""
    heat: Array
    """Heat into the soil [W m-2]."""
    gained: Array
    """Change of the pack's heat, latent heat included, over the step [W m-2]."""


def snow_cover(mass: PerColumn) -> Array:
    """Fraction of the ground under snow [-]: sqrt(mass/100), with a finite slope at zero, at most one.

    Traces below 1e-6 kg m-2 cover nothing.
    """
    share = jnp.maximum(mass - LEAST_MASS, 0.0) / FULL_COVER
    return jnp.minimum(jnp.sqrt(share + COVER_WIDTH**2) - COVER_WIDTH, 1.0)


def mass_per_cover(mass: PerColumn, cover: PerColumn) -> Array:
    """Mass over the covered area [kg m-2]; tends to 2 as the pack vanishes."""
    thin = cover < 1e-6
    return jnp.where(thin, 2.0 * COVER_WIDTH * FULL_COVER, mass / jnp.where(thin, 1.0, cover))


def base_conductance(mass: PerColumn, soil_conductance: PerColumn) -> Array:
    """Conductance between pack and first soil node [W m-2 K-1]; ``mass`` per covered area [kg m-2]."""
    return 1.0 / (1.0 / soil_conductance + 0.5 * mass / (DENSITY_SNOW * SNOW_CONDUCTIVITY))


def surface_conductance(mass: PerColumn) -> Array:
    """Conductance between the surface and the middle of the pack [W m-2 K-1]."""
    return SNOW_CONDUCTIVITY / (0.5 * mass / DENSITY_SNOW)


def surface_node(
    mass: PerColumn,
    temperature: PerColumn,
    *,
    soil_temperature: PerColumn,
    soil_conductance: PerColumn,
    step: PerColumn,
) -> Node:
    """The pack as the surface feels it within the step; ``mass`` per covered area [kg m-2]."""
    inertia = HEAT_CAPACITY_ICE * mass / step
    below = base_conductance(mass, soil_conductance)
    mixed = (inertia * temperature + below * soil_temperature) / (inertia + below)
    return implicit_node(mixed, inertia + below, surface_conductance(mass))


def update_snow(
    pack: SnowPack,
    forcing: SnowForcing,
    *,
    cover: PerColumn,
    soil_temperature: PerColumn,
    soil_conductance: PerColumn,
    step: PerColumn,
) -> SnowUpdate:
    """The pack after sublimation, conduction, melt, refreezing and snowfall, in this order.

    ``soil_temperature`` and ``soil_conductance`` are those of the first soil node. Temperature is implicit.
    The heat that reaches the soil is what the pack did not keep, so that energy closes in every case;
    snowfall takes the pack's temperature and brings no heat.
    """
    mass = pack.mass - forcing.sublimation * step
    present = mass > LEAST_MASS
    heat_capacity = HEAT_CAPACITY_ICE * jnp.where(present, mass, 1.0)
    conductance = cover * base_conductance(mass_per_cover(pack.mass, cover), soil_conductance)
    inertia = heat_capacity / step
    warmed = (inertia * pack.temperature + conductance * soil_temperature - forcing.top_heat) / (
        inertia + conductance
    )
    surplus = jnp.where(present, heat_capacity * (warmed - MELTING_POINT), 0.0)
    available = jnp.maximum(mass, 0.0)
    melt = jnp.clip(surplus / LATENT_HEAT_FUSION, 0.0, available)
    cold = jnp.maximum(-surplus, 0.0)
    liquid = forcing.rain * step + melt
    refrozen = jnp.minimum(jnp.minimum(liquid, cold / LATENT_HEAT_FUSION), REFREEZE_FRACTION * available)
    after = mass - melt + refrozen
    left = jnp.where(present, -(cold - LATENT_HEAT_FUSION * refrozen), 0.0)
    solid = after > LEAST_MASS
    capacity_after = HEAT_CAPACITY_ICE * jnp.where(solid, after, 1.0)
    bare = jnp.minimum(soil_temperature, MELTING_POINT)
    temperature = jnp.where(solid, MELTING_POINT + left / capacity_after, bare)

    # Sensible heat relative to the melting point; the pack's mass before the step carries its old one.
    before = HEAT_CAPACITY_ICE * mass * (pack.temperature - MELTING_POINT)
    now = jnp.where(solid, left, 0.0)
    gained = (now - before + LATENT_HEAT_FUSION * (melt - refrozen)) / step
    grown = after + forcing.snowfall * step
    age = _aged(pack.age, temperature, forcing.snowfall * step, step)
    age = jnp.where(grown > LEAST_MASS, age, 0.0)
    return SnowUpdate(
        SnowPack(grown, temperature, age),
        (liquid - refrozen) / step,
        -forcing.top_heat - gained,
        gained,
    )


def _aged(age: Array, temperature: Array, snowfall: Array, step: Array) -> Array:
    """Age fraction after a step: grains grow faster in warm snow, snowfall renews (Yang et al. 1997)."""
    bounded = jnp.clip(age, 0.0, 0.999)
    grain_age = bounded / (1.0 - bounded)
    growth = jnp.exp(5000.0 * (1.0 / MELTING_POINT - 1.0 / temperature))
    grain_age = grain_age + (growth + growth**10 + DIRT) * step / 1e6
    older = grain_age / (1.0 + grain_age)
    return older * (1.0 - jnp.minimum(snowfall / REFRESHING_SNOWFALL, 1.0))


def albedos(age: PerColumn, fresh_visible: PerColumn) -> tuple[Array, Array, Array]:
    """Visible, near-infrared and long-wave albedo [-] of snow of an age fraction."""
    return (
        fresh_visible + age * (OLD_ALBEDO_VISIBLE - fresh_visible),
        NEW_ALBEDO_INFRARED + age * (OLD_ALBEDO_INFRARED - NEW_ALBEDO_INFRARED),
        NEW_ALBEDO_LONGWAVE + age * (OLD_ALBEDO_LONGWAVE - NEW_ALBEDO_LONGWAVE),
    )
