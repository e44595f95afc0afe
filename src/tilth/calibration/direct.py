"""Calibration straight through the land model, with exact gradients.

The calibration part of every record is cut into windows that run side by side, each from the state of a
spun-up run with recent parameters; no derivative goes through that state. The loss over all windows is
minimised by gradient descent from the default parameters.

Observed fluxes guard each other (:mod:`tilth.calibration.guard`): a candidate whose error of one exceeds that
at the start pays for the excess, in what is fitted and in what chooses.

A weak prior holds what the fluxes do not tell near the default: the penalty ``prior · mean(u²)`` on the
offsets ``u`` in unconstrained space is, up to a constant, the background term of a variational assimilation
(Raoult et al. 2025, doi:10.1029/2024MS004857) whose background is the default with independent normal errors.
"""

import dataclasses
from pathlib import Path
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from tilth.calibration.base import AbstractCalibrator, History, Problem, Progress, Result, Status
from tilth.calibration.candidates import (
    AbstractParameters,
    Candidates,
    Common,
    Free,
    Generated,
    best_start,
    closure_factor,
    initial_candidates,
    replaced,
)
from tilth.calibration.descent import AbstractDescent, Adam
from tilth.calibration.generator import GeneratorSettings
from tilth.calibration.guard import MILD, STEEP, Guard
from tilth.calibration.windows import WindowObjective
from tilth.networks.checkpoints import check_header, load_arrays, save_arrays


class Direct(AbstractCalibrator):
    """Gradient descent through the land model.

    Parameters are free at each site, the same at all sites where they are ``shared``, or come from one
    ``generator`` for all sites where its settings are given. ``window_days`` [d] is the length of
    windows. Every ``refresh`` steps their states come from a run of the whole record, spun up in full; in
    between, from the end of the window before. From each point two candidates are moved side by side, one
    with a mild guard and one with a steep one. Points are ``starts`` ones, all but the first of which are
    drawn at random with standard deviation ``spread`` in unconstrained space, and where parameters are free
    the further ones of the problem. Handed-on states are those of other parameters, and losses that they make
    small come back with the next run: so all candidates of the steps before are run with it, side by side,
    and judged by their own runs. The best on the whole calibration part wins, for each site where parameters
    are free; descent stops after ``patience`` steps without a better one. Where none is better than the
    start, the start is kept.
    """

    needs_gradient: ClassVar[bool] = True
    descent: AbstractDescent = Adam()
    generator: GeneratorSettings | None = eqx.field(static=True, default=None)
    shared: bool = eqx.field(static=True, default=False)
    window_days: float = 30.0
    refresh: int = 8
    prior: float = 1e-3
    starts: int = 1
    spread: float = 1.0
    patience: int = 40

    def __check_init__(self) -> None:
        if not 1.0 <= self.window_days <= 366.0:
            raise ValueError(f"window_days must be from 1 to 366 d, got {self.window_days}")
        if self.shared and self.generator is not None:
            raise ValueError(
                "expected shared parameters or a generator, got both: a generator's are the sites' own"
            )
        if min(self.refresh, self.starts, self.patience) < 1 or self.prior < 0 or self.spread < 0:
            raise ValueError(
                "refresh, starts and patience must be at least 1, prior and spread not negative, got "
                f"{self.refresh}, {self.starts}, {self.patience}, {self.prior} and {self.spread}"
            )

    def solve(
        self,
        problem: Problem,
        key: PRNGKeyArray,
        *,
        checkpoint: Path | None = None,
        progress: Progress | None = None,
    ) -> Result:
        """The best parameters found; see :meth:`AbstractCalibrator.solve`."""
        parameters: AbstractParameters = Common.of(problem) if self.shared else Free()
        if self.generator is not None:
            parameters = Generated.of(problem, self.generator)
        guards = (MILD, STEEP) if problem.guarded.variables else (MILD,)
        candidates = initial_candidates(problem, parameters, key, starts=self.starts, spread=self.spread)
        strengths = guards * jax.tree.leaves(candidates)[0].shape[0]
        objective = WindowObjective(
            problem, parameters, strengths=strengths, days=self.window_days, prior=self.prior
        )
        candidates = jax.tree.map(lambda a: jnp.repeat(a, len(guards), axis=0), candidates)
        end = _descended(self, objective, candidates, key, checkpoint, progress)
        final = best_start(end.best, end.best_loss, per_site=parameters.per_site)
        lowest = _lowest(end.best_loss, parameters.per_site)
        gained = lowest < _lowest(end.first_loss[:1], parameters.per_site)
        ends = (Status.SUCCEEDED, Status.NO_GAIN) if end.finite else (Status.CUT_SHORT, Status.NOT_FINITE)
        return Result(
            rule=parameters.rule(problem, final),
            status=ends[0] if gained.any() else ends[1],
            history=History(end.loss[: end.done].copy(), end.validation[: end.done].copy()),
            closure_factor=None
            if final.closure is None
            else np.asarray(closure_factor(final.closure)[0], float),
        )


class _Progress(eqx.Module):
    """Where a descent stands.

    ``tried`` are the candidates since the last renewal, with an axis for the step first; ``first_loss`` is
    that of the starts on what chooses, ``limit`` the errors of guarded fluxes of the first of them, which
    is the default.
    """

    candidates: Candidates
    memory: Any
    states: Any
    tried: Candidates
    best: Candidates
    best_loss: Float[Array, "start site"]
    first_loss: Float[Array, "start site"]
    limit: Guard
    loss: Float[np.ndarray, " step"]
    validation: Float[np.ndarray, " step"]
    done: int
    waited: int
    finite: bool


