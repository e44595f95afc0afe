"""The presets ``quick`` and ``paper``: how much is run and learned, with an experiment's own sizes."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from tilth.calibration.base import AbstractCalibrator
from tilth.calibration.descent import Adam
from tilth.calibration.direct import Direct
from tilth.calibration.generator import GeneratorSettings
from tilth.calibration.guard import MILD
from tilth.calibration.left_out import LeavingOut
from tilth.calibration.mdpl import Mdpl
from tilth.config import Experiment, Method
from tilth.data.containers import SiteRecord
from tilth.ensembles.design import around, latin_hypercube, one_at_a_time, sobol
from tilth.networks.training import TrainingSettings
from tilth.observations.operators import RawFluxes
from tilth.observations.targets import FluxTargets
from tilth.pipeline.land_model import (
    FLUXES,
    class_defaults,
    further_starting_points,
    guarded_through_surrogates,
    starting_points,
)
from tilth.surrogates.architectures import size_matched
from tilth.surrogates.features import feature_count
from tilth.surrogates.settings import (
    SINGLE_TASK,
    MultitaskSizes,
    SingleTaskSizes,
    SurrogateSettings,
    preset,
    single_task,
)

THROUGH_SURROGATE: tuple[Method, ...] = ("mdpl", "dpl")
"""Methods that learn through a surrogate: a multi-task one, and a single-task one."""
DESIGNS = {"quick": ("nested", 192), "paper": ("one-at-a-time", 0)}
"""Design and members of the ensemble by preset; the paper's has four levels a parameter. ``nested`` draws a
third of its members over the whole box and the rest around the points of each site where learning may
begin."""
VERIFICATIONS = {"quick": 2, "paper": 0}
"""Most times that is learned again by preset where an experiment does not say whether to verify."""
MOST_VERIFICATIONS = 3
"""Most of them where it says so."""
NESTED_SPREAD = 0.2
"""Standard deviation of the members around the defaults, as a fraction of each range."""
DIRECT_STEPS = {"quick": 40, "paper": 200}
"""Steps of gradient descent through the land model by preset."""
DIRECT_RATE = 0.2
"""Step size of that descent for free parameters, in unconstrained space."""
GENERATOR_RATE = 0.05
"""Step size of that descent for the weights of a generator."""
GENERATORS = {"quick": GeneratorSettings(), "paper": GeneratorSettings(layers=4, hidden=128)}
"""Parameter generators by preset; the paper's of Xie et al. 2025, section 2.4.3."""

MDPL_PRIOR = {"quick": 1e-2, "paper": 0.0}
"""Weight of the prior that holds parameters near the default where the fluxes tell less than a small
surrogate's error; Xie et al. 2025 have none."""

SPREAD_PRIOR = 10.0
"""Weight of the prior on what is particular to a site in a rule for sites never seen."""
UNSEEN_EPOCHS = {"quick": 12, "paper": 200}
"""Epochs of each of its generators by preset."""

MDPL_TRAINING = {
    "quick": TrainingSettings(epochs=20, windows_per_epoch=2048, batch_size=256, schedule="cosine"),
    "paper": TrainingSettings(epochs=2000, windows_per_epoch=2048, batch_size=256, learning_rate=0.005),
}
"""Training of the generator by preset."""


def design_name(experiment: Experiment) -> str:
    """The design of the ensemble: that of the preset unless the experiment names one."""
    return experiment.sizes.design or DESIGNS[experiment.preset][0]


def ensemble_design(experiment: Experiment, records: Sequence[SiteRecord]) -> np.ndarray:
    """Physical parameter values of the ensemble's members, ``[member, 1 | site, param]``."""
    kind = design_name(experiment)
    members = experiment.sizes.members or DESIGNS[experiment.preset][1] or DESIGNS["quick"][1]
    space = experiment.space()
    if kind == "one-at-a-time":
        return one_at_a_time(space, np.stack([class_defaults(experiment, record) for record in records]))
    if kind == "nested":
        return _nested(experiment, records, members)
    draw = sobol if kind == "sobol" else latin_hypercube
    return draw(space, members, experiment.seed)[:, None]


