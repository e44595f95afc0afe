"""How candidates go downhill: Adam with a falling rate, or L-BFGS; a choice of scheme is one of these."""

import abc
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import scipy.optimize
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from tilth.calibration.candidates import Candidates

Evaluate = Callable[[Candidates], tuple[tuple[Float[Array, ""], Any], Candidates]]
"""Candidates to ``((loss, what comes with it), gradient)``."""

RISE = 0.2
"""Share of the steps over which the rate rises."""
HUGE = 1e6
"""Loss reported to the line search where the true one is not finite."""


class AbstractDescent(eqx.Module):
    """A way downhill. ``steps`` is how many times it is taken, states renewed in between."""

    steps: eqx.AbstractVar[int]

    @abc.abstractmethod
    def initial(self, candidates: Candidates) -> Any:
        """What is remembered from step to step, before the first."""

    @abc.abstractmethod
    def advance(
        self, candidates: Candidates, gradient: Candidates, memory: Any, evaluate: Evaluate
    ) -> tuple[Candidates, Any]:
        """The candidates one step on, and what is remembered; ``gradient`` is that at ``candidates``."""


class Adam(AbstractDescent):
    """Adam (Kingma and Ba 2015, arXiv:1412.6980), one gradient a step.

    ``schedule`` is cosine or constant: a linear rise over the first fifth of the steps from a tenth of
    ``learning_rate``, then half a cosine to a hundredth of it. Where little is to be gained it is near the
    start, and full steps would pass it. The rate is in units of the unconstrained parameters: 0.1 moves one
    in the middle of its range by 2.5 % of it.
    """

    steps: int = 60
    learning_rate: float = 0.15
    schedule: str = eqx.field(static=True, default="cosine")

    def __check_init__(self) -> None:
        if self.schedule not in ("cosine", "constant"):
            raise ValueError(f"schedule must be cosine or constant, got {self.schedule!r}")
        if self.steps < 1 or self.learning_rate <= 0:
            raise ValueError(
                f"steps and learning_rate must be positive, got {self.steps}, {self.learning_rate}"
            )

    def initial(self, candidates: Candidates) -> Any:
        """Zero moments."""
        return self._rule().init(candidates)

    def advance(
        self, candidates: Candidates, gradient: Candidates, memory: Any, evaluate: Evaluate
    ) -> tuple[Candidates, Any]:
        """One update."""
        return self._updated(candidates, gradient, memory)

    @eqx.filter_jit
    def _updated(self, candidates: Candidates, gradient: Candidates, memory: Any) -> tuple[Candidates, Any]:
        with jax.numpy_dtype_promotion("standard"):  # optax raises floats to integer powers
            updates, memory = self._rule().update(gradient, memory, candidates)
        return eqx.apply_updates(candidates, updates), memory

    def _rule(self) -> optax.GradientTransformation:
        if self.schedule == "constant":
            return optax.adam(self.learning_rate)
        rate, rise = self.learning_rate, round(RISE * self.steps)
        return optax.adam(
            optax.warmup_cosine_decay_schedule(0.1 * rate, rate, rise, max(self.steps, rise + 1), 0.01 * rate)
        )


class Lbfgs(AbstractDescent):
    """L-BFGS (Liu and Nocedal 1989, doi:10.1007/BF01589116; SciPy's), afresh for some iterations each step.

    All candidates and sites share its line search. States are the same within a step.
    """

    steps: int = 4
    iterations: int = 10

    def __check_init__(self) -> None:
        if self.steps < 1 or self.iterations < 1:
            raise ValueError(f"steps and iterations must be positive, got {self.steps}, {self.iterations}")

    def initial(self, candidates: Candidates) -> None:
        """Nothing."""

    def advance(
        self, candidates: Candidates, gradient: Candidates, memory: Any, evaluate: Evaluate
    ) -> tuple[Candidates, Any]:
        """The end of some iterations."""
        vector, restore = ravel_pytree(candidates)

        def function(point: np.ndarray) -> tuple[float, np.ndarray]:
            (loss, _), slope = evaluate(restore(jnp.asarray(point, vector.dtype)))
            value, flat = float(loss), np.asarray(ravel_pytree(slope)[0], np.float64)
            if not np.isfinite(value) or not np.isfinite(flat).all():
                return HUGE, np.zeros_like(flat)
            return value, flat

        found = scipy.optimize.minimize(
            function,
            np.asarray(vector, np.float64),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": self.iterations},
        )
        return restore(jnp.asarray(found.x, vector.dtype)), memory
