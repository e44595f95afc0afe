"""Runoff from hillslopes (TOPMODEL) or a freely drained column (MATSIRO6 chapter 9)."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array

from tilth.constants import DENSITY_WATER
from tilth.physics.soil_heat import LAYER_THICKNESS
from tilth.typing import PerColumn, PerLayer

DECAY = 3.0
"""Decay of conductivity with depth, f [m-1]."""
SLOPE = 0.05
"""Tangent of the slope [-]."""
SLOPE_LENGTH = 1386.0
"""Length of the slope [m]: 2 sqrt(3) x 20 m / 0.05."""
REFERENCE_DEPTH = 2.0
"""Depth at which conductivity has its tabulated value [m]."""
UNSATURATED_RANGE = 0.04
"""Missing saturation with which a layer counts fully as unsaturated [-]; a full one does not count at all."""


class HillslopeRunoff(NamedTuple):
    """Runoff of a step [kg m-2 s-1] and the saturated fraction of the ground [-]."""

    saturated_fraction: Array
    base_flow: Array
    """From each layer, ``[layer, ...]``."""


def surface_runoff(water: PerColumn, saturated_fraction: PerColumn, conductivity: PerColumn) -> Array:
    """Runoff [kg m-2 s-1] of liquid water reaching the ground: all of it where the soil is saturated
    (Dunne), what exceeds the conductivity [m s-1] elsewhere (Horton)."""
    supply = jnp.maximum(water, 0.0)
    excess = jnp.maximum(supply - DENSITY_WATER * conductivity, 0.0)
    return supply * saturated_fraction + excess * (1.0 - saturated_fraction)


def hillslope_runoff(saturation: PerLayer, potential: PerLayer, conductivity: PerColumn) -> HillslopeRunoff:
    """Saturated fraction and base flow of a TOPMODEL slope (Beven and Kirkby 1979 as in MATSIRO6).

    The water table stands above the lowest unsaturated layer by its matric potential [m]; the choice of
    the layer is smooth. ``conductivity`` [m s-1] is that at 2 m depth.
    """
    tops = [sum(LAYER_THICKNESS[:k]) for k in range(len(LAYER_THICKNESS))]
    missing = [jnp.clip((1.0 - w) / UNSATURATED_RANGE, 0.0, 1.0) for w in saturation]
    unsaturated = [m * m * (3.0 - 2.0 * m) for m in missing]
    weights: list[Array] = []
    below = jnp.ones_like(unsaturated[0])
    for k in reversed(range(len(LAYER_THICKNESS))):
        weights.append(unsaturated[k] * below)
        below = below * (1.0 - unsaturated[k])
    weights = weights[::-1]
    depth = sum(
        (
            weights[k] * jnp.minimum(tops[k] - potential[k], tops[k] + LAYER_THICKNESS[k])
            for k in range(len(LAYER_THICKNESS))
        ),
        start=jnp.zeros_like(below),
    )
    exponent = 1.0 - DECAY * depth
    surface_conductivity = conductivity * jnp.exp(DECAY * REFERENCE_DEPTH)
    flow = DENSITY_WATER * surface_conductivity * SLOPE / (DECAY * SLOPE_LENGTH) * jnp.exp(exponent)
    fraction = jnp.clip(-jnp.expm1(-exponent), 0.0, 1.0)
    weights[0] = weights[0] + below
    return HillslopeRunoff(fraction, jnp.stack([w * flow for w in weights]))
