"""Photosynthesis of leaves: the rates, and the CO2 between the cells that agrees with the stomata.

The model of FATES and CLM as written down by Aboelyazeed et al. 2023 (doi:10.5194/bg-20-2671-2023),
Appendix A, with the smaller-root smoothing of Collatz et al. 1991. Everything is elementwise in the points.
"""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool

from tilth.physics.leaf_conductance import LOWEST_CONDUCTANCE, stomatal_conductance, surface_co2
from tilth.physics.leaf_kinetics import LeafKinetics
from tilth.physics.leaf_temperature import Points
from tilth.physics.monotone_root import increasing_root
from tilth.physics.numerics import smaller_root

CURVATURE_TRANSPORT = 0.7
"""Curvature of electron transport against light [-] (equation A4)."""
LIGHT_USE = 0.425
"""Electrons transported per absorbed photon in weak light, half of 0.85 [-] (equation A5)."""
QUANTUM_EFFICIENCY = 0.05
"""CO2 fixed per photon in C4 leaves [mol mol-1] (equation A2)."""


class LeafSurroundings(eqx.Module):
    """What a leaf meets: ``temperature`` of the leaf [K]; ``light`` absorbed [umol m-2 s-1]; ``pressure``,
    ``co2`` (of the air, or of the leaf surface with a very large conductance) and vapour pressure
    ``deficit`` [Pa]; ``boundary`` conductance [umol m-2 s-1]; ``growth_temperature`` of the air [degC].
    """  # fmt: skip

    temperature: Points
    light: Points
    pressure: Points
    co2: Points
    deficit: Points
    boundary: Points
    growth_temperature: Points


class LeafStomata(eqx.Module):
    """How stomata answer: ``slope`` g1 [kPa0.5], ``intercept`` g0 under stress [umol m-2 s-1]."""

    slope: Points
    intercept: Points


class LeafRates(eqx.Module):
    """``net`` photosynthesis A_n [umol m-2 s-1], ``intercellular`` CO2 Ci [Pa], stomatal ``conductance``
    for water [umol m-2 s-1] and the ``residual`` of Ci [Pa].
    """  # fmt: skip

    net: Points
    intercellular: Points
    conductance: Points
    residual: Points


def electron_transport(light: Points, maximum: Points) -> Points:
    """Electron transport Jx [umol m-2 s-1] (equations A4-A5) in ``light`` with the ``maximum`` Jmax."""
    return smaller_root(CURVATURE_TRANSPORT, LIGHT_USE * light, maximum)


def gross_rate(
    intercellular: Points,
    kinetics: LeafKinetics,
    transport: Points,
    surroundings: LeafSurroundings,
    is_c4: Bool[Array, "*#point"],
    curvatures: tuple[float, float],
) -> Points:
    """Gross photosynthesis [umol m-2 s-1] at ``intercellular`` CO2 [Pa] (equations A1-A3, A9-A10).

    In C3 leaves both limits share the factor ``Ci - Gamma*``, which is taken out before they are smoothed:
    the same number where it is positive, and a smooth sign change instead of the wrong root below.
    ``transport`` is Jx of C3 leaves; ``curvatures`` are those of carboxylation with light and with the
    product limit of C4.
    """
    compensation = kinetics.compensation_point
    by_enzyme = kinetics.carboxylation / (intercellular + kinetics.michaelis_constant)
    by_light = transport / (4.0 * intercellular + 8.0 * compensation)
    by_enzyme = jnp.where(is_c4, kinetics.carboxylation, by_enzyme)
    by_light = jnp.where(is_c4, QUANTUM_EFFICIENCY * surroundings.light, by_light)
    limited = smaller_root(curvatures[0], by_enzyme, by_light)
    by_product = kinetics.initial_slope * intercellular / surroundings.pressure
    return jnp.where(
        is_c4, smaller_root(curvatures[1], limited, by_product), limited * (intercellular - compensation)
    )


def leaf_photosynthesis(
    kinetics: LeafKinetics,
    stomata: LeafStomata,
    surroundings: LeafSurroundings,
    is_c4: Bool[Array, "*#point"],
    curvatures: tuple[float, float] = (0.999, 0.999),
) -> LeafRates:
    """Photosynthesis with the intercellular CO2 that satisfies supply and demand (equations A1-A19).

    ``kinetics`` are stressed already. The unknown lies between zero and what respiration alone would
    build up behind closed stomata. The conductance of closed stomata is at least 1 umol m-2 s-1.
    """
    light, pressure, co2 = surroundings.light, surroundings.pressure, surroundings.co2
    boundary = surroundings.boundary
    intercept = jnp.maximum(stomata.intercept, LOWEST_CONDUCTANCE)
    transport = electron_transport(light, kinetics.electron_transport)

    def exchange(unknown: Points) -> tuple[Points, Points]:
        net = gross_rate(unknown, kinetics, transport, surroundings, is_c4, curvatures) - kinetics.respiration
        conductance = stomatal_conductance(
            net,
            surface_co2(net, co2, pressure, boundary),
            pressure=pressure,
            deficit=surroundings.deficit,
            boundary=boundary,
            slope=stomata.slope,
            intercept=intercept,
        )
        return net, conductance

    def residual(unknown: Points) -> Points:
        net, conductance = exchange(unknown)
        return unknown - co2 + net * pressure * (1.4 / boundary + 1.6 / conductance)

    upper = co2 + 1.001 * kinetics.respiration * pressure * (1.4 / boundary + 1.6 / intercept) + 1e-3 * co2
    start = jnp.where(is_c4, 0.5, 0.75) * co2 + 0.0 * upper
    precision = float(jnp.finfo(start.dtype).eps)
    root = increasing_root(
        residual,
        lower=jnp.zeros_like(start),
        upper=upper,
        start=start,
        tolerance=max(1e-10, 100.0 * precision) * co2 + 0.0 * upper,
    )
    net, conductance = exchange(root)
    return LeafRates(net=net, intercellular=root, conductance=conductance, residual=residual(root))
