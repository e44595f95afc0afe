"""The leaf model: photosynthesis of points from Vcmax at 25 °C and soil-water stress."""

import abc

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from tilth.constants import OXYGEN_FRACTION
from tilth.data.leaf_points import LeafPoints
from tilth.physics.leaf_kinetics import LeafKinetics, c3_kinetics, c4_kinetics, choose_pathway
from tilth.physics.leaf_photosynthesis import LeafRates, LeafStomata, leaf_photosynthesis
from tilth.physics.leaf_soil_stress import layer_stress, retained_potential, soil_water_stress

PerPoint = Float[Array, " point"]
PerPointLayer = Float[Array, "point layer"]


class AbstractTransportRatio(eqx.Module):
    """How Jmax at 25 °C follows from Vcmax at 25 °C."""

    @abc.abstractmethod
    def __call__(self, growth_temperature: PerPoint) -> PerPoint:
        """Ratio Jmax25 / Vcmax25 [-] of leaves grown at ``growth_temperature`` [degC]."""


class ConstantTransportRatio(AbstractTransportRatio):
    """A constant ratio, 1.67 in FATES (Aboelyazeed et al. 2023, equation A6)."""

    ratio: float = 1.67

    def __call__(self, growth_temperature: PerPoint) -> PerPoint:
        """The constant [-]."""
        return jnp.full_like(growth_temperature, self.ratio)


class AcclimatedTransportRatio(AbstractTransportRatio):
    """``2.59 - 0.035 t10`` with t10 within 11 to 35 °C (Kattge and Knorr 2007; CLM4.5 and CLM5)."""

    def __call__(self, growth_temperature: PerPoint) -> PerPoint:
        """The ratio [-]."""
        return 2.59 - 0.035 * jnp.clip(growth_temperature, 11.0, 35.0)


class LeafModel(eqx.Module):
    """Leaf photosynthesis of FATES and CLM (Aboelyazeed et al. 2023, Appendices A and B).

    ``oxygen_fraction`` is 0.209 in CLM and 0.20 in the text of the paper; ``curvature_light`` and
    ``curvature_product`` smooth the minima of the limiting rates (0.999 in FATES; CLM5 0.98 and 0.95 in C3,
    0.80 and 0.95 in C4) [-].
    """

    transport_ratio: AbstractTransportRatio = ConstantTransportRatio()
    oxygen_fraction: float = eqx.field(default=OXYGEN_FRACTION, static=True)
    curvature_light: float = eqx.field(default=0.999, static=True)
    curvature_product: float = eqx.field(default=0.999, static=True)

    def __call__(self, points: LeafPoints, carboxylation25: PerPoint, stress: PerPoint) -> LeafRates:
        """Rates of all points. ``carboxylation25`` [umol m-2 s-1]; ``stress`` 0 dry to 1 wet [-].

        Stress scales Vcmax and the stomatal intercept, not respiration.
        """
        air = points.surroundings
        transport25 = self.transport_ratio(air.growth_temperature) * carboxylation25
        c3 = c3_kinetics(
            carboxylation25,
            transport25,
            temperature=air.temperature,
            pressure=air.pressure,
            growth_temperature=air.growth_temperature,
            oxygen_fraction=self.oxygen_fraction,
        )
        kinetics = choose_pathway(points.is_c4, c4_kinetics(carboxylation25, air.temperature), c3)
        return leaf_photosynthesis(
            _stressed(kinetics, stress),
            LeafStomata(slope=points.slope, intercept=points.intercept * stress),
            air,
            points.is_c4,
            (self.curvature_light, self.curvature_product),
        )


def default_stress(points: LeafPoints) -> PerPoint:
    """Stress of CLM4.5 from the potential that texture and moisture give each layer [-] (equations 7-9)."""
    closed = points.closed_potential[:, None]
    layers = layer_stress(
        jnp.maximum(closed, points.default_potential), points.open_potential[:, None], closed
    )
    return soil_water_stress(layers, points.root_fraction)


def learned_stress(points: LeafPoints, exponent: PerPointLayer) -> PerPoint:
    """Stress from a shape ``exponent`` B, 0 to 1, of each point and layer [-] (equations 9, 10 and 12)."""
    start, closed = points.open_potential[:, None], points.closed_potential[:, None]
    potential = retained_potential(points.wetness, start, exponent, closed)
    return soil_water_stress(layer_stress(potential, start, closed), points.root_fraction)


def _stressed(kinetics: LeafKinetics, stress: PerPoint) -> LeafKinetics:
    return eqx.tree_at(lambda k: k.carboxylation, kinetics, kinetics.carboxylation * stress)
