"""The observations of a batch of sites as the losses read them: padded arrays, masks and scales."""

import dataclasses
from collections.abc import Sequence

import equinox as eqx
import numpy as np
from jaxtyping import Bool, Float

from tilth.data.containers import SiteRecord
from tilth.observations.masks import scored_steps
from tilth.observations.operators import AbstractTarget
from tilth.observations.splits import inner_blocks, split_record

MINIMUM_SCORED = 10
"""Least number of scored steps of the calibration part for a flux of a site to count."""


class FluxTargets(eqx.Module):
    """Observed fluxes of a batch of sites, on the host; everything outside the calibration part is zero.

    ``fit`` says which steps are learned from and ``choice`` on which is chosen among what was learned: those
    and the blocks between them that nothing is learned from. ``mean`` and ``deviation`` are those of the
    scored steps of the calibration part, in the unit of the flux; ``segment`` the stretch that each step is
    in, -1 in the padding.
    """

    variables: tuple[str, ...] = eqx.field(static=True)
    observed: Float[np.ndarray, "flux site time"]
    fit: Bool[np.ndarray, "flux site time"]
    choice: Bool[np.ndarray, "flux site time"]
    mean: Float[np.ndarray, "flux site"]
    deviation: Float[np.ndarray, "flux site"]
    segment: np.ndarray

    @classmethod
    def of(
        cls,
        records: Sequence[SiteRecord],
        variables: Sequence[str],
        target: AbstractTarget,
        *,
        required: bool = True,
    ) -> "FluxTargets":
        """The targets of the records.

        Raises ``ValueError`` for a site where nothing is left to learn from, if observations are required.
        """
        shape = (len(variables), len(records), max(len(r.time) for r in records))
        observed, fit, choice = np.zeros(shape), np.zeros(shape, bool), np.zeros(shape, bool)
        mean, deviation = np.zeros(shape[:2]), np.ones(shape[:2])
        segment = np.full(shape[1:], -1)
        for site, record in enumerate(records):
            steps = len(record.time)
            segment[site, :steps] = record.segment
            split = split_record(record)
            blocks = inner_blocks(record, split)
            series = target.observed(record, variables)
            for name, counts in scored_steps(record, series, split.calibration).items():
                values = series[name][counts]
                if len(values) < MINIMUM_SCORED or values.std() == 0.0:
                    continue
                where = (list(variables).index(name), site)
                observed[where][:steps][counts] = values
                mean[where], deviation[where] = values.mean(), values.std()
                fit[where][:steps] = counts & blocks.fit
                choice[where][:steps] = counts
        if required:
            _refuse_empty(records, variables, fit)
        return cls(tuple(variables), observed, fit, choice, mean, deviation, segment)

    def watched_at(self, sites: Sequence[int]) -> "FluxTargets":
        """The same observations; those of ``sites``, by number, choose, all others are learned from."""
        either = self.fit | self.choice
        watching = np.isin(np.arange(either.shape[1]), sites)[None, :, None]
        return dataclasses.replace(self, fit=either & ~watching, choice=either & watching)


def _refuse_empty(records: Sequence[SiteRecord], variables: Sequence[str], fit: np.ndarray) -> None:
    learnable = np.asarray(fit.any(axis=(0, 2)))
    empty = [r.attributes.name for r, some in zip(records, learnable, strict=True) if not some]
    if empty:
        raise ValueError(
            f"{', '.join(empty)}: fewer than {MINIMUM_SCORED} steps of {' and '.join(variables)} are scored "
            "in the calibration part, nothing can be learned: expected measured fluxes where all forcings "
            "are in range; look at `tilth check`"
        )
