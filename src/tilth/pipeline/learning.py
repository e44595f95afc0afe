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
from tilth.calibration.mdpl import Mdpl
from tilth.calibration.rules import mean_theta
from tilth.config import Experiment, Method
from tilth.data.containers import SiteRecord, Sites
from tilth.models.base import AbstractLandModel
from tilth.observations.losses import named_loss
from tilth.observations.operators import named_target
from tilth.pipeline.best_run import Judge
from tilth.pipeline.land_model import (
    FLUXES,
    ensemble_model,
    further_starting_points,
    guarded_fluxes,
    guarded_through_surrogates,
    land_model,
    starting_points,
)
from tilth.pipeline.presets import THROUGH_SURROGATE, calibrator
from tilth.pipeline.through_surrogate import Learning, learn_through
from tilth.pipeline.verification import Again
from tilth.pipeline.workplace import Workplace
from tilth.surrogates.land_model import SurrogateLandModel


@dataclasses.dataclass(frozen=True)
class Learned:
    """What a method learned: parameters ``[site, param]``, tables for the report by name, and remarks.

    ``through`` is what happened on the way through a surrogate, None where the land model itself was used.
    """

    thetas: np.ndarray
    result: Result
    tables: Mapping[str, pd.DataFrame]
    notes: Sequence[str] = ()
    through: Learning | None = None


def learn(
    experiment: Experiment,
    method: Method,
    records: Sequence[SiteRecord],
    place: Workplace,
    *,
    audit_members: int | None = None,
) -> Learned:
    """Parameters of the sites, learned by ``method`` from the calibration parts of their records.

    ``audit_members`` of the land model over the box are what a surrogate is compared with, a few unless
    given. Goes on from the checkpoints of an interrupted run. Raises ``FloatingPointError`` where learning
    fails.
    """
    if method not in THROUGH_SURROGATE:
        return learn_with(land_model(experiment, output_names=FLUXES), experiment, method, records, place)
    sites = Sites.of(records)

    def solve_through(surrogate: AbstractLandModel, round_number: int, again: Again) -> Result:
        return _solved(surrogate, experiment, method, records, place, round_number, again)

    through = learn_through(
        experiment, method, ensemble_model(experiment), sites, place,
        key=surrogate_key(experiment, method, sites), solve=solve_through,
        start=_starts(experiment, records),
        judge=Judge.of(experiment, records),
        audit_members=audit_members,
    )  # fmt: skip
    learned = _learned(method, sites, through.result)
    history = pd.concat([through.tables["history"], learned.tables["history"]], ignore_index=True)
    return dataclasses.replace(
        learned,
        tables={**through.tables, "history": history},
        notes=[*learned.notes, *through.notes],
        through=through,
    )


def learn_with(
    model: AbstractLandModel,
    experiment: Experiment,
    method: Method,
    records: Sequence[SiteRecord],
    place: Workplace,
) -> Learned:
    """Parameters of the sites, learned through ``model``: the land model, or a surrogate that is there."""
    result = _solved(model, experiment, method, records, place)
    return _learned(method, Sites.of(records), result)


def _solved(
    model: AbstractLandModel,
    experiment: Experiment,
    method: Method,
    records: Sequence[SiteRecord],
    place: Workplace,
    round_number: int = 0,
    again: Again | None = None,
) -> Result:
    problem, solver = problem_of(experiment, model, records), calibrator(experiment, method)
    if again is not None and isinstance(solver, Mdpl):
        rows = [again.allowances[name] for name in problem.guarded.variables if again.allowances]
        solver = dataclasses.replace(solver, allowance=np.stack(rows) if rows else None, only=again.way)
    stage = f"{method}-{round_number}" if round_number else method
    key = jax.random.fold_in(learning_key(experiment, method, Sites.of(records)), 2)
    with place.stopwatch.stage(method):
        return solve(
            problem,
            solver,
            key=key,
            checkpoint=place.checkpoints / f"{stage}.checkpoint",
            progress=place.staged(stage),
        )


def _learned(method: Method, sites: Sites, result: Result) -> Learned:
    notes = [] if result.status is Status.SUCCEEDED else [f"{method}: {result.status.value}."]
    history = pd.DataFrame(
        {
            "stage": method,
            "step": np.arange(1, len(result.history.loss) + 1),
            "loss": result.history.loss,
            "validation": result.history.validation,
        }
    )
    return Learned(np.asarray(result.rule(sites)[0], float), result, {"history": history}, notes)


def problem_of(experiment: Experiment, model: AbstractLandModel, records: Sequence[SiteRecord]) -> Problem:
    """The problem of an experiment at some sites; those that share parameters start from their mean."""
    return Problem.of(
        model,
        Sites.of(records),
        starts=_starts(experiment, records),
        further=further_starting_points(experiment, records),
        variables=FLUXES,
        target=named_target(experiment.target),
        loss=named_loss(experiment.loss),
        guarded=_guarded(experiment, model),
    )


def _guarded(experiment: Experiment, model: AbstractLandModel) -> tuple[str, ...]:
    """The fluxes that learning through ``model`` minds: those that it simulates."""
    if not isinstance(model, SurrogateLandModel):
        return guarded_fluxes(experiment)
    return tuple(flux for flux in guarded_through_surrogates(experiment) if flux in model.tasks)


def _starts(experiment: Experiment, records: Sequence[SiteRecord]) -> np.ndarray:
    starts = starting_points(experiment, records)
    if experiment.pooling != "class":
        return starts
    return np.tile(mean_theta(experiment.space(), starts), (len(records), 1))


def surrogate_key(experiment: Experiment, method: str, sites: Sites) -> PRNGKeyArray:
    """The random key of the surrogate of a calibration."""
    return jax.random.fold_in(learning_key(experiment, method, sites), 1)


def learning_key(experiment: Experiment, method: str, sites: Sites) -> PRNGKeyArray:
    """The random key of one calibration, from the seed, the method and the sites' names."""
    names = "/".join([method, *sites.names])
    return jax.random.fold_in(jax.random.key(experiment.seed), zlib.crc32(names.encode()))
