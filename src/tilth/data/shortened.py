"""A part of a record, for work that does not need all of it."""

import dataclasses

import numpy as np

from tilth.data.containers import Observation, SiteRecord

YEAR = 365 * 86_400.0
"""Length of a year [s]."""


def first_years(record: SiteRecord, years: float) -> SiteRecord:
    """The first ``years`` (of 365 days) of the longest stretch of a record, all of it where it is shorter."""
    number, counts = np.unique(record.segment, return_counts=True)
    stretch = np.flatnonzero(record.segment == number[np.argmax(counts)])
    steps = min(len(stretch), max(1, round(years * YEAR / record.step)))
    return part_of(record, slice(int(stretch[0]), int(stretch[0]) + steps))


def part_of(record: SiteRecord, part: slice) -> SiteRecord:
    """The steps of a record that ``part`` selects."""
    return record.replace(
        time=record.time[part],
        forcing={name: series[part] for name, series in record.forcing.items()},
        forcing_in_range=record.forcing_in_range[part],
        usable=record.usable[part],
        segment=record.segment[part],
        observations={name: _cut(series, part) for name, series in record.observations.items()},
    )


def _cut(observation: Observation, part: slice) -> Observation:
    uncertainty = observation.uncertainty
    return dataclasses.replace(
        observation,
        value=observation.value[part],
        quality=observation.quality[part],
        uncertainty=None if uncertainty is None else uncertainty[part],
    )
