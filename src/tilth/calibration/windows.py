"""The loss of a land model over windows of all sites that run side by side."""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from tilth.calibration.base import Problem
from tilth.calibration.candidates import AbstractParameters, Candidates, closure_factor
from tilth.calibration.generator_inputs import GeneratorInputs
from tilth.calibration.guard import STEEP, Guard, excess
from tilth.data.containers import Sites
from tilth.data.flux_errors import TURBULENT
from tilth.observations.averaging import block_means
from tilth.observations.losses import AbstractLoss, MeanSquare, flux_moments, mean_over_fluxes
from tilth.observations.splits import split_record
from tilth.observations.targets import FluxTargets

DAY = 86_400.0


@runtime_checkable
class WindowedModel(Protocol):
    """A land model that runs windows of records side by side, as :class:`tilth.models.matsiro.model.Matsiro`.

    Windows have ``forcing`` ``[time, window]``, ``site``, ``start``, ``valid`` and ``first``; states are
    trees of arrays with the axis window last.
    """

    def cut_windows(self, sites: Sites, length: int, steps: Sequence[np.ndarray] | None = None) -> Any:
        """The records cut into windows of ``length`` steps up to the last of ``steps``."""

    def trajectories(
        self,
        thetas: Array,
        sites: Sites,
        length: int,
        steps: Sequence[np.ndarray] | None = None,
        names: tuple[str, ...] = (),
    ) -> tuple[dict[str, Any], Any]:
        """Series of spun-up runs cut into the windows, with ``converged``, and the windows' first states.

        ``thetas`` are ``[member, site, param]``; the axis of windows holds those of each member in turn.
        """

    def run_windows(
        self, thetas: Array, sites: Sites, windows: Any, state: Any, names: tuple[str, ...] | None = None
    ) -> tuple[dict[str, Array], Any]:
        """Series in all windows, with ``converged``, and states at their ends."""


class Losses(eqx.Module):
    """Loss of each candidate at each site on what is fitted and on what chooses among candidates.

    Both hold the penalty on guarded fluxes, whose errors are in ``guard``.
    """

    fit: Float[Array, "start site"]
    choice: Float[Array, "start site"]
    guard: Guard


