"""The loss of a parameter generator on windows that a surrogate predicts."""

import dataclasses
from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from tilth.calibration.base import Problem
from tilth.calibration.candidates import closure_factor
from tilth.calibration.generator import Generator
from tilth.calibration.guard import MILD, STEEP, excess
from tilth.calibration.mdpl_windows import MdplBatch, MdplSource
from tilth.calibration.parameter_map import ParameterMap
from tilth.data.containers import Sites
from tilth.data.flux_errors import TURBULENT
from tilth.observations.averaging import block_means
from tilth.observations.losses import AbstractLoss, flux_moments, mean_over_fluxes

CHUNK = 256
"""Windows that the surrogate predicts at once where no gradient is taken."""


@runtime_checkable
class WindowSurrogate(Protocol):
    """A trained surrogate, as :class:`tilth.surrogates.land_model.SurrogateLandModel`."""

    tasks: tuple[str, ...]
    window: int

    def features(self, sites: Sites) -> Sequence[np.ndarray]:
        """What it sees of each site, ``[time, feature]``."""

    def predict_windows(self, theta: Array, features: Array) -> Array:
        """Simulated ``[batch, time, task]`` of windows with physical parameters ``[batch, param]``."""

    def without_history(self) -> "WindowSurrogate":
        """The surrogate with nothing but what it predicts with."""


