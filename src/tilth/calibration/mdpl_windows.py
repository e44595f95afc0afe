"""Drawing windows of observations and of what a surrogate and a generator see of them."""

import dataclasses
import operator
from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from tilth.calibration.base import Problem
from tilth.calibration.generator_inputs import GeneratorEncoder, GeneratorInputs
from tilth.observations.splits import inner_blocks, split_record
from tilth.observations.targets import FluxTargets

WATCHED_WINDOWS = 1024
"""Most windows on which learning is watched."""

Steps = Callable[[FluxTargets], np.ndarray]
"""Which steps of some fluxes count, ``[flux, site, time]``."""
FIT: Steps = operator.attrgetter("fit")
WATCHED: Steps = operator.attrgetter("choice")


class MdplBatch(eqx.Module):
    """Windows ``[batch]`` of some sites, and generator windows of all sites.

    ``features`` [batch, time, feature] are the surrogate's; ``observed`` and ``counts`` [flux, time, batch],
    and the same of the guarded fluxes with the surrogate's series ``at_start``.
    """

    inputs: GeneratorInputs
    site: Any
    features: Any
    observed: Any
    counts: Any
    guarded: Any
    guarded_counts: Any
    at_start: Any


@dataclasses.dataclass(frozen=True, eq=False)
class MdplSource:
    """Windows of a problem's calibration part.

    ``features`` are the surrogate's ``[time, feature]``, ``at_start`` its guarded fluxes with the parameters
    of the start ``[time, flux]`` and ``generator_windows`` those of the generator that lie in the blocks to
    fit, for each site; ``fit`` the first steps of the windows to learn from, of which the sites ``learning``
    have some.
    """

    problem: Problem
    window: int
    features: Sequence[np.ndarray]
    at_start: Sequence[np.ndarray]
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
        at_start: Sequence[np.ndarray],
        *,
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
            at_start=at_start,
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
        return self._batch(inputs, site, start, FIT)

    def watched(self) -> MdplBatch | None:
        """Windows that choose, always the same, with the generator's usual inputs; None if none."""
        return self._spread_over(WATCHED)

    def everywhere(self) -> MdplBatch | None:
        """Windows of the whole calibration part, in the same way."""
        return self._spread_over(lambda fluxes: fluxes.fit | fluxes.choice)

    def _spread_over(self, steps: Steps) -> MdplBatch | None:
        records = self.problem.sites.records
        seen = np.asarray(steps(self.problem.targets).any(axis=0))
        starts = [_starts(seen[s], self.window, len(r.time)) for s, r in enumerate(records)]
        share = max(1, WATCHED_WINDOWS // max(1, sum(1 for some in starts if len(some))))
        starts = [s[:: -(-len(s) // share)] if len(s) else s for s in starts]
        site = np.repeat(np.arange(len(starts)), [len(s) for s in starts])
        if not len(site):
            return None
        start = np.concatenate(starts)
        # As many windows as a power of two: sites share the code that takes them. The rest counts nothing.
        filled = np.minimum(np.arange(2 ** (len(site) - 1).bit_length()), len(site) - 1)
        batch = self._batch(self.encoder(records), site[filled], start[filled], steps)
        for counts in (batch.counts, batch.guarded_counts):
            counts[..., len(site) :] = False
        return batch

    def _batch(self, inputs: GeneratorInputs, site: np.ndarray, start: np.ndarray, steps: Steps) -> MdplBatch:
        places = [(s, slice(b, b + self.window)) for s, b in zip(site.tolist(), start.tolist(), strict=True)]
        at = (slice(None), site[None, :], start[None, :] + np.arange(self.window)[:, None])
        targets, guarded = self.problem.targets, self.problem.guarded
        return MdplBatch(
            inputs,
            site,
            np.stack([self.features[s][rows] for s, rows in places]),
            targets.observed[at].astype(np.float32),
            steps(targets)[at],
            guarded.observed[at].astype(np.float32),
            steps(guarded)[at],
            np.stack([self.at_start[s][rows] for s, rows in places], axis=1).transpose(2, 0, 1),
        )


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
