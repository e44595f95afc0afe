"""Stomatal conductance of Medlyn and the boundary layer of a leaf."""

import jax.numpy as jnp

from tilth.constants import GAS_CONSTANT
from tilth.physics.leaf_temperature import Points

LOWEST_SURFACE_CO2 = 1e-6
"""Lowest partial pressure of CO2 at the leaf surface [Pa] (equation A12)."""
LOWEST_DEFICIT = 50.0
"""Lowest vapour pressure deficit in the conductance [Pa] (equation A18)."""
LOWEST_CONDUCTANCE = 1.0
"""Lowest conductance of closed stomata [umol m-2 s-1]: water stress would make it zero and Ci infinite."""
TURBULENT_TRANSFER = 0.01
"""Transfer coefficient between leaf and canopy air [m s-1/2] (equation A13)."""
LEAF_WIDTH = 0.04
"""Characteristic width of a leaf across the wind [m] (equation A13)."""


def boundary_conductance(wind_speed: Points, temperature: Points, pressure: Points) -> Points:
    """Conductance of the leaf boundary layer for heat [umol m-2 s-1].

    ``P / (R T r_b)`` with ``r_b = sqrt(d_leaf / U) / C_v`` (Aboelyazeed et al. 2023,
    doi:10.5194/bg-20-2671-2023, equation A13). ``wind_speed`` [m s-1] must be positive: calm air would
    stop all exchange. ``temperature`` [K], ``pressure`` [Pa].
    """
    velocity = TURBULENT_TRANSFER * jnp.sqrt(wind_speed / LEAF_WIDTH)
    return 1e6 * pressure / (GAS_CONSTANT * temperature) * velocity


def surface_co2(net_rate: Points, co2: Points, pressure: Points, boundary: Points) -> Points:
    """Partial pressure of CO2 at the leaf surface [Pa], not below 1e-6 (equation A12).

    ``net_rate`` [umol m-2 s-1], ``co2`` and ``pressure`` of the air [Pa], ``boundary`` [umol m-2 s-1].
    """
    return jnp.maximum(co2 - 1.4 * pressure * net_rate / boundary, LOWEST_SURFACE_CO2)


def stomatal_conductance(
    net_rate: Points,
    surface: Points,
    *,
    pressure: Points,
    deficit: Points,
    boundary: Points,
    slope: Points,
    intercept: Points,
) -> Points:
    """Stomatal conductance for water vapour [umol m-2 s-1] (Medlyn et al. 2011; equations A14-A18).

    Larger root of the quadratic, written without the difference of large numbers: with
    ``d = 1.6 A_n P / Cs`` and ``k = g1² / (g_b D)`` it is ``g0 + d + k d² / 2 + d sqrt(k (g0 + d) +
    (k d / 2)² + g1² / D)``, which is ``g0`` for ``A_n = 0`` and is held there below, without a gradient.
    ``net_rate`` [umol m-2 s-1], ``surface`` Cs, ``pressure`` and ``deficit`` in [Pa] (the latter taken as
    at least 50), ``boundary`` and ``intercept`` g0 in [umol m-2 s-1], ``slope`` g1 in [kPa0.5].
    """
    kilopascals = 1e-3 * jnp.maximum(deficit, LOWEST_DEFICIT)
    demand = 1.6 * jnp.maximum(net_rate, 0.0) * pressure / surface
    humidity = slope**2 / kilopascals
    feedback = humidity / boundary
    root = jnp.sqrt(feedback * (intercept + demand) + (0.5 * feedback * demand) ** 2 + humidity)
    return intercept + demand * (1.0 + 0.5 * feedback * demand + root)