def guarded_at_start(
    problem: Problem, surrogate: WindowSurrogate, features: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """The surrogate's guarded fluxes with the start of each site, ``[time, flux]`` of whole windows."""
    if not problem.guarded.variables:
        return [np.zeros((len(rows), 0), np.float32) for rows in features]
    tasks = [surrogate.tasks.index(name) for name in problem.guarded.variables]
    window, found = surrogate.window, []
    bare = surrogate.without_history()
    for start, rows in zip(problem.starts, features, strict=True):
        count = len(rows) // window
        windows = rows[: count * window].reshape(count, window, rows.shape[1])
        parts = []
        for first in range(0, count, CHUNK):
            part = windows[first : first + CHUNK]
            padded = np.pad(part, ((0, CHUNK - len(part)), (0, 0), (0, 0)), mode="edge")
            series = _predicted(bare, jnp.broadcast_to(start, (CHUNK, len(start))), jnp.asarray(padded))
            parts.append(np.asarray(series)[: len(part)].reshape(-1, series.shape[-1])[:, tasks])
        found.append(np.concatenate(parts))
    return found


@eqx.filter_jit
def _predicted(surrogate: WindowSurrogate, theta: Array, windows: Array) -> Array:
    return surrogate.predict_windows(theta, windows)


class MdplNetwork(eqx.Module):
    """What is trained: the generator and, where they are learned, unconstrained closure factors."""

    generator: Generator
    closure: Float[Array, " site"] | None


class MdplLoss(eqx.Module):
    """The loss of a generator on a batch: mean over the sites in it of the mean over their fluxes.

    A guarded flux costs a penalty of strength ``guard`` where its mean square error on the windows of the
    batch exceeds ``allowance`` times that of the start; what chooses has a steep one.
    ``mean`` and ``deviation`` are the observed ones; the loss of each site is divided by its ``unit``, and
    priors count at the sites that are learned from (``learning``, one or zero).
    """

    surrogate: Any
    mapping: ParameterMap
    loss: AbstractLoss
    mean: Float[Array, "flux site"]
    deviation: Float[Array, "flux site"]
    learning: Float[Array, " site"]
    unit: Float[Array, " site"]
    guard: Float[Array, ""]
    allowance: Float[Array, "guarded site"]
    variables: tuple[str, ...] = eqx.field(static=True)
    guarded: tuple[str, ...] = eqx.field(static=True)
    average_steps: int = eqx.field(static=True)
    prior: float = eqx.field(static=True)
    spread_prior: float = eqx.field(static=True)
    shared: bool = eqx.field(static=True)

    @classmethod
    def of(
        cls,
        problem: Problem,
        surrogate: WindowSurrogate,
        prior: float,
        spread_prior: float = 0.0,
        *,
        shared: bool = False,
        guard: float = MILD,
        allowance: Float[np.ndarray, "guarded site"] | None = None,
    ) -> "MdplLoss":
        """The loss of a problem, with a ``guard`` of that strength on the way; no ``allowance`` is one."""
        every = np.arange(len(problem.sites.records))
        if allowance is None:
            allowance = np.ones((len(problem.guarded.variables), len(every)))
        return cls(
            surrogate=surrogate.without_history(),
            mapping=problem.mapping,
            loss=problem.loss,
            mean=jnp.asarray(problem.targets.mean),
            deviation=jnp.asarray(problem.targets.deviation),
            learning=jnp.asarray(np.isin(every, problem.learning), jnp.float32),
            unit=jnp.ones(len(every)),
            guard=jnp.asarray(guard, jnp.float32),
            allowance=jnp.asarray(allowance, jnp.float32),
            variables=problem.targets.variables,
            guarded=problem.guarded.variables,
            average_steps=problem.average_steps,
            prior=prior,
            spread_prior=spread_prior,
            shared=shared,
        )

    def __call__(self, network: MdplNetwork, batch: MdplBatch) -> Float[Array, ""]:
        """The loss with what the priors cost at the sites that are learned from [-]."""
        offsets, loss = self.parts(network, batch, self.guard)
        offsets = offsets.astype(loss.dtype)
        weight = (self.learning / self.learning.sum()).astype(loss.dtype)
        deviations = offsets - (weight @ offsets)[None]
        squares = jnp.stack([(x**2).mean(axis=1) @ weight for x in (offsets, deviations)])
        return loss + jnp.asarray([self.prior, self.spread_prior], loss.dtype) @ squares

    def parts(
        self, network: MdplNetwork, batch: MdplBatch, guard: float | Array
    ) -> tuple[Float[Array, "site free"], Float[Array, ""]]:
        """Offsets of the sites' parameters and the loss without what the priors cost [-].

        ``guard`` is the strength of the penalty on guarded fluxes.
        """
        offsets = network.generator(batch.inputs)
        if self.shared:
            offsets = alike(offsets)
        per_site, present = self.per_site(self.mapping.physical(offsets), network.closure, batch, guard)
        per_site = per_site / self.unit.astype(per_site.dtype)
        return offsets, jnp.sum(per_site) / jnp.maximum(present.sum(), 1.0)

    @eqx.filter_jit
    def watched(self, network: MdplNetwork, batch: MdplBatch) -> Float[Array, ""]:
        """The loss that chooses, without what the priors cost; compiled for all sites [-]."""
        return self.parts(network, batch, STEEP)[1]

    def relative_to_start(self, source: MdplSource) -> "MdplLoss":
        """The same loss in units of that of the start of each site; of 1 where nothing of it is scored."""
        batch = source.everywhere()
        if batch is None:
            return self
        batch = jax.tree.map(jnp.asarray, batch)
        starts = self.mapping.physical(jnp.zeros((len(self.unit), len(self.mapping.free))))
        per_site, present = self.per_site(starts, None, batch, STEEP)
        unit = jnp.where((present > 0.0) & (per_site > 0.0), per_site, jnp.ones_like(per_site))
        return dataclasses.replace(self, unit=unit)

    @eqx.filter_jit
    def per_site(
        self,
        thetas: Float[Array, "site param"],
        closure: Float[Array, " site"] | None,
        batch: MdplBatch,
        guard: float | Array,
    ) -> tuple[Float[Array, " site"], Float[Array, " site"]]:
        """The loss at each site, and 1 where anything of it is scored in the batch; ``guard`` as above."""
        series = self.surrogate.predict_windows(thetas[batch.site], batch.features)
        simulated = self._fluxes(series, self.variables)
        if closure is not None:
            scaled = np.array([name in TURBULENT for name in self.variables])[:, None, None]
            factor = closure_factor(closure).astype(simulated.dtype)[batch.site][None, None, :]
            simulated = jnp.where(scaled, simulated * factor, simulated)

        def of_one(
            simulated: Array, observed: Array, counts: Array, mean: Array, deviation: Array
        ) -> tuple[Array, Array]:
            moments = flux_moments(
                block_means(simulated, counts, self.average_steps)[0],
                *block_means(observed, counts, self.average_steps),
                column_site=batch.site,
                mean=mean,
                deviation=deviation,
            )
            return self.loss(moments), moments.count

        observed, mean, deviation = (
            array.astype(simulated.dtype) for array in (batch.observed, self.mean, self.deviation)
        )
        losses, number = jax.vmap(of_one)(simulated, observed, batch.counts, mean, deviation)
        per_site = mean_over_fluxes(losses, number)
        if self.guarded:
            per_site = per_site + self._penalty(series, batch, guard).astype(per_site.dtype)
        return per_site, (number > 0).any(axis=0).astype(per_site.dtype)

    @eqx.filter_jit
    def guarded_errors(
        self, thetas: Float[Array, "site param"], batch: MdplBatch
    ) -> Float[Array, "guarded site"]:
        """Mean square errors of the guarded fluxes in units of the start's, NaN where nothing is observed."""
        series = self.surrogate.predict_windows(thetas[batch.site], batch.features)
        errors, limit = self._squares(series, batch)
        return jnp.where(limit > 0.0, errors / jnp.where(limit > 0.0, limit, 1.0), jnp.nan)

    def _penalty(
        self, series: Float[Array, "batch time task"], batch: MdplBatch, guard: float | Array
    ) -> Float[Array, " site"]:
        """What guarded fluxes cost at each site [-]."""
        errors, limit = self._squares(series, batch)
        return excess(errors, limit * self.allowance.astype(limit.dtype), guard)

    def _squares(
        self, series: Float[Array, "batch time task"], batch: MdplBatch
    ) -> tuple[Float[Array, "guarded site"], Float[Array, "guarded site"]]:
        """Sums of the squared errors of the guarded fluxes over the batch, now and at the start."""

        def squares(simulated: Array) -> Array:
            error = jnp.where(batch.guarded_counts, simulated - batch.guarded, 0.0)
            return jax.ops.segment_sum((error**2).sum(axis=1).T, batch.site, len(self.unit)).T

        return squares(self._fluxes(series, self.guarded)), squares(batch.at_start)

    def _fluxes(
        self, series: Float[Array, "batch time task"], names: Sequence[str]
    ) -> Float[Array, "flux time batch"]:
        """Those of the surrogate's fluxes that have these names."""
        tasks = np.array([self.surrogate.tasks.index(name) for name in names], int)
        return jnp.transpose(series[..., tasks], (2, 1, 0))


def alike(offsets: Float[Array, "site free"]) -> Float[Array, "site free"]:
    """The mean over the sites at every site."""
    return jnp.broadcast_to(offsets.mean(axis=0, keepdims=True), offsets.shape)
