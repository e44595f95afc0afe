"""A trained surrogate as a land model: differentiable, fast, and only as good as its audit says."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from tilth.data.containers import Sites
from tilth.models.base import AbstractLandModel, EnsembleOutputs
from tilth.networks.normalisation import Normalisation
from tilth.parameters.space import ParameterSpace
from tilth.surrogates.architecture import AbstractSurrogateNetwork
from tilth.surrogates.features import Features

CHUNK = 256
"""Windows of a member that are run side by side."""


class SurrogateLandModel(AbstractLandModel):
    """A network in the place of a land model.

    Windows of ``window`` native steps start from a zero state at multiples of ``window`` steps from the
    start of a record, and are stitched for whole records. ``tasks`` are the ALMA names of its outputs.
    ``training_loss`` and ``validation_loss`` are mean squared errors of standardised outputs an epoch.
    ``offsets`` are series that are added to its outputs, by site; see :meth:`exact_at`.
    A score never comes from a surrogate: run the true model with the parameters it led to.
    """

    space: ParameterSpace
    network: AbstractSurrogateNetwork
    inputs: Features
    outputs: Normalisation
    tasks: tuple[str, ...] = eqx.field(static=True)
    window: int = eqx.field(static=True)
    training_loss: Float[np.ndarray, " epoch"]
    validation_loss: Float[np.ndarray, " epoch"]
    offsets: Mapping[str, Float[np.ndarray, "time task"]] = dataclasses.field(default_factory=dict)
    adds_offsets: bool = eqx.field(static=True, default=False)
    differentiable: ClassVar[bool] = True

    def features(self, sites: Sites) -> tuple[np.ndarray, ...]:
        """For each site, what the network sees but for the parameters: float32 ``[time, feature]``.

        Cut windows of ``window`` steps from these, starting at multiples of ``window``, for
        :meth:`predict_windows`.
        """
        seen = tuple(self.inputs(record) for record in sites.records)
        if not self.adds_offsets:
            return seen
        series = (self.offsets[name].astype(np.float32) for name in sites.names)
        return tuple(np.concatenate(both, axis=1) for both in zip(seen, series, strict=True))

    def predict_windows(
        self, theta: Float[Array, "batch param"], features: Float[Array, "batch time feature"]
    ) -> Float[Array, "batch time task"]:
        """Simulated series of windows in the tasks' units, each with its own physical parameter values.

        ``features`` are rows of :meth:`features`. Differentiable in both arguments; computed in float32.
        """
        features = features.astype(jnp.float32)
        seen = features.shape[-1] - len(self.tasks) * self.adds_offsets
        combined = combine(parameter_features(self.space, theta), features[..., :seen])
        series = self.outputs.restore(self.network(combined))
        return series + features[..., seen:] if self.adds_offsets else series

    def without_history(self) -> "SurrogateLandModel":
        """The same surrogate without the record of its training: code that takes it is then compiled once.

        Offsets come with the features.
        """
        none = np.zeros(0)
        return dataclasses.replace(self, training_loss=none, validation_loss=none, offsets={})

    def exact_at(
        self, theta: Float[np.ndarray, "site param"], series: Sequence[Mapping[str, np.ndarray]], sites: Sites
    ) -> "SurrogateLandModel":
        """The surrogate with offsets that make it what the land model is at one point of each site.

        ``series`` [time] of the land model with ``theta``, by site and name; where one is not finite there is
        no offset. A zeroth-order correction, as of models of low fidelity in Alexandrov et al. 2001
        (doi:10.2514/2.2877).
        """
        bare = dataclasses.replace(self, offsets={}, adds_offsets=False)
        own = bare.run(jnp.asarray(theta, sites.step.dtype)[None], sites).outputs
        offsets = {}
        for site, (name, true) in enumerate(zip(sites.names, series, strict=True)):
            steps = len(sites.records[site].time)
            missing = [true[task][:steps] - np.asarray(own[task][0, site])[:steps] for task in self.tasks]
            offsets[name] = np.nan_to_num(np.stack(missing, axis=1), nan=0.0, posinf=0.0, neginf=0.0)
        return dataclasses.replace(bare, offsets=offsets, adds_offsets=True)

    def run(self, thetas: Float[Array, "member #site param"], sites: Sites) -> EnsembleOutputs:
        """Series simulated with physical parameter values, in float32; what is not finite is a failure."""
        windows = self._windows(sites)
        length = sites.valid.shape[1]
        per_site = jnp.broadcast_to(thetas, (thetas.shape[0], windows.shape[0], thetas.shape[2]))
        series = _stitched(self.without_history(), per_site, windows)[:, :, :length]
        outputs = {name: series[..., index] for index, name in enumerate(self.tasks)}
        finite = jnp.isfinite(series).all(axis=-1) | ~sites.valid[None]
        return EnsembleOutputs(outputs=outputs, succeeded=finite.all(axis=-1))

    def _windows(self, sites: Sites) -> Float[Array, "site chunk window time feature"]:
        count = math.ceil(sites.valid.shape[1] / self.window)
        chunk = min(count, CHUNK)
        length = math.ceil(count / chunk) * chunk * self.window
        padded = [np.pad(f, ((0, length - len(f)), (0, 0)), mode="edge") for f in self.features(sites)]
        stacked = np.stack(padded)
        return jnp.asarray(stacked.reshape(len(padded), -1, chunk, self.window, stacked.shape[-1]))


def parameter_features(
    space: ParameterSpace, theta: Float[Array, "*batch param"]
) -> Float[Array, "*batch param"]:
    """Positions in the parameters' ranges scaled to zero mean and unit variance over the box, float32."""
    return ((space.fraction(theta) - 0.5) * math.sqrt(12.0)).astype(jnp.float32)


def combine(
    parameters: Float[Array, "batch param"], features: Float[Array, "batch time feature"]
) -> Float[Array, "batch time input"]:
    """``X_combined`` of Xie et al. 2025, equation 6: features and, at every step, the parameters."""
    batch, time, _ = features.shape
    repeated = jnp.broadcast_to(parameters[:, None, :], (batch, time, parameters.shape[-1]))
    return jnp.concatenate([features, repeated], axis=-1)


@eqx.filter_jit
def _stitched(
    model: SurrogateLandModel,
    thetas: Float[Array, "member site param"],
    windows: Float[Array, "site chunk window time feature"],
) -> Float[Array, "member site total task"]:
    sites, chunks, size, steps, _ = windows.shape
    members = thetas.shape[0]

    def of_chunk(which: tuple[Array, Array]) -> Array:
        site, chunk = which
        features = windows[site, chunk]

        def of_member(theta: Array) -> Array:
            return model.predict_windows(jnp.broadcast_to(theta[None], (size, theta.shape[0])), features)

        return lax.map(of_member, thetas[:, site])

    grid = jnp.meshgrid(jnp.arange(sites), jnp.arange(chunks), indexing="ij")
    series = lax.map(jax.checkpoint(of_chunk), (grid[0].ravel(), grid[1].ravel()))
    series = series.reshape(sites, chunks, members, size, steps, -1)
    return jnp.moveaxis(series, 2, 0).reshape(members, sites, chunks * size * steps, -1)
