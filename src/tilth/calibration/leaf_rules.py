"""Rules that give leaves their parameters: Vcmax at 25 °C and soil-water stress, fixed or learned.

A rule is a module called with the points. Those that learn hold a network: any module with the same
arguments may take its place. Float arrays in a rule are trained; what is fixed is read from the points.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from tilth.data.leaf_points import LeafPoints
from tilth.models.leaf import default_stress, learned_stress

PerPoint = Float[Array, " point"]


class DefaultCarboxylation(eqx.Module):
    """Vcmax at 25 °C of the table of plant types (``V_def``)."""

    def __call__(self, points: LeafPoints) -> PerPoint:
        """Vcmax at 25 °C [umol m-2 s-1]."""
        return points.default_carboxylation


class CarboxylationByType(eqx.Module):
    """Vcmax at 25 °C that a network gives each plant type (``V``, equation 6)."""

    network: eqx.Module

    def __call__(self, points: LeafPoints) -> PerPoint:
        """Vcmax at 25 °C [umol m-2 s-1]."""
        return self.network(points.type_index).astype(points.slope.dtype)  # type: ignore[operator]


class CarboxylationBySpecies(eqx.Module):
    """Vcmax at 25 °C that a network gives each species."""

    network: eqx.Module

    def __call__(self, points: LeafPoints) -> PerPoint:
        """Vcmax at 25 °C [umol m-2 s-1]."""
        return self.network(points.species_index).astype(points.slope.dtype)  # type: ignore[operator]


class CarboxylationFromTraits(eqx.Module):
    """Vcmax at 25 °C that a network computes from continuous traits."""

    network: eqx.Module

    def __call__(self, points: LeafPoints) -> PerPoint:
        """Vcmax at 25 °C [umol m-2 s-1]."""
        return self.network(points.traits).astype(points.slope.dtype)  # type: ignore[operator]


class NoStress(eqx.Module):
    """Leaves with all the water they want."""

    def __call__(self, points: LeafPoints) -> PerPoint:
        """Stress of one [-]."""
        return jnp.ones_like(points.slope)


class DefaultStress(eqx.Module):
    """Stress of CLM4.5 from soil texture and moisture (``B_def``)."""

    def __call__(self, points: LeafPoints) -> PerPoint:
        """Stress, 0 dry to 1 wet [-]."""
        return default_stress(points)


class LearnedStress(eqx.Module):
    """Stress with the shape that a network gives each layer (``B``, equations 10-12)."""

    network: eqx.Module

    def shape(self, points: LeafPoints) -> Float[Array, "point layer"]:
        """The shape B of each point and layer, 0 to 1 [-]."""
        return self.network(points.soil_features, points.type_index).astype(points.slope.dtype)  # type: ignore[operator]

    def __call__(self, points: LeafPoints) -> PerPoint:
        """Stress, 0 dry to 1 wet [-]."""
        return learned_stress(points, self.shape(points))


class LeafFormulation(eqx.Module):
    """The two rules of a leaf model: one of the paper's V_def or V, with B_def or B."""

    carboxylation: eqx.Module
    stress: eqx.Module

    def __call__(self, points: LeafPoints) -> tuple[PerPoint, PerPoint]:
        """Vcmax at 25 °C [umol m-2 s-1] and stress [-] of each point."""
        return self.carboxylation(points), self.stress(points)  # type: ignore[operator]


def learns(formulation: LeafFormulation) -> bool:
    """Whether anything in the formulation is trained."""
    return bool(jax.tree.leaves(eqx.filter(formulation, eqx.is_inexact_array)))
