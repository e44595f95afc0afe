"""Whether Vcmax and the stress shape can be told apart: curvature and profiles of the loss."""

import dataclasses

import equinox as eqx
import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from tilth.calibration.leaf_rules import LeafFormulation, LearnedStress
from tilth.data.leaf_points import LeafPoints
from tilth.models.leaf import LeafModel, learned_stress

SMALLEST = 1e-4
"""Singular values below this share of the largest count as directions that the data do not see."""


@dataclasses.dataclass(frozen=True)
class Curvature:
    """Curvature of the least-squares loss at a trained formulation, from its Gauss-Newton matrix.

    ``carboxylation`` [type] and ``shape`` [point] are standard errors of Vcmax at 25 °C [umol m-2 s-1] and of
    B of the first layer [-] (NaN where not learned); ``singular_values`` those of the sensitivities of all
    points to all weights; ``seen`` how many directions of the weights the data constrain.
    """

    carboxylation: np.ndarray
    shape: np.ndarray
    singular_values: np.ndarray
    seen: int


def curvature(
    model: LeafModel,
    points: LeafPoints,
    formulation: LeafFormulation,
    train: Bool[Array, " point"],
    noise: float,
) -> Curvature:
    """Standard errors of the learned parameters for measurements with error ``noise`` [umol m-2 s-1].

    Linear propagation: with sensitivities J of the training points to the weights w and G of a parameter,
    its variance is ``noise² G (JᵀJ)⁺ Gᵀ``, all weights free together, so that a trade-off between Vcmax and
    B widens both. A weight that no point sees does not count as an error: the parameters are blind to it too.
    """
    net, vcmax, shape = (np.asarray(j, float) for j in _sensitivities(model, points, formulation))
    learned = isinstance(formulation.stress, LearnedStress)
    _, values, directions = np.linalg.svd(net[np.asarray(train)], full_matrices=False)
    seen = values > SMALLEST * values[0]
    scaled = noise * directions[seen].T / values[seen]
    first = np.array(
        [np.flatnonzero(np.asarray(points.type_index) == k)[0] for k in range(len(points.types))]
    )
    error_v = np.linalg.norm(vcmax[first] @ scaled, axis=1)
    error_b = np.linalg.norm(shape @ scaled, axis=1) if learned else np.full(points.count, np.nan)
    return Curvature(np.where(error_v > 0, error_v, np.nan), error_b, values, int(seen.sum()))


@eqx.filter_jit
def _sensitivities(model: LeafModel, points: LeafPoints, formulation: LeafFormulation) -> tuple[Array, ...]:
    """Derivatives of photosynthesis, Vcmax and first-layer B to all weights, each ``[point, weight]``."""
    weights, fixed = eqx.partition(formulation, eqx.is_inexact_array)
    vector, unravel = jax.flatten_util.ravel_pytree(weights)

    def outputs(flat: Float[Array, " weight"]) -> tuple[Array, Array, Array]:
        candidate = eqx.combine(unravel(flat), fixed)
        vcmax, stress = candidate(points)
        learned = isinstance(candidate.stress, LearnedStress)
        shape = candidate.stress.shape(points)[:, 0] if learned else jnp.zeros_like(stress)
        return model(points, vcmax, stress).net, vcmax, shape

    return jax.jacfwd(outputs)(vector)


@eqx.filter_jit
def shape_sensitivity(
    model: LeafModel,
    points: LeafPoints,
    carboxylation25: Float[Array, " point"],
    shape: Float[Array, "point layer"],
) -> Float[Array, " point"]:
    """Signal of B: change of net photosynthesis with the shape of all layers together [umol m-2 s-1]."""

    def net(exponent: Array) -> Array:
        return model(points, carboxylation25, learned_stress(points, exponent)).net

    return jax.jvp(net, (shape,), (jnp.ones_like(shape),))[1]


@dataclasses.dataclass(frozen=True)
class LossSurface:
    """Mean square error of each plant type [umol2 m-4 s-2] over a grid about the trained values.

    ``error`` is ``[type, factor, shape_factor]``; the factors multiply Vcmax and B, which stays below one.
    """

    factor: np.ndarray
    shape_factor: np.ndarray
    error: np.ndarray

    def profile(self, parameter: str) -> np.ndarray:
        """Least error over the other parameter, ``[type, factor]`` of V or ``[type, shape_factor]`` of B."""
        return self.error.min(axis=2 if parameter == "V" else 1)


def loss_surface(
    model: LeafModel,
    points: LeafPoints,
    formulation: LeafFormulation,
    observed: Float[Array, " point"],
    train: Bool[Array, " point"],
    size: int = 25,
) -> LossSurface:
    """The loss of each type as its Vcmax and its stress shape are scaled, everything else as trained.

    Raises ``TypeError`` for a formulation that does not learn its stress.
    """
    if not isinstance(formulation.stress, LearnedStress):
        raise TypeError("a loss surface of Vcmax and B needs a formulation with a learned stress (V+B)")
    factor = jnp.linspace(0.5, 1.6, size, dtype=points.slope.dtype)
    shape_factor = jnp.linspace(0.4, 1.2, size, dtype=points.slope.dtype)
    vcmax, shape = formulation.carboxylation(points), formulation.stress.shape(points)  # type: ignore[operator]
    count = len(points.types)
    weight = train.astype(points.slope.dtype)
    number = jax.ops.segment_sum(weight, points.type_index, count)

    def error(scale: Array, shape_scale: Array) -> Array:
        stress = learned_stress(points, jnp.minimum(shape_scale * shape, 1.0))
        residual = model(points, scale * vcmax, stress).net - jnp.where(train, observed, 0.0)
        squares = jax.ops.segment_sum(weight * residual**2, points.type_index, count)
        return squares / jnp.maximum(number, 1.0)

    table = jax.jit(lambda: jax.lax.map(lambda s: jax.lax.map(lambda m: error(s, m), shape_factor), factor))()
    return LossSurface(np.asarray(factor), np.asarray(shape_factor), np.moveaxis(np.asarray(table), -1, 0))
