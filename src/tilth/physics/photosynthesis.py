"""Assimilation of a leaf, C3 and C4 (Collatz et al. 1991, 1992; Sellers et al. 1996).

Rates in [umol m-2 s-1] of leaf, partial pressures in [Pa].
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from tilth.constants import OXYGEN_FRACTION
from tilth.physics.dual import Number, exp, maximum
from tilth.physics.numerics import smaller_root

REFERENCE_TEMPERATURE = 298.0
"""Temperature of the kinetic constants of SiB2 [K]."""
HEAT_SLOPE, COLD_SLOPE, RESPIRATION_SLOPE = 0.3, 0.2, 1.3
"""Slopes of the temperature inhibition [K-1]."""
RESPIRATION_HEAT = 328.0
"""Temperature of half inhibition of respiration [K]."""


class Leaf(NamedTuple):
    """A leaf's properties in a step; ``capacity`` is Vmax times water stress [umol m-2 s-1]."""

    capacity: Array
    quantum_efficiency: Array
    """mol CO2 per mol of absorbed quanta [mol mol-1]."""
    absorbed_quanta: Array
    """[umol m-2 s-1]."""
    heat_limit: Array
    """Temperature of half inhibition by heat [K]."""
    cold_limit: Array
    """Temperature of half inhibition by cold [K]."""
    respiration_fraction: Array
    colimitation_ce: Array
    colimitation_ps: Array
    c4: Bool[Array, "..."]


class Kinetics(NamedTuple):
    """Temperature-dependent rates at a leaf temperature."""

    rubisco: Any
    michaelis: Any
    compensation: Any
    sink: Any
    respiration: Any


def kinetics(leaf: Leaf, temperature: Number, pressure: Float[Array, "..."]) -> Kinetics:
    """Rubisco capacity, Michaelis constant, compensation point, sink and respiration at ``temperature`` [K].

    ``pressure`` of the air [Pa]. Q10 laws of SiB2 with inhibition 1 + exp(s (T - T_half)); 298.0 K is the
    reference, as in SiB2. The C4 sink is per [Pa] of internal CO2.
    """
    q = (temperature - REFERENCE_TEMPERATURE) * 0.1
    oxygen = OXYGEN_FRACTION * pressure
    heat = 1.0 + exp(HEAT_SLOPE * (temperature - leaf.heat_limit))
    cold = 1.0 + exp(COLD_SLOPE * (leaf.cold_limit - temperature))
    c4 = jnp.where(leaf.c4, 1.0, 0.0).astype(pressure.dtype)
    c3 = 1.0 - c4
    rubisco = leaf.capacity * exp(q * jnp.log(2.1)) / (heat * (c3 + c4 * cold))
    sink = leaf.capacity * exp(q * jnp.log(1.8)) * (c3 * 0.5 / cold + c4 * 0.2)
    respiration = (
        leaf.respiration_fraction
        * leaf.capacity
        * exp(q * jnp.log(2.0))
        / (1.0 + exp(RESPIRATION_SLOPE * (temperature - RESPIRATION_HEAT)))
    )
    michaelis = c3 * 30.0 * exp(q * jnp.log(2.1)) * (1.0 + oxygen / 30000.0 * exp(q * -jnp.log(1.2)))
    compensation = c3 * 0.5 * oxygen / 2600.0 * exp(q * -jnp.log(0.57))
    return Kinetics(rubisco, michaelis, compensation, sink, respiration)


def gross_assimilation(leaf: Leaf, rates: Kinetics, internal_co2: Number) -> Any:
    """Gross assimilation [umol m-2 s-1] at an internal CO2 pressure [Pa].

    Smaller roots of the co-limitation of Rubisco and light, then of both and the sink (C3) or the CO2
    supply (C4). Below the compensation point assimilation is zero, with zero slope.
    """
    above = maximum(internal_co2 - rates.compensation, 0.0)
    c4 = jnp.where(leaf.c4, 1.0, 0.0).astype(leaf.capacity.dtype)
    c3 = 1.0 - c4
    light = leaf.quantum_efficiency * leaf.absorbed_quanta
    # For C4 the ratios are one: constant 1 in numerator and denominator.
    rubisco_limited = rates.rubisco * (c4 + c3 * above) / (c4 + c3 * (internal_co2 + rates.michaelis))
    light_limited = light * (c4 + c3 * above) / (c4 + c3 * (internal_co2 + 2.0 * rates.compensation))
    sink_limited = rates.sink * (c3 + c4 * internal_co2)
    joint = smaller_root(leaf.colimitation_ce, rubisco_limited, light_limited)
    return smaller_root(leaf.colimitation_ps, joint, sink_limited)