def _nested(experiment: Experiment, records: Sequence[SiteRecord], members: int) -> np.ndarray:
    """A third of the members over the box, two thirds around the points where learning may begin."""
    space = experiment.space()
    wide = sobol(space, max(members // 3, 1), experiment.seed)
    points = [starting_points(experiment, records), *further_starting_points(experiment, records)]
    rest, near = members - len(wide), []
    for number, starts in enumerate(points[:rest]):
        count = len(range(number, rest, len(points)))
        seed = experiment.seed + 1 + number
        around_each = [around(space, start, count, seed, spread=NESTED_SPREAD) for start in starts]
        near.append(np.stack(around_each, axis=1))
    return np.concatenate([np.repeat(wide[:, None], len(records), axis=1), *near])


def surrogate_tasks(experiment: Experiment, records: Sequence[SiteRecord]) -> tuple[str, ...]:
    """What a surrogate simulates: fluxes that are learned from, and those measured that guard."""
    guards = [flux for flux in guarded_through_surrogates(experiment) if flux not in FLUXES]
    if not guards or not records:
        return FLUXES
    seen = FluxTargets.of(records, guards, RawFluxes(), required=False)
    measured = np.asarray(seen.choice.any(axis=(1, 2)))
    return (*FLUXES, *(flux for flux, some in zip(guards, measured, strict=True) if some))


def surrogate_settings(
    experiment: Experiment, method: Method = "mdpl", records: Sequence[SiteRecord] = ()
) -> SurrogateSettings:
    """Sizes and training of the surrogate that ``method`` learns through at the sites of ``records``."""
    settings, sizes = preset(experiment.preset), experiment.sizes
    network = settings.sizes
    if sizes.surrogate_hidden is not None and isinstance(network, MultitaskSizes):
        network = dataclasses.replace(
            network, shared_hidden=sizes.surrogate_hidden, task_hidden=sizes.surrogate_hidden
        )
    training = dataclasses.replace(
        settings.training,
        epochs=sizes.surrogate_epochs or settings.training.epochs,
        windows_per_epoch=sizes.surrogate_windows or settings.training.windows_per_epoch,
    )
    memory = settings.antecedent if sizes.surrogate_memory is None else sizes.surrogate_memory
    settings = dataclasses.replace(
        settings,
        sizes=network,
        training=training,
        antecedent=memory,
        tasks=surrogate_tasks(experiment, records),
    )
    return single_task(settings, _single_task_sizes(experiment, settings)) if method == "dpl" else settings


def _single_task_sizes(experiment: Experiment, multitask: SurrogateSettings) -> SingleTaskSizes:
    """Sizes of the single-task network; where asked for, with as many weights as the multi-task one."""
    single, sizes = SINGLE_TASK[experiment.preset], experiment.sizes
    matched = experiment.preset == "quick" if sizes.surrogate_matched is None else sizes.surrogate_matched
    if matched and isinstance(multitask.sizes, MultitaskSizes):
        features = feature_count(multitask) + len(experiment.space().names)
        return size_matched(single, multitask.sizes, features, len(multitask.tasks))
    return dataclasses.replace(single, hidden=sizes.surrogate_hidden or single.hidden)


def calibrator(experiment: Experiment, method: Method) -> AbstractCalibrator:
    """The settings of a method with the pooling of the experiment."""
    shared = experiment.pooling == "class"
    if method in THROUGH_SURROGATE:
        for_sites_never_seen = experiment.pooling == "network" and not experiment.generator_sees_fluxes
        if for_sites_never_seen and len(experiment.sites) > 2:
            return _leaving_out(experiment)
        return _mdpl(experiment, shared)
    steps = experiment.sizes.direct_iterations or DIRECT_STEPS[experiment.preset]
    generator = _generator(experiment) if experiment.pooling == "network" else None
    rate = DIRECT_RATE if generator is None else GENERATOR_RATE
    return Direct(descent=Adam(steps=steps, learning_rate=rate), generator=generator, shared=shared)


def _generator(experiment: Experiment) -> GeneratorSettings:
    settings = GENERATORS[experiment.preset]
    hidden = experiment.sizes.generator_hidden or settings.hidden
    return dataclasses.replace(settings, hidden=hidden, sees_fluxes=experiment.generator_sees_fluxes)


def verifications(experiment: Experiment) -> int:
    """How often is learned again at most where a surrogate did not hold near the optimum; none: no audit."""
    if experiment.verify is None:
        return VERIFICATIONS[experiment.preset]
    return MOST_VERIFICATIONS if experiment.verify else 0


def _mdpl(experiment: Experiment, shared: bool) -> Mdpl:
    sizes = experiment.sizes
    training = MDPL_TRAINING[experiment.preset]
    training = dataclasses.replace(training, epochs=sizes.generator_epochs or training.epochs)
    prior = MDPL_PRIOR[experiment.preset]
    return Mdpl(generator=_generator(experiment), training=training, prior=prior, shared=shared)


def _leaving_out(experiment: Experiment) -> LeavingOut:
    """A network for sites never seen."""
    learner = _mdpl(experiment, shared=False)
    epochs = experiment.sizes.generator_epochs or UNSEEN_EPOCHS[experiment.preset]
    training = dataclasses.replace(learner.training, epochs=epochs)
    return LeavingOut(
        dataclasses.replace(
            learner,
            relative=True,
            spread_prior=SPREAD_PRIOR,
            training=training,
            guards=(MILD,),
            choosing=False,
        )
    )
