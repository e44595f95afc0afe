"""Soil-water stress of leaves from texture, organic matter and moisture of soil layers.

Aboelyazeed et al. 2023 (doi:10.5194/bg-20-2671-2023), equations 7-12 and Appendix B, after Oleson et al.
2013 (CLM4.5 technical note). Ice is left out: leaves are measured above freezing, where the thaw condition of
equation 8 always holds.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from tilth.physics.leaf_temperature import Points

LAYER_BOUNDS = (0.0, 0.1, 0.3, 0.6, 1.0, 2.0)
"""Depths of the layer boundaries of the soil texture maps of Hengl 2018 [m]."""
LOWEST_WETNESS = 0.01
"""Lowest soil wetness (equation B6) [-]."""


def porosity(sand: Points, organic: Points) -> Points:
    """Volumetric water content at saturation [m3 m-3] (equations B7-B8).

    ``sand`` of the mineral soil [%], ``organic`` matter fraction [-].
    """
    return (1.0 - organic) * (0.489 - 0.00126 * sand) + 0.9 * organic


def saturated_potential(sand: Points, organic: Points) -> Points:
    """Matric potential at saturation [mm], negative (equations B4-B5).

    The mineral part is ``-10 10^(1.88 - 0.0131 sand)`` (Oleson et al. 2013, equation 7.88): the minus sign
    between the factors in the printed B5 is an error. ``sand`` [%], ``organic`` [-].
    """
    return -(1.0 - organic) * 10.0 * 10.0 ** (1.88 - 0.0131 * sand) - 10.3 * organic


def retention_exponent(clay: Points, organic: Points) -> Points:
    """Exponent of the retention curve [-] (equations B9-B10). ``clay`` [%], ``organic`` [-]."""
    return (1.0 - organic) * (2.91 + 0.159 * clay) + 2.7 * organic


def wetness(liquid: Points, saturation: Points) -> Points:
    """Wetness of the soil, 0.01 to 1 [-] (equation B6), from volumetric contents [m3 m-3]."""
    return jnp.clip(liquid / saturation, LOWEST_WETNESS, 1.0)


def wetness_from_potential(potential: Points, saturated: Points, exponent: Points) -> Points:
    """Wetness at a matric potential, 0.01 to 1 [-]: equation 7 inverted, ``(psi / psi_sat)^(-1/B)``.

    ``potential`` and ``saturated`` in the same unit, both negative; ``exponent`` [-].
    """
    return jnp.clip((potential / saturated) ** (-1.0 / exponent), LOWEST_WETNESS, 1.0)


def retained_potential(wet: Points, at_saturation: Points, exponent: Points, closed: Points) -> Points:
    """Matric potential of soil of wetness ``wet``, not below that of closed stomata [mm].

    ``max(psi_c, psi S^-B)``: equation 7 with the saturated potential and the exponent of the texture, or
    equation 10 with the potential of open stomata and the learned exponent. Potentials in [mm].
    """
    return jnp.maximum(closed, at_saturation * wet ** (-exponent))


def layer_stress(potential: Points, open_potential: Points, closed_potential: Points) -> Points:
    """Wilting factor of a layer, 0 dry to 1 wet [-] (equations 8 and 12). Potentials in [mm].

    The gradient is zero where the soil is wetter than at open, or drier than at closed stomata.
    """
    fraction = (closed_potential - potential) / (closed_potential - open_potential)
    return jnp.clip(fraction, 0.0, 1.0)


def soil_water_stress(
    layers: Float[Array, "*point layer"], root_fraction: Float[Array, "*#point layer"]
) -> Float[Array, "*point"]:
    """Stress of the plant, 0 to 1 [-]: wilting factors weighted with the roots (equation 9)."""
    return jnp.sum(layers * root_fraction, axis=-1)


def root_fractions(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Fraction of roots in each layer of the texture maps ``[..., layer]`` (Zeng 2001), host side.

    Cumulative roots are ``1 - (exp(-a z) + exp(-b z)) / 2`` with ``a`` and ``b`` in [m-1] (doi:10.1175/
    1525-7541(2001)002<0525:GVRDFL>2.0.CO;2, equation 2); what lies below 2 m counts to the last layer.
    """
    depth = np.asarray(LAYER_BOUNDS)
    rate_a, rate_b = np.asarray(a)[..., None], np.asarray(b)[..., None]
    below = 0.5 * (np.exp(-rate_a * depth) + np.exp(-rate_b * depth))
    below[..., -1] = 0.0
    return below[..., :-1] - below[..., 1:]
