"""How firmly soil holds water, and what that does to roots and evaporation.

Retention after Clapp and Hornberger 1978, doi:10.1029/WR014i004p00601.
"""

import jax.numpy as jnp
from jaxtyping import Array

from tilth.constants import GAS_CONSTANT_VAPOUR, GRAVITY
from tilth.physics.elementary import sigmoid
from tilth.physics.soil_heat import LAYER_THICKNESS
from tilth.typing import PerColumn, PerLayer

LEAST_SATURATION = 0.02
"""Saturation below which potential no longer falls [-]."""
STRESS_SLOPE = 0.02
"""Slope of the water stress function [m-1] or [kPa-1] (SiB2)."""
RESISTANCE_SHAPE = 0.2
"""Shape of the resistance of drying soil [-] (MATSIRO6 chapter 5)."""


def liquid_saturation(water: Array, ice: Array, porosity: PerColumn) -> Array:
    """Liquid water over ice-free pore space [-], within 0.02 and 1."""
    space = jnp.maximum(porosity - ice, 1e-3)
    return jnp.clip((water - ice) / space, LEAST_SATURATION, 1.0)


def water_potential(saturation: Array, saturated_potential: PerColumn, exponent: PerColumn) -> Array:
    """Matric potential [m], negative: psi_s W^-b."""
    return saturated_potential * jnp.exp(-exponent * jnp.log(saturation))


def root_fractions(shallow: PerColumn, deep: PerColumn) -> Array:
    """Fraction of roots in each layer, ``[layer, ...]`` (Zeng 2001; the last layer takes the remainder).

    ``shallow`` and ``deep`` are its decay parameters a and b [m-1].
    """
    fractions = []
    above = jnp.ones_like(shallow)
    depth = 0.0
    for thickness in LAYER_THICKNESS[:-1]:
        depth += thickness
        below = 0.5 * (jnp.exp(-shallow * depth) + jnp.exp(-deep * depth))
        fractions.append(above - below)
        above = below
    return jnp.stack([*fractions, above])


def reachable(saturation: Array) -> Array:
    """Share of a layer's water [-] that roots and air still get at: one above 4 % saturation, none at 2 %.

    Where the retention curve is flat (small exponents) the potential at 2 % holds nothing back.
    """
    return jnp.clip((saturation - LEAST_SATURATION) / LEAST_SATURATION, 0.0, 1.0)


def water_stress(
    saturation: PerLayer,
    potential: PerLayer,
    roots: PerLayer,
    *,
    critical_potential: PerColumn,
    potential_unit: float,
) -> tuple[Array, Array]:
    """Water stress factor [-] (1 unstressed) and uptake weights of the layers, ``[layer, ...]``.

    1/(1 + exp(0.02 (psi_cr - psi))) (SiB2; MATSIRO6 chapter 5), ``potential`` in [m] times
    ``potential_unit`` (1 for m, 9.80665 for kPa). Roots cannot dry a layer out (:func:`reachable`).
    """
    sensitivity = sigmoid(STRESS_SLOPE * (potential * potential_unit - critical_potential[None]))
    weighted = roots * sensitivity * reachable(saturation)
    total = jnp.sum(weighted, axis=0, keepdims=True)
    tiny = 1e-9
    weights = (weighted + tiny * roots) / (total + tiny * jnp.sum(roots, axis=0, keepdims=True))
    return total[0], weights


def pore_humidity(
    potential: PerColumn, temperature: PerColumn, gas_constant: float = GAS_CONSTANT_VAPOUR
) -> Array:
    """Relative humidity of the air in the top layer's pores [-], exp(psi g/(R T)) (Kelvin).

    MATSIRO6 chapter 5 divides by the gas constant of dry air; that of vapour is physical and the default.
    """
    return jnp.exp(potential * GRAVITY / (gas_constant * temperature))


def soil_resistance(saturation: PerColumn, scale: PerColumn) -> Array:
    """Resistance of the top layer to evaporation [s m-1]: a1 (1-W)/(0.2+W) (MATSIRO6 chapter 5)."""
    return scale * (1.0 - saturation) / (RESISTANCE_SHAPE + saturation)
