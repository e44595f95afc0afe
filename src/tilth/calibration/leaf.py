"""Learning the parameters of the leaf model from all measurements at once.

The networks are trained through the model by full-batch gradient descent (Aboelyazeed et al. 2023,
doi:10.5194/bg-20-2671-2023, section 2.5: Adam, learning rate 0.045, 600 iterations).
"""

from collections.abc import Callable
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Key, PRNGKeyArray

from tilth.calibration.leaf_rules import LeafFormulation, learns
from tilth.data.leaf_points import LeafPoints
from tilth.models.leaf import LeafModel

Build = Callable[[PRNGKeyArray], LeafFormulation]


class LeafProblem(eqx.Module):
    """What is to be explained: ``observed`` net photosynthesis [umol m-2 s-1] where ``train`` is True.

    ``build`` makes the formulation with fresh networks from a key.
    """

    model: LeafModel
    points: LeafPoints
    observed: Float[Array, " point"]
    train: Bool[Array, " point"]
    build: Build = eqx.field(static=True)

    def __check_init__(self) -> None:
        if not bool(jnp.any(self.train)):
            raise ValueError("no point is left to train on: widen the training split")
        if not bool(jnp.all(jnp.isfinite(jnp.where(self.train, self.observed, 0.0)))):
            raise ValueError("observed photosynthesis must be finite where it is trained on: mask the gaps")


class LeafResult(eqx.Module):
    """What was learned. ``loss`` [umol2 m-4 s-2] is the mean square error of training at each iteration.

    ``succeeded`` is False where the loss stopped being finite.
    """

    formulation: LeafFormulation
    loss: Float[Array, "*run iteration"]
    succeeded: Bool[Array, "*run"]


class FullBatchAdam(eqx.Module):
    """Adam on the mean square error of all training points.

    With ``decay`` the learning rate falls to a hundredth by a cosine over the run, where the paper keeps it:
    at a constant rate the last digits of the parameters wander.
    """

    needs_gradient: ClassVar[bool] = True
    learning_rate: float = 0.045
    iterations: int = 600
    decay: bool = True

    def solve(self, problem: LeafProblem, key: PRNGKeyArray) -> LeafResult:
        """Trains the formulation that the problem builds from ``key``."""
        result = self.solve_many(problem, key[None], problem.observed[None])
        return _member(result, 0)

    def solve_many(
        self,
        problem: LeafProblem,
        keys: Key[Array, " run"],
        observed: Float[Array, "run point"],
    ) -> LeafResult:
        """Trains one formulation for each key and row of ``observed`` together; every leaf gains an axis."""
        formulations = eqx.filter_vmap(problem.build)(keys)
        if not learns(formulations):
            raise ValueError("nothing to learn: give the formulation a network for Vcmax, for stress or both")
        trained, loss = _train(self, problem, formulations, observed)
        return LeafResult(trained, loss, jnp.all(jnp.isfinite(loss), axis=-1))

    def optimiser(self) -> optax.GradientTransformation:
        """The update rule of the weights."""
        rate: optax.ScalarOrSchedule = self.learning_rate
        if self.decay:
            rate = optax.cosine_decay_schedule(self.learning_rate, self.iterations, alpha=0.01)
        return optax.adam(rate)


def calibrate_leaf(
    problem: LeafProblem, method: FullBatchAdam, *, key: PRNGKeyArray, throw: bool = True
) -> LeafResult:
    """Solves ``problem`` with ``method``; with ``throw``, a failed run raises ``FloatingPointError``."""
    result = method.solve(problem, key)
    if throw and not bool(result.succeeded):
        raise FloatingPointError(
            "the loss stopped being finite: expected a decreasing loss; lower the learning rate, or check "
            "the units of the table"
        )
    return result


def simulate(model: LeafModel, points: LeafPoints, formulation: LeafFormulation) -> Float[Array, " point"]:
    """Net photosynthesis [umol m-2 s-1] with the parameters that a formulation gives."""
    return _simulate(model, points, formulation)


def simulate_many(
    model: LeafModel, points: LeafPoints, formulations: LeafFormulation
) -> Float[Array, "run point"]:
    """Net photosynthesis [umol m-2 s-1] with each of many trained formulations."""
    return eqx.filter_vmap(_simulate, in_axes=(None, None, eqx.if_array(0)))(model, points, formulations)


def member(formulations: LeafFormulation, number: int) -> LeafFormulation:
    """One of many trained formulations."""
    return _member(formulations, number)


@eqx.filter_jit
def _simulate(model: LeafModel, points: LeafPoints, formulation: LeafFormulation) -> Float[Array, " point"]:
    return model(points, *formulation(points)).net


@eqx.filter_jit
def _train(
    method: FullBatchAdam, problem: LeafProblem, formulations: LeafFormulation, observed: Array
) -> tuple[LeafFormulation, Array]:
    weight = problem.train.astype(observed.dtype)
    weight = weight / jnp.sum(weight)
    optimiser = method.optimiser()

    def train(formulation: LeafFormulation, target: Array) -> tuple[LeafFormulation, Array]:
        weights, fixed = eqx.partition(formulation, eqx.is_inexact_array)
        target = jnp.where(problem.train, target, 0.0)

        def loss(candidate: LeafFormulation) -> Array:
            rates = problem.model(problem.points, *eqx.combine(candidate, fixed)(problem.points))
            return jnp.sum(weight * (rates.net - target) ** 2)

        def iterate(carry: tuple, _: None) -> tuple[tuple, Array]:
            weights, state = carry
            value, gradient = jax.value_and_grad(loss)(weights)
            with jax.numpy_dtype_promotion("standard"):  # optax raises floats to integer powers
                updates, state = optimiser.update(gradient, state, weights)
            return (optax.apply_updates(weights, updates), state), value

        start = (weights, optimiser.init(weights))
        (weights, _), history = jax.lax.scan(iterate, start, length=method.iterations)
        return eqx.combine(weights, fixed), history

    return eqx.filter_vmap(train, in_axes=(eqx.if_array(0), 0))(formulations, observed)


def _member(tree: Any, number: int) -> Any:
    return jax.tree.map(lambda leaf: leaf[number] if eqx.is_array(leaf) else leaf, tree)
