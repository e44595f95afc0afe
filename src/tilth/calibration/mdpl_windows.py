"""Drawing windows of observations and of what a surrogate and a generator see of them."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from tilth.calibration.base import Problem
from tilth.calibration.generator_inputs import GeneratorEncoder, GeneratorInputs
from tilth.observations.splits import inner_blocks, split_record

WATCHED_WINDOWS = 1024
"""Most windows of the inner blocks on which learning is watched."""


class MdplBatch(eqx.Module):
    """Windows ``[batch]`` of some sites, and generator windows of all sites.

    ``features`` [batch, time, feature] are the surrogate's; ``observed`` and ``counts`` [flux, time, batch].
    """

    inputs: GeneratorInputs
    site: Any
    features: Any
    observed: Any
    counts: Any


@dataclasses.dataclass(frozen=True, eq=False)
class MdplSource:
    """Windows of a problem's calibration part.

    ``features`` are the surrogate's ``[time, feature]`` and ``generator_windows`` those of the generator that
    lie in the blocks to fit, for each site; ``fit`` the first steps of the windows to learn from, of which
    the sites ``learning`` have some.
    """

    problem: Problem
    window: int
    features: Sequence[np.ndarray]
    encoder: GeneratorEncoder
    generator_windows: Sequence[np.ndarray]
    attributes: np.ndarray
    fit: Sequence[np.ndarray]
    learning: np.ndarray
    generator_count: int

    @classmethod
    def of(
        cls,
        problem: Problem,
        features: Sequence[np.ndarray],
        window: int,
        encoder: GeneratorEncoder,
        generator_count: int,
    ) -> "MdplSource":
        """The windows of a problem; ``generator_count`` of each site are drawn for the generator."""
        records = problem.sites.records
        counted = np.asarray(problem.targets.fit.any(axis=0))
        return cls(
            problem=problem,
            window=window,
            features=features,
            encoder=encoder,
            generator_windows=[_fitted_windows(encoder, record) for record in records],
            attributes=np.stack([encoder.attributes(record) for record in records]),
            fit=[_starts(counted[s], window, len(r.time)) for s, r in enumerate(records)],
            learning=np.array(problem.learning),
            generator_count=generator_count,
        )

    def draw(self, generator: np.random.Generator, size: int) -> MdplBatch:
        """A batch of random windows to learn from, sites that are learned from with equal chances."""
        site = self.learning[generator.integers(len(self.learning), size=size)]
        place = generator.random(size)
        start = np.array(
            [self.fit[s][int(p * len(self.fit[s]))] for s, p in zip(site, place, strict=True)], dtype=int
        )
        drawn = [w[generator.integers(len(w), size=self.generator_count)] for w in self.generator_windows]
        inputs = GeneratorInputs(
            windows=jnp.asarray(np.stack(drawn)),
            weight=jnp.ones((len(drawn), self.generator_count), jnp.float32),
            attributes=jnp.asarray(self.attributes),
        )
        return self._batch(inputs, site, start, self.problem.targets.fit)

    def watched(self) -> MdplBatch | None:
        """Windows of the inner blocks, always the same, with the generator's usual inputs; None if none."""
        return self._spread_over(self.problem.targets.validation)

    def everywhere(self) -> MdplBatch | None:
        """Windows of the whole calibration part, in the same way."""
        return self._spread_over(self.problem.targets.fit | self.problem.targets.validation)

    def _spread_over(self, mask: np.ndarray) -> MdplBatch | None:
        records = self.problem.sites.records
        seen = np.asarray(mask.any(axis=0))
        starts = [_starts(seen[s], self.window, len(r.time)) for s, r in enumerate(records)]
        share = max(1, WATCHED_WINDOWS // max(1, sum(1 for some in starts if len(some))))
        starts = [s[:: -(-len(s) // share)] if len(s) else s for s in starts]
        site = np.repeat(np.arange(len(starts)), [len(s) for s in starts])
        if not len(site):
            return None
        return self._batch(self.encoder(records), site, np.concatenate(starts), mask)

    def _batch(
        self, inputs: GeneratorInputs, site: np.ndarray, start: np.ndarray, mask: np.ndarray
    ) -> MdplBatch:
        index = start[None, :] + np.arange(self.window)[:, None]
        rows = [
            self.features[s][begin : begin + self.window]
            for s, begin in zip(site.tolist(), start.tolist(), strict=True)
        ]
        observed = self.problem.targets.observed[:, site[None, :], index].astype(np.float32)
        return MdplBatch(inputs, site, np.stack(rows), observed, mask[:, site[None, :], index])


def _starts(counted: np.ndarray, window: int, length: int) -> np.ndarray:
    """First steps of the windows, at multiples of the window's length, in which some step is counted."""
    count = length // window
    return np.flatnonzero(counted[: count * window].reshape(count, window).any(axis=1)) * window


def _fitted_windows(encoder: GeneratorEncoder, record: Any) -> np.ndarray:
    """The generator's windows that touch no block that watches the learning; all if none is left."""
    windows = encoder.features(record)
    split = split_record(record)
    watched = inner_blocks(record, split).validation[split.calibration]
    free = ~watched[: len(windows) * encoder.window].reshape(len(windows), -1).any(axis=1)
    return windows[free] if free.any() else windows
