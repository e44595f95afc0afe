"""The sites of a sensitivity experiment: part of the record, defaults and ranges of each."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from tilth.config_kinds import SensitivityExperiment
from tilth.data.containers import SiteRecord
from tilth.data.shortened import first_years
from tilth.parameters.ranges import sensitivity_ranges
from tilth.parameters.space import ParameterSpace
from tilth.pipeline.calibrate import driving
from tilth.pipeline.land_model import class_defaults, site_defaults


@dataclasses.dataclass(frozen=True, eq=False)
class Subject:
    """A site to analyse: the part of its record, defaults [param], ranges, and where these come from."""

    record: SiteRecord
    in_means: bool
    default: np.ndarray
    space: ParameterSpace
    range_sources: dict[str, str]

    @property
    def name(self) -> str:
        """Name of the site."""
        return self.record.attributes.name

    def identity(self, flux: str, method: str) -> dict[str, object]:
        """The columns of a row of the table that say what it is about."""
        plant_class = self.record.attributes.plant_class
        return {
            "site": self.name, "class": plant_class, "in_means": self.in_means, "flux": flux,
            "method": method,
        }  # fmt: skip

    def facts(self) -> dict[str, object]:
        """What ``run.json`` says of the site."""
        record = self.record
        return {
            "name": self.name,
            "plant_class": record.attributes.plant_class,
            "period_start": str(record.time[0]),
            "period_end": str(record.time[-1] + np.timedelta64(round(record.step), "s")),
            "steps": len(record.time),
            "files": dict(record.files),
            "sources": dict(record.sources),
        }


def subject_of(experiment: SensitivityExperiment, record: SiteRecord, *, in_means: bool) -> Subject:
    """The site with the ranges around its own defaults; bounds of the experiment go first."""
    default = (site_defaults if experiment.defaults == "site" else class_defaults)(experiment, record)
    space = experiment.space()
    ranges = sensitivity_ranges(space.parameters, default)
    for parameter in space.parameters:
        if parameter.name in experiment.bounds:
            ranges[parameter.name] = (parameter.lower, parameter.upper, "the experiment file")
    return Subject(
        record=first_years(driving(experiment, record), experiment.years),
        in_means=in_means,
        default=default,
        space=ParameterSpace.select(space.names, {name: found[:2] for name, found in ranges.items()}),
        range_sources={name: found[2] for name, found in ranges.items()},
    )


def within_ranges(experiment: SensitivityExperiment, subject: Subject) -> SensitivityExperiment:
    """The experiment with the ranges of a site."""
    bounds = {p.name: (p.lower, p.upper) for p in subject.space.parameters}
    return experiment.model_copy(update={"bounds": bounds})


def alike(subjects: Sequence[Subject]) -> list[list[Subject]]:
    """The sites in groups of records with one step and length."""
    groups: dict[tuple[int, float], list[Subject]] = {}
    for subject in subjects:
        groups.setdefault((len(subject.record.time), subject.record.step), []).append(subject)
    return list(groups.values())