def _descended(
    method: Direct,
    objective: WindowObjective,
    candidates: Candidates,
    key: PRNGKeyArray,
    checkpoint: Path | None,
    progress: Progress | None,
) -> _Progress:
    """The descent from ``candidates``, or from where the checkpoint stands."""
    header = {
        "method": repr(method),
        "problem": objective.problem.identity(),
        "key": np.asarray(jax.random.key_data(key)).tolist(),
    }
    now = _beginning(method, objective, candidates)
    if checkpoint is not None and Path(checkpoint).exists():
        check_header(checkpoint, header)
        now = load_arrays(checkpoint, now)
    total = method.descent.steps
    while now.done < total and now.finite and now.waited < method.patience:
        now = _step(method, objective, now)
        if checkpoint is not None:
            save_arrays(checkpoint, header, now)
        if progress is not None:
            last = now.done - 1
            text = f"loss {now.loss[last]:.4g}, validation {now.validation[last]:.4g}"
            progress(now.done, total, text)
    return now


def _beginning(method: Direct, objective: WindowObjective, candidates: Candidates) -> _Progress:
    tried = jax.tree.map(lambda a: jnp.broadcast_to(a, (method.refresh, *a.shape)), candidates)
    validation, guard, states = _judged(objective, tried, objective.unlimited())
    unfilled = np.full(method.descent.steps, np.nan)
    return _Progress(
        candidates=candidates,
        memory=method.descent.initial(candidates),
        states=_of_one(states, 0, method.refresh),
        tried=tried,
        best=candidates,
        best_loss=validation[0],
        first_loss=validation[0],
        limit=jax.tree.map(lambda error: error[:, :1], guard),
        loss=unfilled,
        validation=unfilled.copy(),
        done=0,
        waited=0,
        finite=True,
    )


def _step(method: Direct, objective: WindowObjective, now: _Progress) -> _Progress:
    """One step downhill; where states are due to be renewed, what was tried since the last time is judged."""
    # The start has the errors that are allowed: a slope of the penalty there would be chance.
    limit = now.limit if now.done > 0 else objective.unlimited()
    arguments = objective.arguments(now.states, limit)

    def evaluate(at: Candidates) -> Any:
        return objective.evaluate(at, *arguments)

    (_, (losses, ends)), gradient = evaluate(now.candidates)
    finite = _finite(losses.fit) and all(_finite(leaf) for leaf in jax.tree.leaves(gradient))
    loss, validation = now.loss.copy(), now.validation.copy()
    loss[now.done] = float(losses.fit.mean(axis=1).min())
    validation[now.done] = float(losses.choice.mean(axis=1).min())
    candidates, memory = now.candidates, now.memory
    if finite:
        candidates, memory = method.descent.advance(now.candidates, gradient, now.memory, evaluate)
    place = now.done % method.refresh
    moved = dataclasses.replace(
        now,
        candidates=candidates,
        memory=memory,
        states=objective.carried(now.states, ends),
        tried=jax.tree.map(lambda all_, one: all_.at[place].set(one), now.tried, candidates),
        loss=loss,
        validation=validation,
        done=now.done + 1,
        finite=finite,
    )
    due = place + 1 == method.refresh or moved.done == method.descent.steps
    return _renewed(objective, moved, place + 1) if due and finite else moved


def _renewed(objective: WindowObjective, now: _Progress, count: int) -> _Progress:
    """Judges the last ``count`` candidates by runs of their own and takes the states of the last."""
    validation, _, states = _judged(objective, now.tried, now.limit)
    best, best_loss, waited = now.best, now.best_loss, now.waited
    for step in range(count):
        one = jax.tree.map(lambda a, step=step: a[step], now.tried)
        best, best_loss, gained = _better(objective, one, validation[step], best, best_loss)
        waited = 0 if gained else waited + 1
    last = _of_one(states, count - 1, len(validation))
    return dataclasses.replace(now, states=last, best=best, best_loss=best_loss, waited=waited)


def _judged(
    objective: WindowObjective, tried: Candidates, limit: Guard
) -> tuple[Float[Array, "step start site"], Guard, Any]:
    """Losses of everything ``tried`` on what chooses, its errors of guarded fluxes and its states.

    Always of as many candidates as there are steps between two renewals, even where fewer are new: further
    columns of a run cost less than compiling one of another size.
    """
    together = jax.tree.map(lambda a: a.reshape(-1, *a.shape[2:]), tried)
    losses, states = objective.judged(together, limit)
    count = jax.tree.leaves(tried)[0].shape[0]
    return losses.choice.reshape(count, -1, losses.choice.shape[1]), losses.guard, states


def _of_one(states: Any, place: int, count: int) -> Any:
    """States of the candidates at one place among ``count``; the axis of windows is last."""
    own = jax.tree.leaves(states)[0].shape[-1] // count
    return jax.tree.map(lambda a: a[..., place * own : (place + 1) * own], states)


def _better(
    objective: WindowObjective, new: Candidates, loss: Array, old: Candidates, old_loss: Array
) -> tuple[Candidates, Array, bool]:
    """The better of two sets of candidates by ``loss``, its loss, and whether anything was gained."""
    per_site = objective.parameters.per_site
    if per_site:
        better = loss < old_loss
    else:
        mean = loss.mean(axis=1, keepdims=True) < old_loss.mean(axis=1, keepdims=True)
        better = jnp.broadcast_to(mean, old_loss.shape)
    best = replaced(old, new, better, per_site=per_site)
    return best, jnp.where(better, loss, old_loss), bool(better.any())


def _lowest(loss: Float[Array, "start site"], per_site: bool) -> Array:
    """The lowest loss of all starts: at each site, or of the mean where sites share what is learned."""
    return loss.min(axis=0) if per_site else loss.mean(axis=1).min()


def _finite(array: Array) -> bool:
    return bool(jnp.isfinite(array).all())
