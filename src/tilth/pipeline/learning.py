"""From a method's name to learned parameters: ensembles, surrogates and calibrators put together."""

import dataclasses
import zlib
from collections.abc import Mapping, Sequence

import jax
import numpy as np
import pandas as pd
from jaxtyping import PRNGKeyArray

from tilth.calibration.base import Problem, Result, Status
from tilth.calibration.base import calibrate as solve
from tilth.config import Experiment, Method
from tilth.data.containers import SiteRecord, Sites
from tilth.models.base import AbstractLandModel
from tilth.observations.losses import named_loss
from tilth.observations.operators import named_target
from tilth.pipeline.land_model import (
    FLUXES,
    class_defaults,
    land_model,
    site_defaults,
)
from tilth.pipeline.presets import calibrator
from tilth.pipeline.surrogate import trained_surrogate
from tilth.pipeline.workplace import Workplace


@dataclasses.dataclass(frozen=True)
class Learned:
    """What a method learned: parameters ``[site, param]``, tables for the report by name, and remarks."""

    thetas: np.ndarray
    result: Result
    tables: Mapping[str, pd.DataFrame]
    notes: Sequence[str] = ()


def learn(experiment: Experiment, method: Method, records: Sequence[SiteRecord], place: Workplace) -> Learned:
    """Parameters of the sites, learned by ``method`` from the calibration parts of their records.

    Goes on from the checkpoints of an interrupted run. Raises ``FloatingPointError`` where learning fails.
    """
    sites = Sites.of(records)
    key = learning_key(experiment, method, sites)
    land = land_model(experiment, output_names=FLUXES)
    model: AbstractLandModel = land
    tables: dict[str, pd.DataFrame] = {}
    if method == "mdpl":
        model, tables = trained_surrogate(experiment, land, sites, place, jax.random.fold_in(key, 1))
    start = site_defaults if experiment.defaults == "site" else class_defaults
    problem = Problem.of(
        model,
        sites,
        starts=np.stack([start(experiment, record) for record in records]),
        variables=FLUXES,
        target=named_target(experiment.target),
        loss=named_loss(experiment.loss),
    )
    with place.stopwatch.stage(method):
        result = solve(
            problem,
            calibrator(experiment, method, sites=len(records)),
            key=jax.random.fold_in(key, 2),
            checkpoint=place.checkpoints / f"{method}.checkpoint",
            progress=place.staged(method),
        )
    history = pd.DataFrame(
        {
            "stage": method,
            "step": np.arange(1, len(result.history.loss) + 1),
            "loss": result.history.loss,
            "validation": result.history.validation,
        }
    )
    tables["history"] = pd.concat([tables.pop("history", None), history], ignore_index=True)
    notes = [] if result.status is Status.SUCCEEDED else [f"{method}: {result.status.value}."]
    return Learned(np.asarray(result.rule(sites)[0], float), result, tables, notes)


def learning_key(experiment: Experiment, method: str, sites: Sites) -> PRNGKeyArray:
    """The random key of one calibration, from the seed, the method and the sites' names."""
    names = "/".join([method, *sites.names])
    return jax.random.fold_in(jax.random.key(experiment.seed), zlib.crc32(names.encode()))