class WindowObjective:
    """The loss over the windows of a problem's calibration part, of several candidates at once.

    Windows of all candidates are columns of one run, each from a given state. Steps count where they are
    scored and the model's surface balance converged. A guarded flux of the problem costs nothing until its
    mean square error exceeds its limit, that at the start (:mod:`tilth.calibration.guard`); from there on the
    penalty has the candidate's own of the ``strengths``, and in the choice it is steep.
    """

    def __init__(
        self,
        problem: Problem,
        parameters: AbstractParameters,
        *,
        strengths: Sequence[float],
        days: float,
        prior: float,
    ) -> None:
        if not isinstance(problem.model, WindowedModel):
            raise TypeError(
                f"expected a land model that runs windows side by side, got {type(problem.model).__name__}: "
                "calibrate it through a surrogate with mdpl"
            )
        self.problem, self.parameters = problem, parameters
        self.strengths, self.starts, self.days, self.prior = strengths, len(strengths), days, prior
        self.model: WindowedModel = problem.model
        self.length = window_length(problem.sites, days, problem.average_steps)
        self.inside = [split_record(record).calibration for record in problem.sites.records]
        self.inputs = parameters.prepared(problem)
        windows = self.model.cut_windows(problem.sites, self.length, self.inside)
        self.windows = jax.tree.map(np.asarray, windows)
        self.forcing = jax.tree.map(lambda a: jnp.tile(a, self.starts), windows.forcing)
        self.data = window_data(problem, problem.targets, self.windows, self.length)
        self.guarded = window_data(problem, problem.guarded, self.windows, self.length)
        self.names = tuple(dict.fromkeys((*problem.targets.variables, *problem.guarded.variables)))
        self.evaluate = eqx.filter_jit(eqx.filter_value_and_grad(self._total, has_aux=True))
        self._judge = eqx.filter_jit(self._compared)

    def judged(self, candidates: Candidates, limit: Guard) -> tuple[Losses, Any]:
        """Losses of any number of candidates by runs of their own, and the states of all their windows.

        The runs are spun up in full and have no derivative.
        """
        outputs, states = self.model.trajectories(
            self.thetas(candidates), self.problem.sites, self.length, self.inside, self.names
        )
        return self._judge(candidates, outputs, self.data, self.guarded, limit), states

    def carried(self, states: Any, ends: Any) -> Any:
        """States at the beginning of windows from the ends of the windows before them, where there is one."""
        first = jnp.asarray(np.tile(self.windows.first, self.starts))

        def shifted(old: Array, end: Array) -> Array:
            return jnp.where(first.reshape((1,) * (old.ndim - 1) + (-1,)), old, jnp.roll(end, 1, axis=-1))

        return jax.tree.map(shifted, states, ends)

    def thetas(self, candidates: Candidates) -> Float[Array, "start site param"]:
        """Physical parameters of the candidates."""
        return self.problem.mapping.physical(self.parameters.offsets(candidates, self.inputs))

    def unlimited(self) -> Guard:
        """Limits of the guarded fluxes before the start has been evaluated."""
        shape = (len(self.problem.guarded.variables), 1, len(self.problem.sites.records))
        limit = jnp.full(shape, jnp.inf, self.problem.starts.dtype)
        return Guard(limit, limit)

    def arguments(self, states: Any, limit: Guard) -> tuple[Any, ...]:
        """What :attr:`evaluate` takes beside the candidates."""
        return states, self.forcing, self.data, self.guarded, limit, self.inputs

    def _total(
        self,
        candidates: Candidates,
        states: Any,
        forcing: Any,
        data: "WindowData",
        guarded: "WindowData",
        limit: Guard,
        inputs: GeneratorInputs | None,
    ) -> tuple[Float[Array, ""], tuple[Losses, Any]]:
        problem, windows = self.problem, self.windows
        offsets = self.parameters.offsets(candidates, inputs)
        thetas = problem.mapping.physical(offsets)
        starts, count = thetas.shape[0], thetas.shape[2]
        columns = windows._replace(
            forcing=forcing,
            site=np.tile(windows.site, starts),
            start=np.tile(windows.start, starts),
            first=np.tile(windows.first, starts),
            valid=np.tile(windows.valid, starts),
        )
        per_window = thetas[:, windows.site].reshape(-1, count)
        outputs, ends = self.model.run_windows(per_window, problem.sites, columns, states, self.names)
        losses = self._compared(candidates, outputs, data, guarded, limit)
        strength = jnp.asarray(self.prior, losses.fit.dtype)
        penalty = strength * jnp.mean(offsets.astype(losses.fit.dtype) ** 2, axis=(1, 2))
        return jnp.sum(losses.fit.mean(axis=1) + penalty), (losses, ends)

    def _compared(
        self,
        candidates: Candidates,
        outputs: dict[str, Array],
        data: "WindowData",
        guarded: "WindowData",
        limit: Guard,
    ) -> Losses:
        """Losses of series in the windows of all candidates."""
        outputs = _scaled(outputs, candidates, self._column_site(outputs), TURBULENT)
        guard = Guard(*(self._guard(outputs, guarded, part) for part in (guarded.fit, guarded.choice)))
        return Losses(
            self._losses(outputs, data, data.fit) + excess(guard.fit, limit.fit, self._strength(guard.fit)),
            self._losses(outputs, data, data.choice) + excess(guard.choice, limit.choice, STEEP),
            guard,
        )

    def _losses(
        self, outputs: dict[str, Array], data: "WindowData", counts: Array
    ) -> Float[Array, "start site"]:
        """The loss, mean over fluxes."""
        losses, number = self._of_fluxes(outputs, self.problem.targets, data, counts, self.problem.loss)
        return mean_over_fluxes(losses, number).reshape(-1, self.problem.starts.shape[0])

    def _guard(self, outputs: dict[str, Array], guarded: "WindowData", counts: Array) -> Array:
        """Mean square errors of the guarded fluxes ``[guarded, start, site]``."""
        errors, _ = self._of_fluxes(outputs, self.problem.guarded, guarded, counts, MeanSquare())
        sites = self.problem.starts.shape[0]
        return errors.reshape(errors.shape[0], errors.shape[1] // sites, sites)

    def _strength(self, errors: Float[Array, "guarded start site"]) -> Float[Array, "start 1"]:
        """Of each candidate's guard on the way; errors may be those of several sets of candidates."""
        repeated = np.tile(self.strengths, errors.shape[1] // self.starts)
        return jnp.asarray(repeated, errors.dtype)[:, None]

    def _starts(self, outputs: dict[str, Array]) -> int:
        """The number of candidates whose windows the series hold."""
        return outputs["converged"].shape[1] // self.windows.site.size

    def _column_site(self, outputs: dict[str, Array]) -> Array:
        """The place of each column among candidates and sites."""
        starts, sites = self._starts(outputs), self.problem.starts.shape[0]
        return jnp.asarray((np.arange(starts)[:, None] * sites + self.windows.site[None, :]).reshape(-1))

    def _of_fluxes(
        self,
        outputs: dict[str, Array],
        targets: FluxTargets,
        data: "WindowData",
        counts: Array,
        loss: AbstractLoss,
    ) -> tuple[Float[Array, "flux startsite"], Float[Array, "flux startsite"]]:
        """Loss of each flux and number of the steps that count."""
        problem, starts = self.problem, self._starts(outputs)
        if not targets.variables:
            none = jnp.zeros((0, starts * problem.starts.shape[0]), problem.starts.dtype)
            return none, none
        converged, column_site = outputs["converged"] > 0.5, self._column_site(outputs)

        def of_one(
            simulated: Array, observed: Array, counts: Array, mean: Array, deviation: Array
        ) -> tuple[Array, Array]:
            counted = jnp.tile(counts, starts) & converged
            moments = flux_moments(
                block_means(simulated, counted, problem.average_steps)[0],
                *block_means(jnp.tile(observed, starts), counted, problem.average_steps),
                column_site=column_site,
                mean=jnp.tile(mean, starts),
                deviation=jnp.tile(deviation, starts),
            )
            return loss(moments), moments.count

        simulated = jnp.stack([outputs[name] for name in targets.variables])
        return jax.vmap(of_one)(simulated, data.observed, counts, data.mean, data.deviation)


def _scaled(
    outputs: dict[str, Array], candidates: Candidates, column_site: Array, names: Sequence[str]
) -> dict[str, Array]:
    """The outputs with the ``names`` multiplied by the learned closure factor of their site, if any."""
    if candidates.closure is None:
        return outputs
    factor = closure_factor(candidates.closure).reshape(-1)[column_site][None, :]
    return {name: series * factor if name in names else series for name, series in outputs.items()}


class WindowData(eqx.Module):
    """Observations cut as the windows are; see :class:`tilth.observations.targets.FluxTargets`."""

    observed: Float[Array, "flux time window"]
    fit: Bool[Array, "flux time window"]
    choice: Bool[Array, "flux time window"]
    mean: Float[Array, "flux site"]
    deviation: Float[Array, "flux site"]


def window_length(sites: Sites, days: float, average_steps: int) -> int:
    """Steps of a window of about ``days``: whole days at the shortest step of the sites, and whole means."""
    a_day = round(DAY / float(np.min(np.asarray(sites.step))))
    whole = int(np.lcm(a_day, average_steps))
    return max(1, round(days * a_day / whole)) * whole


def window_data(problem: Problem, targets: FluxTargets, windows: Any, length: int) -> WindowData:
    """Observations of a problem in the given windows; steps outside a window's stretch do not count."""
    dtype = problem.starts.dtype
    steps = targets.segment.shape[1]
    index, there = _steps_of(windows.start, length, steps)
    site = windows.site[None, :]
    segment = targets.segment[site, index]
    there = there & windows.valid & (segment == segment[:1])

    def cut(series: np.ndarray) -> np.ndarray:
        return np.where(there, series[:, site, index], np.zeros((), series.dtype))

    return WindowData(
        observed=jnp.asarray(cut(targets.observed), dtype),
        fit=jnp.asarray(cut(targets.fit)),
        choice=jnp.asarray(cut(targets.choice)),
        mean=jnp.asarray(targets.mean, dtype),
        deviation=jnp.asarray(targets.deviation, dtype),
    )


def _steps_of(
    start: Int[np.ndarray, " window"], length: int, steps: int
) -> tuple[Int[np.ndarray, "time window"], Bool[np.ndarray, "time window"]]:
    """Steps of the record in each window, and which of them exist."""
    index = start[None, :] + np.arange(length)[:, None]
    return np.minimum(index, steps - 1), index < steps
