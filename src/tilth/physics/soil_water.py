"""Water in the soil: gravity and capillary flow, roots, drainage (MATSIRO6 chapter 10)."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array

from tilth.constants import DENSITY_WATER
from tilth.physics.dual import computed_once
from tilth.physics.numerics import tridiagonal
from tilth.physics.soil_heat import LAYER_THICKNESS, node_distances
from tilth.physics.soil_hydraulics import LEAST_SATURATION, liquid_saturation
from tilth.typing import PerColumn, PerLayer

SUBSTEPS = 3
"""Implicit steps of soil water in a step of the model."""
SURFACE_STORAGE = 1e-3
"""Water that may stand on the ground before it runs off [m]."""


class Soil(NamedTuple):
    """Hydraulic properties of a uniform column."""

    exponent: Array
    saturated_potential: Array
    """[m], negative."""
    conductivity: Array
    """[m s-1]."""
    porosity: Array
    """[m3 m-3]."""


class SoilWaterSinks(NamedTuple):
    """What enters and leaves the column, [kg m-2 s-1]."""

    infiltration: Array
    """Into the top, evaporation subtracted."""
    sinks: Array
    """Roots and base flow from each layer, ``[layer, ...]``."""
    drainage: Array
    """Drainage at the bottom over that of unit gradient [-]."""


class SoilWaterUpdate(NamedTuple):
    """Soil water after a step, with what drained at the bottom and ran over the top [kg m-2 s-1]."""

    water: Array
    drained: Array
    overflow: Array


def redistribute(
    water: PerLayer,
    ice: PerLayer,
    soil: Soil,
    fluxes: SoilWaterSinks,
    *,
    step: PerColumn,
    upwind: bool = False,
) -> SoilWaterUpdate:
    """Volumetric water of each layer [m3 m-3] after a step [s] of Richards' equation.

    Upward flux between layers rho_w K ((psi_below - psi_above)/dz - 1), K of the wetter layer (of the
    layer above the flux with ``upwind``), reduced by ice; implicit in potential and conductivity, in
    sub-steps. What exceeds the pores moves down, then up, and finally runs off. Every transfer is
    subtracted where it is added, so that the column's water closes to round-off.
    """
    fraction = step / SUBSTEPS

    def substep(carry: tuple[Array, Array], _: None) -> tuple[tuple[Array, Array], None]:
        present, drained = carry
        present, out = _implicit_step(present, ice, soil, fluxes, step=fraction, upwind=upwind)
        return (present, drained + out), None

    (water, drained), _ = jax.lax.scan(
        substep, (water, jnp.zeros_like(fluxes.infiltration)), None, length=SUBSTEPS
    )
    layers, overflow = _supersaturation([water[k] for k in range(len(LAYER_THICKNESS))], soil.porosity)
    return SoilWaterUpdate(jnp.stack(layers), drained / step, overflow * (DENSITY_WATER / step))


class _Flow(NamedTuple):
    """A flux [m s-1] and its slopes with the water content above and below."""

    flux: Array
    above: Array
    below: Array


def _implicit_step(
    water: Array, ice: Array, soil: Soil, fluxes: SoilWaterSinks, *, step: Array, upwind: bool
) -> tuple[Array, Array]:
    """Water contents after one implicit sub-step and the water drained in it [kg m-2]."""
    count = len(LAYER_THICKNESS)
    saturation = [liquid_saturation(water[k], ice[k], soil.porosity) for k in range(count)]
    space = [1.0 / jnp.maximum(soil.porosity - ice[k], 1e-3) for k in range(count)]
    # W^-b once a layer: potential is proportional to it, conductivity to W^3 over its square.
    logarithm = [jnp.log(w) for w in saturation]
    power = [jnp.exp(-soil.exponent * x) for x in logarithm]
    potential = [soil.saturated_potential * p for p in power]
    slope = [-soil.exponent * potential[k] / saturation[k] * space[k] for k in range(count)]
    conductivity = [soil.conductivity * w**3 / (p * p) for w, p in zip(saturation, power, strict=True)]
    steepness = 2.0 * soil.exponent + 3.0
    growth = [steepness / saturation[k] * space[k] for k in range(count)]
    ice_share = [jnp.clip(ice[k] / jnp.maximum(water[k], 1e-3), 0.0, 1.0) for k in range(count)]
    unfrozen = [1.0 - jnp.clip(ice[k] / soil.porosity, 0.0, 1.0) for k in range(count)]

    flows = []
    for k, distance in enumerate(node_distances()):
        gradient = (potential[k + 1] - potential[k]) / distance - 1.0
        from_above = gradient < 0.0 if upwind else saturation[k] > saturation[k + 1]
        # A frozen layer has hardly any liquid and an immense suction: as far as the other layer's water is
        # ice, its own conductivity counts, or a trace of ice more or less would move all the water.
        own = jnp.where(from_above, ice_share[k + 1], ice_share[k])
        contrast = jnp.where(from_above, 1.0, -1.0) * (logarithm[k + 1] - logarithm[k])
        conducts = (
            unfrozen[k]
            * unfrozen[k + 1]
            * jnp.where(from_above, conductivity[k], conductivity[k + 1])
            * jnp.exp(own * steepness * contrast)
        )
        flux = conducts * gradient
        upper_share = jnp.where(from_above, 1.0 - own, own)
        flow = _Flow(
            flux,
            -conducts * slope[k] / distance + flux * growth[k] * upper_share,
            conducts * slope[k + 1] / distance + flux * growth[k + 1] * (1.0 - upper_share),
        )
        flows.append(computed_once(flow))
    drainage = fluxes.drainage * conductivity[-1] * unfrozen[-1]
    drainage_slope = drainage * growth[-1]

    zero = jnp.zeros_like(drainage)
    flows = [
        _Flow(-fluxes.infiltration / DENSITY_WATER, zero, zero),
        *flows,
        _Flow(-drainage, -drainage_slope, zero),
    ]
    sinks = [fluxes.sinks[k] / DENSITY_WATER for k in range(count)]
    lower, diagonal, upper, right = [], [], [], []
    for k, thickness in enumerate(LAYER_THICKNESS):
        # thickness dw/dt = upward flux from below - upward flux to above - sink.
        top, bottom = flows[k], flows[k + 1]
        lower.append(top.above)
        diagonal.append(thickness / step + top.below - bottom.above)
        upper.append(-bottom.below)
        right.append(bottom.flux - top.flux - sinks[k])
    change = [zero, *computed_once(tuple(tridiagonal(lower, diagonal, upper, right))), zero]
    # Moving water by the fluxes at the solution closes the budget whatever the solution's round-off.
    moved = [flow.flux + flow.above * change[k] + flow.below * change[k + 1] for k, flow in enumerate(flows)]
    moved = _within_reach(moved, sinks, water, ice, soil.porosity, step)
    layers = [
        water[k] + (moved[k + 1] - moved[k] - sinks[k]) * (step / thickness)
        for k, thickness in enumerate(LAYER_THICKNESS)
    ]
    return jnp.stack(layers), -moved[-1] * step * DENSITY_WATER


def _within_reach(
    moved: list[Array], sinks: list[Array], water: Array, ice: Array, porosity: Array, step: Array
) -> list[Array]:
    """Upward fluxes [m s-1] over the top of each layer and the bottom of the last, none beyond what is there.

    Where conductivity is large, a linear step can take more out of a layer than it holds. No layer gives more
    liquid to its neighbours than it has above the least saturation; what enters from above and what roots
    take stays as it is.
    """
    shares = []
    for k, thickness in enumerate(LAYER_THICKNESS):
        least = LEAST_SATURATION * jnp.maximum(porosity - ice[k], 0.0)
        liquid = jnp.maximum(water[k] - ice[k] - least, 0.0)
        there = jnp.maximum(liquid * (thickness / step) - jnp.maximum(sinks[k], 0.0), 0.0)
        wanted = jnp.maximum(-moved[k + 1], 0.0)
        if k > 0:
            wanted = wanted + jnp.maximum(moved[k], 0.0)
        enough = wanted <= there
        shares.append(jnp.where(enough, 1.0, there / jnp.where(enough, 1.0, wanted)))
    limited = [moved[0]]
    for k in range(1, len(LAYER_THICKNESS)):
        limited.append(moved[k] * jnp.where(moved[k] > 0.0, shares[k], shares[k - 1]))
    return [*limited, moved[-1] * shares[-1]]


def _supersaturation(water: list[Array], porosity: Array) -> tuple[list[Array], Array]:
    """Water beyond the pores moved down, then up; the depth [m] that remains on top beyond 1 mm runs off."""
    count = len(LAYER_THICKNESS)
    layers = list(water)
    for k in range(1, count - 1):
        excess = jnp.maximum(layers[k] - porosity, 0.0)
        layers[k] = layers[k] - excess
        layers[k + 1] = layers[k + 1] + excess * (LAYER_THICKNESS[k] / LAYER_THICKNESS[k + 1])
    for k in range(count - 1, 0, -1):
        excess = jnp.maximum(layers[k] - porosity, 0.0)
        layers[k] = layers[k] - excess
        layers[k - 1] = layers[k - 1] + excess * (LAYER_THICKNESS[k] / LAYER_THICKNESS[k - 1])
    limit = porosity + SURFACE_STORAGE / LAYER_THICKNESS[0]
    excess = jnp.maximum(layers[0] - limit, 0.0)
    layers[0] = layers[0] - excess
    return layers, excess * LAYER_THICKNESS[0]
