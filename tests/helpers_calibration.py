"""A land model with a slow store that runs in windows, and records observed as its twins."""

import dataclasses
from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from helpers_models import SPACE, small_record
from tilth.data.containers import FILLED, MEASURED, Observation, SiteRecord, Sites
from tilth.models.base import AbstractLandModel, EnsembleOutputs
from tilth.parameters.space import ParameterSpace

TRUTH = np.array([0.3, 0.7, 0.6])
"""Positions in the range of the parameters behind the twin observations."""


class BucketWindows(NamedTuple):
    forcing: dict[str, Any]
    site: Any
    start: Any
    valid: Any
    first: Any


class BucketModel(AbstractLandModel):
    """Evaporates from a bucket that rain fills; its three parameters are albedo, conductance and drainage."""

    space: ParameterSpace = SPACE
    broken: bool = eqx.field(static=True, default=False)
    differentiable: ClassVar[bool] = True

    def run(self, thetas, sites):
        members, count = thetas.shape[0], len(sites.records)
        wide = jnp.broadcast_to(thetas, (members, count, thetas.shape[2])).reshape(members * count, -1)
        forcing = {k: jnp.tile(v, members) for k, v in _forcing(sites).items()}
        outputs, _ = self._scan(wide, forcing, self._spun_up(wide))
        series = {k: v.T.reshape(members, count, -1) for k, v in outputs.items()}
        return EnsembleOutputs(outputs=series, succeeded=jnp.ones((members, count), bool))

    def cut_windows(self, sites, length, steps=None):
        cuts = []
        for site, record in enumerate(sites.records):
            stop = np.flatnonzero(steps[site])[-1] + 1 if steps is not None else len(record.time)
            cuts += [(site, start, min(length, stop - start)) for start in range(0, stop, length)]
        site, start, size = (np.array(column) for column in zip(*cuts, strict=True))
        index = start[None] + np.minimum(np.arange(length)[:, None], size[None] - 1)
        forcing = {k: v[index, site[None]] for k, v in _forcing(sites).items()}
        return BucketWindows(forcing, site, start, np.arange(length)[:, None] < size[None], start == 0)

    def trajectories(self, thetas, sites, length, steps=None, names=()):
        windows = self.cut_windows(sites, length, steps)
        index = windows.start[None] + np.arange(length)[:, None]
        series, states = [], []
        for theta in jax.lax.stop_gradient(thetas):
            outputs, _ = self._scan(theta, _forcing(sites), self._spun_up(theta))
            before = jnp.concatenate([self._spun_up(theta)["water"][None], outputs["water"]])
            states.append(before[windows.start, windows.site])
            last = outputs["water"].shape[0] - 1
            series.append({n: v[np.minimum(index, last), windows.site[None]] for n, v in outputs.items()})
        joined = {n: jnp.concatenate([one[n] for one in series], axis=1) for n in series[0]}
        return joined, {"water": jnp.concatenate(states)}

    def run_windows(self, thetas, sites, windows, state, names=None):
        return self._scan(thetas, windows.forcing, state)

    def _spun_up(self, thetas):
        return {"water": 40.0 + 20.0 * self.space.fraction(thetas)[:, 1]}

    @eqx.filter_jit
    def _scan(self, thetas, forcing, state):
        albedo, conductance, drainage = self.space.fraction(thetas).T

        def step(water, now):
            absorbed = (1.0 - 0.5 * albedo) * now["shortwave_down"]
            latent = absorbed * (0.1 + 0.8 * conductance) * water / (water + 20.0)
            after = water + now["precipitation"] * 3600.0 - latent * 3600.0 / 2.5e6
            after = after - 0.01 * drainage * after
            fluxes = {"Qle": latent, "Qh": 0.9 * absorbed - latent, "Rnet": 0.9 * absorbed, "water": after}
            return after, {**fluxes, "converged": jnp.ones_like(water)}

        water, outputs = jax.lax.scan(step, state["water"], forcing)
        if self.broken:
            outputs["Qh"] = outputs["Qh"] * jnp.log(-1.0 - albedo**2)[None]
        return outputs, {"water": water}


def _forcing(sites: Sites) -> dict[str, Any]:
    return {name: getattr(sites.forcing, name).T for name in ("shortwave_down", "precipitation")}


def twin_record(name: str = "twin", days: int = 40, seed: int = 0, truth: np.ndarray = TRUTH) -> SiteRecord:
    """A record observed as the bucket model at ``truth`` has it, a tenth missing and a tenth filled."""
    record = small_record(name, days, seed=seed).replace(observations={})
    attributes = dataclasses.replace(record.attributes, latitude=45.0 - 20.0 * seed)
    record = record.replace(attributes=attributes)
    theta = SPACE.from_fraction(jnp.asarray(truth))[None, None]
    outputs = BucketModel().run(theta, Sites.of([record])).outputs
    random = np.random.default_rng(seed)
    observations = {}
    for flux in ("Qle", "Qh"):
        value = np.asarray(outputs[flux][0, 0]) + random.normal(0.0, 0.5, len(record.time))
        value[random.random(len(value)) < 0.1] = np.nan
        quality = np.where(random.random(len(value)) < 0.1, FILLED, MEASURED)
        observations[flux] = Observation(value, quality)
    return record.replace(observations=observations)
