"""The plain alternative to a network: one Vcmax for each plant type by least squares."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from tilth.data.leaf_points import LeafPoints
from tilth.models.leaf import LeafModel

BOUNDS = (5.0, 300.0)
"""Range searched for Vcmax at 25 °C [umol m-2 s-1]."""
GOLDEN = 0.6180339887498949
"""Reciprocal of the golden ratio."""


class TypeCarboxylation(eqx.Module):
    """Vcmax at 25 °C of each plant type [umol m-2 s-1], found and then fixed."""

    values: Float[Array, " category"]

    def __call__(self, points: LeafPoints) -> Float[Array, " point"]:
        """Vcmax at 25 °C of each point [umol m-2 s-1]."""
        return self.values[points.type_index]


@eqx.filter_jit
def carboxylation_by_least_squares(
    model: LeafModel,
    points: LeafPoints,
    stress: Float[Array, " point"],
    observed: Float[Array, " point"],
    train: Bool[Array, " point"],
) -> TypeCarboxylation:
    """The Vcmax of each type with the least squared error over its training points, ``stress`` given.

    Types do not share points, so all are searched at once: the best of a coarse grid, refined by golden
    section (Kiefer 1953, doi:10.1090/S0002-9939-1953-0055639-3). A type without training points keeps the
    default.
    """
    count = len(points.types)

    def squares(values: Array) -> Array:
        net = model(points, values[points.type_index], stress).net
        error = jnp.where(train, net - jnp.where(train, observed, 0.0), 0.0)
        return jax.ops.segment_sum(error**2, points.type_index, count)

    grid = jnp.linspace(BOUNDS[0], BOUNDS[1], 60, dtype=observed.dtype)
    coarse = jax.lax.map(lambda value: squares(jnp.full((count,), value)), grid)
    best = jnp.clip(jnp.argmin(coarse, axis=0), 1, grid.size - 2)

    def shrink(_: Array, bracket: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = bracket
        left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
        keep_left = squares(left) < squares(right)
        return jnp.where(keep_left, low, left), jnp.where(keep_left, right, high)

    low, high = jax.lax.fori_loop(0, 40, shrink, (grid[best - 1], grid[best + 1]))
    trained = jax.ops.segment_max(train.astype(jnp.int32), points.type_index, count) > 0
    defaults = jnp.asarray([kind.carboxylation25 for kind in points.types], observed.dtype)
    return TypeCarboxylation(jnp.where(trained, 0.5 * (low + high), defaults))
