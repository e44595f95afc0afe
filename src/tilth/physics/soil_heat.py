"""Heat in the soil: conduction, freezing and thawing (MATSIRO6 chapter 10)."""

import itertools
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array

from tilth.constants import DENSITY_WATER, HEAT_CAPACITY_WATER, LATENT_HEAT_FUSION, MELTING_POINT
from tilth.physics.numerics import tridiagonal
from tilth.typing import PerColumn, PerLayer

LAYER_THICKNESS = (0.05, 0.20, 0.75, 1.0, 2.0, 10.0)
"""Thickness of the soil layers from the top [m] (MATSIRO6 chapter 1)."""
MINERAL_HEAT_CAPACITY = 2.2e6
"""Volumetric heat capacity of soil solids [J m-3 K-1]."""
SURFACE_DISTANCE = 0.025
"""Distance from the surface to the first node [m]."""


class Frozen(NamedTuple):
    """Soil after freezing and thawing."""

    temperature: Array
    ice: Array
    released: Array
    """Latent heat released by freezing over the step [J m-2], per layer."""


def node_distances() -> list[float]:
    """Distances between the nodes (layer centres) [m]."""
    return [0.5 * (a + b) for a, b in itertools.pairwise(LAYER_THICKNESS)]


def heat_conductivity(water: Array, dry: PerColumn) -> Array:
    """Thermal conductivity [W m-1 K-1] of soil with ``water`` [m3 m-3]: k0 (1 + 6 tanh(w/0.25))."""
    return dry * (1.0 + 6.0 * jnp.tanh(water * 4.0))


def heat_capacity(water: PerLayer, porosity: PerColumn) -> list[Array]:
    """Heat capacity of each layer [J m-2 K-1]: solids and water."""
    solids = (1.0 - porosity) * MINERAL_HEAT_CAPACITY
    return [
        (solids + DENSITY_WATER * HEAT_CAPACITY_WATER * water[k]) * thickness
        for k, thickness in enumerate(LAYER_THICKNESS)
    ]


class Conduction(NamedTuple):
    """Heat capacities [J m-2 K-1] of the layers and conductances [W m-2 K-1] between them over a step."""

    capacity: list[Array]
    between: list[Array]
    step: Array


class Node(NamedTuple):
    """What the surface is coupled to: a temperature [K] behind a conductance [W m-2 K-1]."""

    temperature: Array
    conductance: Array


def conduction(
    water: PerLayer, porosity: PerColumn, *, dry_conductivity: PerColumn, step: PerColumn
) -> Conduction:
    """Heat capacities and conductances; conductivity between layers is that of their mean water."""
    between = [
        heat_conductivity(0.5 * (water[k] + water[k + 1]), dry_conductivity) / distance
        for k, distance in enumerate(node_distances())
    ]
    return Conduction(heat_capacity(water, porosity), between, step)


def implicit_node(temperature: Array, inertia: Array, conductance: Array) -> Node:
    """A node at ``temperature`` [K] that answers to a flux within the step.

    With ``inertia`` [W m-2 K-1] the temperature after the step is temperature - flux / inertia, so that the
    surface at Ts feels conductance x inertia / (conductance + inertia). Conduction is then stable for any
    step and for snow of any depth, where a flux to the temperature before the step oscillates.
    """
    return Node(temperature, conductance * inertia / (conductance + inertia))


def surface_node(temperature: PerLayer, soil: Conduction, conductance: PerColumn) -> Node:
    """The soil as the surface feels it within the step, all layers below eliminated (Schur complement)."""
    last = len(LAYER_THICKNESS) - 1
    pivot = soil.capacity[last] / soil.step + soil.between[last - 1]
    known = soil.capacity[last] / soil.step * temperature[last]
    for k in range(last - 1, -1, -1):
        ratio = soil.between[k] / pivot
        inertia = soil.capacity[k] / soil.step
        above = soil.between[k - 1] if k else jnp.zeros_like(inertia)
        known = inertia * temperature[k] + ratio * known
        pivot = inertia + above + soil.between[k] * (1.0 - ratio)
    return implicit_node(known / pivot, pivot, conductance)


def conduct(temperature: PerLayer, soil: Conduction, top_heat: PerColumn) -> Array:
    """Soil temperatures [K] after a step of implicit conduction, ``[layer, ...]``.

    Heat capacities are held over the step, ``top_heat`` [W m-2] enters at the top, nothing leaves at the
    bottom.
    """
    count = len(LAYER_THICKNESS)
    zero = jnp.zeros_like(soil.between[0])
    above = [zero, *soil.between]
    below = [*soil.between, zero]
    inertia = [soil.capacity[k] / soil.step for k in range(count)]
    diagonal = [inertia[k] + above[k] + below[k] for k in range(count)]
    right = [inertia[k] * temperature[k] for k in range(count)]
    right[0] = right[0] + top_heat
    return jnp.stack(tridiagonal([-a for a in above], diagonal, [-b for b in below], right))


def freeze(temperature: PerLayer, water: PerLayer, ice: PerLayer, *, capacity: list[Array]) -> Frozen:
    """Liquid freezes below the melting point, ice thaws above it, as far as the layer's heat allows.

    No freezing-point depression. Piecewise linear: derivatives hold except where a phase is just used up.
    """
    temperatures, ices, released = [], [], []
    for k, thickness in enumerate(LAYER_THICKNESS):
        latent = LATENT_HEAT_FUSION * DENSITY_WATER * thickness
        wanted = capacity[k] * (MELTING_POINT - temperature[k]) / latent
        liquid = jnp.maximum(water[k] - ice[k], 0.0)
        change = jnp.clip(wanted, -ice[k], liquid)
        ices.append(ice[k] + change)
        released.append(latent * change)
        temperatures.append(temperature[k] + latent * change / capacity[k])
    return Frozen(jnp.stack(temperatures), jnp.stack(ices), jnp.stack(released))
