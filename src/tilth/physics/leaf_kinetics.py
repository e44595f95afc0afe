"""Rates and constants of photosynthesis at leaf temperature, for C3 and C4 leaves.

Aboelyazeed et al. 2023 (doi:10.5194/bg-20-2671-2023), Appendix A, with the temperature responses of CLM5
(Lawrence et al. 2019, technical note, chapter 9).
"""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool

from tilth.physics.leaf_temperature import (
    Points,
    acclimated_entropy,
    arrhenius_factor,
    deactivation_factor,
    doubling_factor,
)


class LeafKinetics(eqx.Module):
    """Kinetics of leaves at their temperature; the fields of the other pathway are harmless numbers.

    ``carboxylation`` Vcmax, ``electron_transport`` Jmax and ``respiration`` Rd in [umol m-2 s-1],
    ``compensation_point`` and ``michaelis_constant`` Kc (1 + Oi / Ko) in [Pa], ``initial_slope`` kp of the
    C4 response to CO2 in [umol m-2 s-1], per mole fraction.
    """

    carboxylation: Points
    electron_transport: Points
    respiration: Points
    compensation_point: Points
    michaelis_constant: Points
    initial_slope: Points


def c3_kinetics(
    carboxylation25: Points,
    electron_transport25: Points,
    *,
    temperature: Points,
    pressure: Points,
    growth_temperature: Points,
    oxygen_fraction: float,
) -> LeafKinetics:
    """Kinetics of C3 leaves, without water stress (equations A6-A7; CLM5 technical note 9.9-9.14).

    ``carboxylation25`` and ``electron_transport25`` are Vcmax and Jmax at 25 °C [umol m-2 s-1];
    ``temperature`` of the leaf [K], ``pressure`` [Pa], ``growth_temperature`` 10-day mean of the air
    [degC], ``oxygen_fraction`` [mol mol-1].
    """
    entropy_v = acclimated_entropy(growth_temperature, 668.39, 1.07)
    entropy_j = acclimated_entropy(growth_temperature, 659.70, 0.75)
    entropy_r = jnp.asarray(490.0, temperature.dtype)
    carboxylation = arrhenius_factor(temperature, 72000.0) * deactivation_factor(
        temperature, 2.0e5, entropy_v
    )
    transport = arrhenius_factor(temperature, 50000.0) * deactivation_factor(temperature, 2.0e5, entropy_j)
    respiration = arrhenius_factor(temperature, 46390.0) * deactivation_factor(
        temperature, 150650.0, entropy_r
    )
    constant_c = 404.9e-6 * pressure * arrhenius_factor(temperature, 79430.0)
    constant_o = 278.4e-3 * pressure * arrhenius_factor(temperature, 36380.0)
    return LeafKinetics(
        carboxylation=carboxylation25 * carboxylation,
        electron_transport=electron_transport25 * transport,
        respiration=0.015 * carboxylation25 * respiration,
        compensation_point=42.75e-6 * pressure * arrhenius_factor(temperature, 37830.0),
        michaelis_constant=constant_c * (1.0 + oxygen_fraction * pressure / constant_o),
        initial_slope=jnp.zeros_like(carboxylation25 * temperature),
    )


def c4_kinetics(carboxylation25: Points, temperature: Points) -> LeafKinetics:
    """Kinetics of C4 leaves, without water stress (equations A7-A8; CLM5 technical note 9.15-9.17).

    ``carboxylation25`` is Vcmax at 25 °C [umol m-2 s-1], ``temperature`` that of the leaf [K].
    """
    doubling = doubling_factor(temperature)
    hot = 1.0 + jnp.exp(0.3 * (temperature - 313.15))
    cold = 1.0 + jnp.exp(0.2 * (288.15 - temperature))
    nothing = jnp.zeros_like(carboxylation25 * temperature)
    return LeafKinetics(
        carboxylation=carboxylation25 * doubling / (hot * cold),
        electron_transport=nothing,
        respiration=0.025 * carboxylation25 * doubling / (1.0 + jnp.exp(1.3 * (temperature - 328.15))),
        compensation_point=nothing,
        michaelis_constant=nothing + 1.0,
        initial_slope=20000.0 * carboxylation25 * doubling,
    )


def choose_pathway(is_c4: Bool[Array, "*#point"], c4: LeafKinetics, c3: LeafKinetics) -> LeafKinetics:
    """Kinetics of each leaf by its pathway: ``c4`` where ``is_c4``, else ``c3``."""
    return LeafKinetics(
        **{
            name: jnp.where(is_c4, getattr(c4, name), getattr(c3, name))
            for name in LeafKinetics.__dataclass_fields__
        }
    )
