"""Ball-Berry stomata coupled to the leaf boundary layer."""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from tilth.physics.dual import Number, maximum, minimum
from tilth.physics.numerics import larger_root
from tilth.physics.photosynthesis import Kinetics, Leaf, gross_assimilation

LEAST_SURFACE_CO2 = 1.0
"""Least CO2 pressure at the leaf surface [Pa]."""


class Stomata(NamedTuple):
    """Ball-Berry parameters and the air outside the leaf's boundary layer, as mole fractions."""

    slope: Array
    intercept: Array
    """Minimum conductance times water stress [mol m-2 s-1]."""
    co2: Array
    """[mol mol-1]."""
    vapour: Array
    """[mol mol-1]."""
    light_factor: Array
    """Leaf mean over the top leaf [-]."""
    pressure: Array


class GasExchange(NamedTuple):
    """Leaf gas exchange: net assimilation of the mean leaf and gross of the top leaf [umol m-2 s-1],
    conductance for vapour [mol m-2 s-1], and the residual of internal CO2 [Pa]."""

    net: Any
    gross: Any
    conductance: Any
    residual: Any


def gas_exchange(
    leaf: Leaf,
    stomata: Stomata,
    rates: Kinetics,
    *,
    internal_co2: Number,
    boundary_conductance: Number,
    saturated_vapour: Number,
) -> GasExchange:
    """Gas exchange at a trial ``internal_co2`` [Pa], and how far supply differs from it.

    ``boundary_conductance`` [mol m-2 s-1], ``saturated_vapour`` at leaf temperature [mol mol-1]. Ball 1988:
    g_s = m A_n/c_s h_s + b with h_s at the leaf surface eliminated; the quadratic is divided so that it
    stays well scaled, and gives g_s = b where A_n <= 0. MATSIRO6 chapter 5; Collatz et al. 1991.
    """
    gross = gross_assimilation(leaf, rates, internal_co2)
    net = (gross - rates.respiration) * stomata.light_factor
    net_mol = net * 1e-6
    surface_co2 = stomata.co2 - 1.4 * net_mol / boundary_conductance
    bounded = minimum(maximum(surface_co2, LEAST_SURFACE_CO2 / stomata.pressure), stomata.co2)
    demand = stomata.slope * maximum(net_mol, 0.0) / bounded
    linear = boundary_conductance - stomata.intercept - demand
    constant = -boundary_conductance * (stomata.intercept + demand * stomata.vapour / saturated_vapour)
    conductance = larger_root(linear, constant)
    supply = stomata.pressure * (surface_co2 - 1.6 * net_mol / conductance)
    return GasExchange(net, gross, conductance, internal_co2 - supply)


def internal_co2_by_bisection(
    leaf: Leaf,
    stomata: Stomata,
    rates: Kinetics,
    *,
    boundary_conductance: Float[Array, "..."],
    saturated_vapour: Float[Array, "..."],
    iterations: int = 60,
) -> Array:
    """Internal CO2 [Pa] by bisection: the slow, certain reference for the coupled Newton iteration."""
    top = (
        1.05
        * stomata.pressure
        * (
            stomata.co2
            + (1.4 / boundary_conductance + 1.6 / stomata.intercept)
            * stomata.light_factor
            * rates.respiration
            * 1e-6
        )
        + 1.0
    )
    low, high = jnp.full_like(top, 0.01), top
    for _ in range(iterations):
        middle = 0.5 * (low + high)
        residual = gas_exchange(
            leaf,
            stomata,
            rates,
            internal_co2=middle,
            boundary_conductance=boundary_conductance,
            saturated_vapour=saturated_vapour,
        ).residual
        low, high = jnp.where(residual < 0.0, middle, low), jnp.where(residual < 0.0, high, middle)
    return 0.5 * (low + high)
