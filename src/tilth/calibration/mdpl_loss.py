"""The loss of a parameter generator on windows that a surrogate predicts."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from tilth.calibration.base import Problem
from tilth.calibration.candidates import closure_factor
from tilth.calibration.generator import Generator
from tilth.calibration.guard import excess
from tilth.calibration.mdpl_windows import MdplBatch, MdplSource
from tilth.data.containers import Sites
from tilth.data.flux_errors import TURBULENT
from tilth.observations.averaging import block_means
from tilth.observations.losses import flux_moments, mean_over_fluxes

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


def guarded_at_start(
    problem: Problem, surrogate: WindowSurrogate, features: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """The surrogate's guarded fluxes with the start of each site, ``[time, flux]`` of whole windows."""
    if not problem.guarded.variables:
        return [np.zeros((len(rows), 0), np.float32) for rows in features]
    tasks = [surrogate.tasks.index(name) for name in problem.guarded.variables]
    window, found = surrogate.window, []
    predict = eqx.filter_jit(lambda theta, windows: surrogate.predict_windows(theta, windows))
    for start, rows in zip(problem.starts, features, strict=True):
        count = len(rows) // window
        windows = rows[: count * window].reshape(count, window, rows.shape[1])
        parts = []
        for first in range(0, count, CHUNK):
            part = windows[first : first + CHUNK]
            padded = np.pad(part, ((0, CHUNK - len(part)), (0, 0), (0, 0)), mode="edge")
            series = predict(jnp.broadcast_to(start, (CHUNK, len(start))), jnp.asarray(padded))
            parts.append(np.asarray(series)[: len(part)].reshape(-1, series.shape[-1])[:, tasks])
        found.append(np.concatenate(parts))
    return found


class MdplNetwork(eqx.Module):
    """What is trained: the generator and, where they are learned, unconstrained closure factors."""

    generator: Generator
    closure: Float[Array, " site"] | None


class MdplLoss:
    """The loss of a generator on a batch: mean over the sites in it of the mean over their fluxes.

    A guarded flux costs a penalty where its error on the windows of the batch exceeds that of the start.
    """

    def __init__(
        self,
        problem: Problem,
        surrogate: WindowSurrogate,
        prior: float,
        spread_prior: float = 0.0,
        *,
        shared: bool = False,
    ) -> None:
        self.problem, self.surrogate, self.shared = problem, surrogate, shared
        self.prior, self.spread_prior, self.learning = prior, spread_prior, np.array(problem.learning)
        self.unit = jnp.ones(len(problem.sites.records))
        self.tasks = [surrogate.tasks.index(name) for name in problem.targets.variables]
        self.guarded = [surrogate.tasks.index(name) for name in problem.guarded.variables]

    def __call__(self, network: MdplNetwork, batch: MdplBatch) -> Float[Array, ""]:
        """The loss with the penalties of the priors, on sites that are learned from [-]."""
        offsets, loss = self.parts(network, batch)
        offsets = offsets[self.learning].astype(loss.dtype)
        deviations = offsets - offsets.mean(axis=0, keepdims=True)
        priors = jnp.asarray([self.prior, self.spread_prior], loss.dtype)
        return loss + priors[0] * jnp.mean(offsets**2) + priors[1] * jnp.mean(deviations**2)

    def parts(
        self, network: MdplNetwork, batch: MdplBatch
    ) -> tuple[Float[Array, "site free"], Float[Array, ""]]:
        """Offsets of the sites' parameters and the loss without penalty [-]."""
        offsets = network.generator(batch.inputs)
        if self.shared:
            offsets = alike(offsets)
        per_site, present = self._per_site(self.problem.mapping.physical(offsets), network.closure, batch)
        per_site = per_site / self.unit.astype(per_site.dtype)
        return offsets, jnp.sum(per_site) / jnp.maximum(present.sum(), 1.0)

    def at_start(self, source: MdplSource) -> Float[Array, " site"]:
        """The loss of the start of each site [-], 1 where nothing of it is scored."""
        batch = source.everywhere()
        if batch is None:
            return self.unit
        batch = jax.tree.map(jnp.asarray, batch)
        starts = self.problem.mapping.physical(jnp.zeros((len(self.unit), len(self.problem.free))))
        per_site, present = eqx.filter_jit(self._per_site)(starts, None, batch)
        return jnp.where((present > 0.0) & (per_site > 0.0), per_site, jnp.ones_like(per_site))

    def _per_site(
        self, thetas: Float[Array, "site param"], closure: Float[Array, " site"] | None, batch: MdplBatch
    ) -> tuple[Float[Array, " site"], Float[Array, " site"]]:
        """The loss at each site, and 1 where anything of it is scored in the batch."""
        problem, targets = self.problem, self.problem.targets
        series = self.surrogate.predict_windows(thetas[batch.site], batch.features)
        simulated = jnp.transpose(series[..., np.array(self.tasks)], (2, 1, 0))
        if closure is not None:
            scaled = np.array([name in TURBULENT for name in targets.variables])[:, None, None]
            factor = closure_factor(closure).astype(simulated.dtype)[batch.site][None, None, :]
            simulated = jnp.where(scaled, simulated * factor, simulated)

        def of_one(
            simulated: Array, observed: Array, counts: Array, mean: Array, deviation: Array
        ) -> tuple[Array, Array]:
            moments = flux_moments(
                block_means(simulated, counts, problem.average_steps)[0],
                *block_means(observed, counts, problem.average_steps),
                column_site=batch.site,
                mean=mean,
                deviation=deviation,
            )
            return problem.loss(moments), moments.count

        observed, mean, deviation = (
            jnp.asarray(array, simulated.dtype) for array in (batch.observed, targets.mean, targets.deviation)
        )
        losses, number = jax.vmap(of_one)(simulated, observed, jnp.asarray(batch.counts), mean, deviation)
        per_site = mean_over_fluxes(losses, number)
        if self.guarded:
            per_site = per_site + self._penalty(series, batch).astype(per_site.dtype)
        return per_site, (number > 0).any(axis=0).astype(per_site.dtype)

    def _penalty(self, series: Float[Array, "batch time task"], batch: MdplBatch) -> Float[Array, " site"]:
        """What guarded fluxes cost at each site [-]."""

        def squares(simulated: Array) -> Array:
            error = jnp.where(batch.guarded_counts, simulated - batch.guarded, 0.0)
            return jax.ops.segment_sum((error**2).sum(axis=1).T, batch.site, len(self.unit)).T

        simulated = jnp.transpose(series[..., np.array(self.guarded)], (2, 1, 0))
        return excess(squares(simulated), squares(batch.at_start))


def alike(offsets: Float[Array, "site free"]) -> Float[Array, "site free"]:
    """The mean over the sites at every site."""
    return jnp.broadcast_to(offsets.mean(axis=0, keepdims=True), offsets.shape)
