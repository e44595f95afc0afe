"""Drawing batches of windows from an ensemble store, with no more in memory than the batch."""

import dataclasses
from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from tilth.data.containers import Sites
from tilth.ensembles.store import EnsembleStore
from tilth.parameters.space import ParameterSpace
from tilth.surrogates.features import Features
from tilth.surrogates.land_model import parameter_features


class Batch(eqx.Module):
    """Windows to learn from; ``targets`` are in the tasks' units."""

    features: Float[Array, "batch time feature"]
    parameters: Float[Array, "batch param"]
    targets: Float[Array, "batch time task"]


@dataclasses.dataclass(frozen=True, eq=False)
class WindowSource:
    """Windows of the given runs of an ensemble.

    ``features`` are those of each site, ``parameters`` the normalised ones ``[member, site, param]``,
    ``runs`` the pairs of member and site that windows are drawn from, ``[run, 2]``.
    """

    store: EnsembleStore
    tasks: tuple[str, ...]
    window: int
    features: Sequence[np.ndarray]
    parameters: np.ndarray
    runs: np.ndarray

    @classmethod
    def of(
        cls,
        store: EnsembleStore,
        space: ParameterSpace,
        sites: Sites,
        inputs: Features,
        *,
        tasks: tuple[str, ...],
        window: int,
        runs: np.ndarray,
    ) -> "WindowSource":
        """The windows of ``runs`` [run, (member, site)]."""
        parameters = np.asarray(parameter_features(space, jnp.asarray(store.thetas)))
        return cls(store, tasks, window, [inputs(r) for r in sites.records], parameters, runs)

    def only(self, runs: np.ndarray) -> "WindowSource":
        """The windows of other runs of the same ensemble."""
        return dataclasses.replace(self, runs=runs)

    def draw(self, generator: np.random.Generator, size: int) -> Batch:
        """A batch of windows of random runs, starting at random multiples of the window's length."""
        chosen = self.runs[generator.integers(len(self.runs), size=size)]
        counts = np.array([n // self.window for n in self.store.lengths])[chosen[:, 1]]
        starts = (generator.random(size) * counts).astype(int) * self.window
        steps = len(self.tasks)
        features = np.empty((size, self.window, self.features[0].shape[1]), np.float32)
        targets = np.empty((size, self.window, steps), np.float32)
        for row, ((member, site), start) in enumerate(zip(chosen.tolist(), starts.tolist(), strict=True)):
            part = slice(start, start + self.window)
            features[row] = self.features[site][part]
            for task, name in enumerate(self.tasks):
                targets[row, :, task] = self.store.series(name, member, site)[part]
        parameters = self.parameters[chosen[:, 0], chosen[:, 1]]
        return Batch(jnp.asarray(features), jnp.asarray(parameters), jnp.asarray(targets))
