"""The formulations of the leaf experiments by name: which parameter is the default and which is learned."""

import dataclasses

import equinox as eqx
import jax
import numpy as np
from jaxtyping import PRNGKeyArray

from tilth.calibration.leaf import Build
from tilth.calibration.leaf_rules import (
    CarboxylationBySpecies,
    CarboxylationByType,
    CarboxylationFromTraits,
    DefaultCarboxylation,
    DefaultStress,
    LeafFormulation,
    LearnedStress,
    NoStress,
)
from tilth.data.leaf_points import LeafPoints
from tilth.networks.parameter_networks import CategoryNetwork, SoilShapeNetwork, TraitNetwork

FORMULATIONS = ("V_def+B_def", "V_def+B", "V+B_def", "V+B", "V")
"""Aboelyazeed et al. 2023, section 2.5.2; ``V`` learns Vcmax of leaves without stress (section 2.5.1)."""


@dataclasses.dataclass(frozen=True)
class NetworkChoices:
    """Shapes of the networks.

    ``carboxylation_from`` is type, species or traits. ``carboxylation_hidden`` and ``shape_hidden`` are sizes
    of hidden layers, the former by default one layer as wide as the input. ``embedding`` is the width of the
    embedding of the plant type in the network of B, 0 to leave the type out.
    """

    carboxylation_from: str = "type"
    carboxylation_hidden: tuple[int, ...] | None = None
    shape_hidden: tuple[int, ...] = (8,)
    embedding: int = 5


def formulation_builder(name: str, points: LeafPoints, choices: NetworkChoices) -> Build:
    """A function from a key to the formulation with fresh networks.

    Raises ``ValueError`` for an unknown name, traits that the points do not have or a soil that is missing.
    """
    if name not in FORMULATIONS:
        raise ValueError(f"unknown formulation {name!r}: expected one of {', '.join(FORMULATIONS)}")
    vcmax, _, stress = name.partition("+")
    if stress == "B" and points.soil_features.shape[-1] == 0:
        raise ValueError(
            f"{name} learns the soil-water stress, but the table has no soil: map its texture and moisture, "
            "or its water potential, or leave this formulation out"
        )

    def build(key: PRNGKeyArray) -> LeafFormulation:
        first, second = jax.random.split(key)
        return LeafFormulation(
            carboxylation=(
                DefaultCarboxylation() if vcmax == "V_def" else _carboxylation(points, choices, first)
            ),
            stress=_fixed(stress) or _stress(points, choices, second),
        )

    build(jax.random.key(0))
    return build


def _carboxylation(points: LeafPoints, choices: NetworkChoices, key: PRNGKeyArray) -> eqx.Module:
    hidden = choices.carboxylation_hidden
    match choices.carboxylation_from:
        case "type":
            return CarboxylationByType(CategoryNetwork(len(points.types), key, hidden=hidden))
        case "species":
            return CarboxylationBySpecies(CategoryNetwork(len(points.species), key, hidden=hidden))
        case "traits" if points.traits.shape[-1]:
            traits = np.asarray(points.traits)
            mean, scale = traits.mean(axis=0), np.maximum(traits.std(axis=0), 1e-6)
            network = TraitNetwork(tuple(mean.tolist()), tuple(scale.tolist()), key, hidden=hidden)
            return CarboxylationFromTraits(network)
        case "traits":
            raise ValueError("Vcmax from traits needs traits: name their columns under `traits`")
        case other:
            raise ValueError(f"Vcmax can be learned from type, species or traits, got {other!r}")


def _fixed(stress: str) -> eqx.Module | None:
    fixed = {"": NoStress, "B_def": DefaultStress}
    return fixed[stress]() if stress in fixed else None


def _stress(points: LeafPoints, choices: NetworkChoices, key: PRNGKeyArray) -> LearnedStress:
    categories = len(points.types) if choices.embedding else 0
    features = points.soil_features.shape[-1]
    return LearnedStress(
        SoilShapeNetwork(features, categories, key, width=choices.embedding, hidden=choices.shape_hidden)
    )
