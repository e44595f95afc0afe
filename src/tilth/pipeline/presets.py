"""The presets ``quick`` and ``paper``: how much is run and learned, with an experiment's own sizes."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from tilth.calibration.base import AbstractCalibrator
from tilth.calibration.descent import Adam
from tilth.calibration.direct import Direct
from tilth.calibration.generator import GeneratorSettings
from tilth.calibration.mdpl import Mdpl
from tilth.config import Experiment, Method
from tilth.data.containers import SiteRecord
from tilth.ensembles.design import around, latin_hypercube, one_at_a_time, sobol
from tilth.networks.training import TrainingSettings
from tilth.pipeline.land_model import class_defaults, site_defaults
from tilth.surrogates.settings import SurrogateSettings, preset

DESIGNS = {"quick": ("nested", 384), "paper": ("one-at-a-time", 0)}
"""Design and members of the ensemble by preset; the paper's has four levels a parameter. ``nested`` draws a
third of its members over the whole box and the rest around the defaults of each site."""
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

MDPL_TRAINING = {
    "quick": TrainingSettings(epochs=100, windows_per_epoch=2048, batch_size=256, schedule="cosine"),
    "paper": TrainingSettings(epochs=2000, windows_per_epoch=2048, batch_size=256, learning_rate=0.005),
}
"""Training of the generator by preset."""


def ensemble_design(experiment: Experiment, records: Sequence[SiteRecord]) -> np.ndarray:
    """Physical parameter values of the ensemble's members, ``[member, 1 | site, param]``."""
    kind, members = DESIGNS[experiment.preset]
    kind = experiment.sizes.design or kind
    members = experiment.sizes.members or members or DESIGNS["quick"][1]
    space = experiment.space()
    if kind == "one-at-a-time":
        return one_at_a_time(space, np.stack([class_defaults(experiment, record) for record in records]))
    if kind == "nested":
        return _nested(experiment, records, members)
    draw = sobol if kind == "sobol" else latin_hypercube
    return draw(space, members, experiment.seed)[:, None]


def _nested(experiment: Experiment, records: Sequence[SiteRecord], members: int) -> np.ndarray:
    """A third of the members over the box, two thirds around each site's starting point."""
    space = experiment.space()
    wide = sobol(space, max(members // 3, 1), experiment.seed)
    start = site_defaults if experiment.defaults == "site" else class_defaults
    near = [
        around(
            space, start(experiment, record), members - len(wide), experiment.seed + 1, spread=NESTED_SPREAD
        )
        for record in records
    ]
    return np.concatenate([np.repeat(wide[:, None], len(records), axis=1), np.stack(near, axis=1)])


def surrogate_settings(experiment: Experiment) -> SurrogateSettings:
    """Sizes and training of the surrogate."""
    settings, sizes = preset(experiment.preset), experiment.sizes
    network = settings.sizes
    if sizes.surrogate_hidden is not None:
        network = dataclasses.replace(
            network, shared_hidden=sizes.surrogate_hidden, task_hidden=sizes.surrogate_hidden
        )
    training = dataclasses.replace(
        settings.training,
        epochs=sizes.surrogate_epochs or settings.training.epochs,
        windows_per_epoch=sizes.surrogate_windows or settings.training.windows_per_epoch,
    )
    return dataclasses.replace(settings, sizes=network, training=training)


def calibrator(experiment: Experiment, method: Method, *, sites: int) -> AbstractCalibrator:
    """The settings of a method; a generator for many sites, free parameters for one calibrated directly."""
    if method == "mdpl":
        return _mdpl(experiment)
    steps = experiment.sizes.direct_iterations or DIRECT_STEPS[experiment.preset]
    generator = _generator(experiment) if sites > 1 else None
    rate = DIRECT_RATE if generator is None else GENERATOR_RATE
    return Direct(descent=Adam(steps=steps, learning_rate=rate), generator=generator)


def _generator(experiment: Experiment) -> GeneratorSettings:
    settings = GENERATORS[experiment.preset]
    hidden = experiment.sizes.generator_hidden
    return settings if hidden is None else dataclasses.replace(settings, hidden=hidden)


def _mdpl(experiment: Experiment) -> Mdpl:
    sizes = experiment.sizes
    training = MDPL_TRAINING[experiment.preset]
    training = dataclasses.replace(training, epochs=sizes.generator_epochs or training.epochs)
    return Mdpl(generator=_generator(experiment), training=training)
