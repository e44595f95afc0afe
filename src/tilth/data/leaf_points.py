"""Leaf measurements: the table on the host, and the points the leaf model runs on.

:class:`LeafTable` is what readers and the generator return (NumPy, SI, provenance), :class:`LeafPoints`
holds the same as JAX arrays with the constants of each point's plant functional type.
"""

import dataclasses
from collections.abc import Mapping

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from tilth.parameters.leaf_types import LeafType, named_leaf_types
from tilth.physics.leaf_photosynthesis import LeafSurroundings

SURROUNDINGS = tuple(LeafSurroundings.__dataclass_fields__)
"""Names of the drivers in ``LeafTable.surroundings``; units as in :class:`LeafSurroundings`."""


@dataclasses.dataclass(frozen=True, eq=False)
class LeafTable:
    """Measurements of leaf gas exchange with everything needed to simulate them.

    ``surroundings`` holds complete drivers by name; ``net_rate`` the measured net photosynthesis [umol m-2
    s-1] or None; ``location``, ``species`` and ``plant_type`` are labels; ``date`` [datetime64[D]].
    ``wetness`` and ``default_potential`` [mm, negative] of the soil and ``root_fraction`` are ``[point,
    layer]``, ``soil_features`` ``[point, layer, feature]`` scaled to about 0..1 and named by
    ``feature_names``; all four are None where the soil is not known. ``traits`` is ``[point, trait]``.
    """

    surroundings: Mapping[str, np.ndarray]
    location: np.ndarray
    species: np.ndarray
    plant_type: np.ndarray
    date: np.ndarray
    net_rate: np.ndarray | None = None
    wetness: np.ndarray | None = None
    default_potential: np.ndarray | None = None
    root_fraction: np.ndarray | None = None
    soil_features: np.ndarray | None = None
    feature_names: tuple[str, ...] = ()
    traits: np.ndarray | None = None
    trait_names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    files: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def __len__(self) -> int:
        """Number of measurements."""
        return len(self.date)

    @property
    def types(self) -> tuple[LeafType, ...]:
        """The plant functional types that occur, in alphabetical order."""
        return tuple(sorted(set(named_leaf_types(np.unique(self.plant_type).tolist())), key=_table_order))

    @property
    def species_names(self) -> tuple[str, ...]:
        """The species that occur, in alphabetical order."""
        return tuple(np.unique(self.species).tolist())

    def replace(self, **changes: object) -> "LeafTable":
        """A copy with some fields changed."""
        return dataclasses.replace(self, **changes)  # type: ignore[arg-type]


class LeafPoints(eqx.Module):
    """Points of a leaf table on the device. ``open_potential`` and the like are those of the point's type.

    ``type_index`` counts within ``types``, ``species_index`` within ``species``. Without soil there is one
    layer of wetness one with all roots and no features.
    """

    surroundings: LeafSurroundings
    is_c4: Bool[Array, " point"]
    slope: Float[Array, " point"]
    intercept: Float[Array, " point"]
    open_potential: Float[Array, " point"]
    closed_potential: Float[Array, " point"]
    default_carboxylation: Float[Array, " point"]
    type_index: Int[Array, " point"]
    species_index: Int[Array, " point"]
    wetness: Float[Array, "point layer"]
    default_potential: Float[Array, "point layer"]
    root_fraction: Float[Array, "point layer"]
    soil_features: Float[Array, "point layer feature"]
    traits: Float[Array, "point trait"]
    types: tuple[LeafType, ...] = eqx.field(static=True)
    species: tuple[str, ...] = eqx.field(static=True)

    @classmethod
    def of(cls, table: LeafTable, dtype: jax.typing.DTypeLike = float) -> "LeafPoints":
        """The points of a table, with the constants of their types from the table of types."""
        count, types, species = len(table), table.types, table.species_names
        kinds = named_leaf_types(table.plant_type.tolist())

        def array(values: object) -> Array:
            return jnp.asarray(np.asarray(values), dtype=dtype)

        def or_else(values: np.ndarray | None, shape: tuple[int, ...], value: float) -> Array:
            return array(np.full(shape, value) if values is None else values)

        features = (count, 1, 0) if table.wetness is None else (*table.wetness.shape, 0)
        return cls(
            surroundings=LeafSurroundings(**{name: array(table.surroundings[name]) for name in SURROUNDINGS}),
            is_c4=jnp.asarray([kind.pathway == "C4" for kind in kinds]),
            slope=array([kind.slope for kind in kinds]),
            intercept=array([kind.intercept for kind in kinds]),
            open_potential=array([kind.open_potential for kind in kinds]),
            closed_potential=array([kind.closed_potential for kind in kinds]),
            default_carboxylation=array([kind.carboxylation25 for kind in kinds]),
            type_index=jnp.asarray([types.index(kind) for kind in kinds], dtype=jnp.int32),
            species_index=jnp.asarray(np.searchsorted(species, table.species), dtype=jnp.int32),
            wetness=or_else(table.wetness, (count, 1), 1.0),
            default_potential=or_else(table.default_potential, (count, 1), 0.0),
            root_fraction=or_else(table.root_fraction, (count, 1), 1.0),
            soil_features=or_else(table.soil_features, features, 0.0),
            traits=or_else(table.traits, (count, 0), 0.0),
            types=types,
            species=species,
        )

    @property
    def count(self) -> int:
        """Number of points."""
        return self.type_index.shape[0]


def _table_order(kind: LeafType) -> str:
    return kind.name.lower()
