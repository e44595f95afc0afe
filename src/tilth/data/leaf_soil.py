"""Soil of leaf measurements: wetness, default potential and network inputs from what a table offers."""

from collections.abc import Callable, Mapping, Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from tilth.parameters.leaf_types import LeafType
from tilth.physics.leaf_soil_stress import (
    LAYER_BOUNDS,
    LOWEST_WETNESS,
    porosity,
    retention_exponent,
    root_fractions,
    saturated_potential,
    wetness,
    wetness_from_potential,
)

TEXTURE = ("sand", "clay", "organic_matter")
HYDRAULIC = ("soil_water_potential", "air_entry_potential", "retention_exponent")


def leaf_soil(values: Mapping[str, np.ndarray], types: Sequence[LeafType]) -> dict[str, np.ndarray]:
    """Fields ``wetness``, ``default_potential``, ``root_fraction`` and ``soil_features`` of a leaf table.

    From texture and moisture (Aboelyazeed et al. 2023, Appendix B) or, where the table has the water
    potential, the air-entry potential [mm] and the retention exponent b instead, with the wetness
    S = (psi / psi_e)^(-1/b). Empty where it has neither.
    Raises ``ValueError`` where only a part of either is there.
    """
    texture = [name for name in TEXTURE if name in values]
    hydraulic = [name for name in HYDRAULIC if name in values]
    if texture:
        moisture = {"soil_moisture", "soil_wetness"} & set(values)
        if len(texture) < len(TEXTURE) or not moisture:
            raise ValueError(
                f"soil is given in part only ({sorted({*texture, *moisture})}): expected {list(TEXTURE)} and "
                "soil_moisture or soil_wetness, or none of them"
            )
        return _from_texture(values, types)
    if hydraulic:
        if len(hydraulic) < len(HYDRAULIC):
            raise ValueError(
                f"soil is given in part only ({hydraulic}): expected {list(HYDRAULIC)}, or none of them"
            )
        return _from_potential(values)
    return {}


def _from_texture(values: Mapping[str, np.ndarray], types: Sequence[LeafType]) -> dict[str, np.ndarray]:
    sand, clay, organic = (_layers(values[name]) for name in TEXTURE)
    if "soil_wetness" in values:
        wet = np.clip(_layers(values["soil_wetness"]), LOWEST_WETNESS, 1.0)
    else:
        wet = _host(wetness, _layers(values["soil_moisture"]), _host(porosity, sand, organic))
    if not sand.shape == clay.shape == organic.shape == wet.shape:
        raise ValueError(
            f"soil columns have different numbers of layers: sand {sand.shape[1]}, clay {clay.shape[1]}, "
            f"organic matter {organic.shape[1]}, moisture {wet.shape[1]}; map the same layers of each"
        )
    exponent = _host(retention_exponent, clay, organic)
    return {
        "wetness": wet,
        "default_potential": _host(saturated_potential, sand, organic) * wet**-exponent,
        "root_fraction": _roots(values, types, sand.shape[1]),
        "soil_features": np.stack([sand / 100.0, clay / 100.0, organic], axis=-1),
    }


def _from_potential(values: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    potential, entry, exponent = (_layers(values[name]) for name in HYDRAULIC)
    wet = _host(wetness_from_potential, np.minimum(potential, entry), entry, exponent)
    return {
        "wetness": wet,
        "default_potential": entry * wet**-exponent,
        "root_fraction": np.full(wet.shape, 1.0 / wet.shape[1]),
        "soil_features": np.stack([exponent / 10.0, -entry / 200.0], axis=-1),
    }


def _roots(values: Mapping[str, np.ndarray], types: Sequence[LeafType], layers: int) -> np.ndarray:
    if "root_fraction" in values and _layers(values["root_fraction"]).shape[1] == layers:
        return _layers(values["root_fraction"])
    if layers == len(LAYER_BOUNDS) - 1:
        return root_fractions(np.array([t.root_a for t in types]), np.array([t.root_b for t in types]))
    if layers == 1:
        return np.ones((len(types), 1))
    raise ValueError(
        f"{layers} soil layers and no root fractions: expected 1 or {len(LAYER_BOUNDS) - 1} layers, or a "
        "root_fraction column for each layer"
    )


def _layers(values: np.ndarray) -> np.ndarray:
    return values if values.ndim == 2 else values[:, None]


def _host(function: Callable[..., Array], *arguments: np.ndarray) -> np.ndarray:
    return np.asarray(function(*(jnp.asarray(argument) for argument in arguments)))
