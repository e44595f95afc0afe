"""Parameters for a site that was left out: the mean of the others of its class, or a network's."""

import dataclasses
import json
import shutil
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from tilth.calibration.rules import Averaged, Neural, Reach
from tilth.config import Experiment, Method
from tilth.config_kinds import Transfer
from tilth.data.containers import SiteRecord, Sites
from tilth.models.base import AbstractLandModel
from tilth.pipeline.compiled_code import forget_old_code
from tilth.pipeline.land_model import FLUXES, ensemble_model, land_model, starting_points
from tilth.pipeline.learning import learn_with, surrogate_key
from tilth.pipeline.presets import THROUGH_SURROGATE
from tilth.pipeline.progress import numbered
from tilth.pipeline.surrogate import ensemble, trained
from tilth.pipeline.through_surrogate import training_regions
from tilth.pipeline.workplace import Workplace
from tilth.surrogates.guard import TrainingRegion


@dataclasses.dataclass(frozen=True)
class Theta:
    """Physical parameters ``[param]`` and remarks on how they came about."""

    vector: np.ndarray
    notes: Sequence[str] = ()


@dataclasses.dataclass(frozen=True)
class Lessons:
    """What a method learns at all sites but some; every lesson is kept once it is learned.

    ``model`` is the land model or, for mdpl and dpl, the one surrogate that all lessons share: it imitates
    the model and has seen no observation, so that it may know the forcing of a site that is left out.
    ``regions`` are those that it was trained in by site, none for the land model.
    """

    experiment: Transfer
    method: Method
    model: AbstractLandModel
    place: Workplace
    names: Sequence[str]
    regions: Mapping[str, TrainingRegion]

    @classmethod
    def of(
        cls, experiment: Transfer, method: Method, records: Sequence[SiteRecord], place: Workplace
    ) -> "Lessons":
        """The lessons of a method, with the surrogate of all sites trained where it needs one."""
        sites = Sites.of(records)
        lessons = [f"site-{name}" for name in sites.names] + [f"without-{name}" for name in sites.names]
        if method not in THROUGH_SURROGATE:
            land = land_model(experiment, output_names=FLUXES)
            return cls(experiment, method, land, place, lessons, {})
        store, members = ensemble(experiment, ensemble_model(experiment), sites, place)
        key = surrogate_key(experiment, method, sites)
        surrogate = trained(experiment, method, store, sites, place, key=key, members=members)
        regions = training_regions(surrogate.space, store, members)
        return cls(
            experiment, method, surrogate, place, lessons, dict(zip(sites.names, regions, strict=True))
        )

    def own(self, record: SiteRecord) -> Theta:
        """What is learned at a site itself."""
        name = record.attributes.name
        return self._kept(f"site-{name}", lambda place: self._own(record, place))

    def without(self, records: Sequence[SiteRecord], left_out: SiteRecord) -> Theta:
        """What a network trained at the other sites makes of the forcing and attributes of ``left_out``."""
        name = left_out.attributes.name
        return self._kept(f"without-{name}", lambda place: self._without(records, left_out, place))

    def _own(self, record: SiteRecord, place: Workplace) -> Theta:
        learned = learn_with(self.model, self.experiment, self.method, [record], place)
        name, theta = record.attributes.name, learned.thetas[0]
        return Theta(theta, [f"{name}: {note}" for note in (*learned.notes, *self._guarded(name, theta))])

    def _without(self, records: Sequence[SiteRecord], left_out: SiteRecord, place: Workplace) -> Theta:
        name = left_out.attributes.name
        others = [record for record in records if record.attributes.name != name]
        network: Experiment = self.experiment.model_copy(update={"pooling": "network"})
        learned = learn_with(self.model, network, self.method, others, place)
        rule = learned.result.rule
        if not isinstance(rule, Neural | Averaged):
            raise TypeError(f"expected a network that knows new sites, got {type(rule).__name__}")
        rule = rule.starting_at((name,), starting_points(self.experiment, [left_out]))
        unseen = left_out.replace(observations={})  # no flux of the site can enter
        seen = Sites.of([unseen])
        theta = np.asarray(rule(seen)[0, 0], float)
        notes = [*learned.notes, *self._guarded(name, theta)]
        if isinstance(rule, Averaged) and (reach := float(rule.reach.of(seen)[0])) != 1.0:
            notes.append(f"{_who_decided(rule.reach, left_out)} go {reach:.3g} times as far as the rule")
        return Theta(theta, [f"without {name}: {note}" for note in notes])

    def _guarded(self, site: str, theta: np.ndarray) -> list[str]:
        """A remark where parameters [param] lie outside the region that the surrogate was trained in."""
        if site not in self.regions:
            return []
        position = self.regions[site].position(theta)
        return [] if position.inside else [position.sentence]

    def _kept(self, name: str, learn: Callable[[Workplace], Theta]) -> Theta:
        """The lesson of that name, learned anew or, after an interruption, as it was."""
        path = self.place.checkpoints / f"{name}.json"
        if path.exists():
            known = json.loads(path.read_text(encoding="utf-8"))
            return Theta(np.array(known["vector"]), known["notes"])
        forget_old_code()
        number, total = self.names.index(name), len(self.names)
        told = numbered(self.place.progress, number, total, name)
        place = dataclasses.replace(self.place.below(name), progress=told)
        found = learn(place)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".part")
        text = json.dumps({"vector": found.vector.tolist(), "notes": list(found.notes)})
        partial.write_text(text, encoding="utf-8")
        partial.rename(path)
        shutil.rmtree(place.checkpoints, ignore_errors=True)
        return found


def _who_decided(reach: Reach, left_out: SiteRecord) -> str:
    """Whose sites say how far the one that is left out goes."""
    plant_class = left_out.attributes.plant_class
    if plant_class in dict(reach.classes):
        return f"the other sites of its class ({plant_class})"
    return "the other classes in the mean" if reach.classes else "all other sites together"


def class_mean(
    experiment: Transfer,
    left_out: SiteRecord,
    records: Sequence[SiteRecord],
    own: Mapping[str, Theta],
) -> Theta | None:
    """The mean of the parameters of the other sites of the class, None where there is none.

    The arithmetic mean of physical values, as Xie et al. 2025 (egusphere-2025-3301), section 2.4.3; the
    parameters in ``at_default`` keep the default of the site.
    """
    site = left_out.attributes
    others = [
        own[record.attributes.name].vector
        for record in records
        if record.attributes.plant_class == site.plant_class and record.attributes.name != site.name
    ]
    if not others:
        return None
    mean = np.mean(others, axis=0)
    names = np.array(experiment.space().names)
    default = starting_points(experiment, [left_out])[0]
    return Theta(np.where(np.isin(names, experiment.at_default), default, mean))
