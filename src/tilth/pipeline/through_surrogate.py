"""Learning through a surrogate, as often as the land model's runs with what was learned ask for it."""

import dataclasses
from collections.abc import Callable, Sequence

import jax.numpy as jnp
import numpy as np
import pandas as pd
from jaxtyping import PRNGKeyArray

from tilth.calibration.base import Result
from tilth.config import Experiment, Method
from tilth.data.containers import SiteRecord, Sites
from tilth.ensembles.store import EnsembleStore
from tilth.models.base import AbstractLandModel
from tilth.parameters.space import ParameterSpace
from tilth.pipeline.best_run import Judge, best_on_the_way, best_round
from tilth.pipeline.presets import verifications
from tilth.pipeline.surrogate import audit_table, ensemble, trained
from tilth.pipeline.verification import Again, GrowingEnsemble, Verification
from tilth.pipeline.workplace import Workplace
from tilth.surrogates.audit import NEAR_LIMIT, compare_series, passed
from tilth.surrogates.guard import Position, TrainingRegion
from tilth.surrogates.land_model import SurrogateLandModel

Solve = Callable[[AbstractLandModel, int, Again], Result]
"""Calibrates through a surrogate; the number is that of the round."""


@dataclasses.dataclass(frozen=True)
class Learning:
    """What was learned through a surrogate.

    The last surrogate and result, tables and remarks; ``members`` is the number of ensemble members that the
    surrogate was trained on, ``positions`` say where the learned parameters of each site lie among them.
    """

    surrogate: SurrogateLandModel
    result: Result
    tables: dict[str, pd.DataFrame]
    notes: Sequence[str]
    members: int
    positions: Sequence[Position]


def learn_through(
    experiment: Experiment,
    method: Method,
    land: AbstractLandModel,
    sites: Sites,
    place: Workplace,
    *,
    key: PRNGKeyArray,
    solve: Solve,
    start: np.ndarray,
    judge: Judge,
    audit_members: int | None = None,
) -> Learning:
    """Learns through the surrogate of ``method``, verified as the preset or the experiment says.

    A verification runs the land model with what was learned and with members around it. Where the surrogate
    fails its audit there, it is trained further. Then it is learned through again, made exact at the best of
    what was learned before, with what is known of how far it is from the land model at the start
    (:mod:`tilth.pipeline.promises`); so it is until the preset's rounds are over, or the surrogate passes and
    another round did not make it better. Of all rounds and the ``start`` [site, param], and where sites have
    their own parameters the way between, the one counts whose run of the land model the ``judge`` finds best.

    ``audit_members`` over the box are shown in the report, a few unless given. Everything goes on from its
    checkpoints; members are appended to the store of the ensemble, or to a copy where others share it.
    """
    rounds = verifications(experiment)
    store, designed = ensemble(experiment, land, sites, place, to_extend=rounds > 0)
    surrogate = trained(experiment, method, store, sites, place, key=key, members=designed)
    result = solve(surrogate, 0, Again({}))
    notes: list[str] = []
    growing = GrowingEnsemble(store, land, sites, place, designed)
    verification = Verification(experiment, method, key, judge, growing, surrogate, [start])
    if rounds:
        result, notes = _verified(verification, solve, result, rounds)
        if experiment.pooling == "site":
            result, more = best_on_the_way(
                result, judge, growing.store, start, sites, land=land, members=growing.members, place=place
            )
            notes += more
    with place.stopwatch.stage("audit"):
        tables = {"audit": audit_table(experiment, land, verification.surrogate, sites, place, audit_members)}
    if verification.audits:
        tables["verification"] = pd.concat(verification.audits, ignore_index=True)
    thetas = np.asarray(result.rule(sites)[0], float)
    regions = training_regions(surrogate.space, growing.store, verification.trained_on)
    return Learning(
        surrogate=verification.surrogate,
        result=result,
        tables={**tables, "history": pd.concat(verification.histories, ignore_index=True)},
        notes=notes,
        members=verification.trained_on,
        positions=[region.position(theta) for region, theta in zip(regions, thetas, strict=True)],
    )


def training_regions(space: ParameterSpace, store: EnsembleStore, members: int) -> list[TrainingRegion]:
    """For each site, the region that the first ``members`` of the ensemble span."""
    stored, succeeded = store.thetas[:members], store.succeeded[:members]
    return [TrainingRegion(space, stored[succeeded[:, site], site]) for site in range(len(store.site_names))]


def optimum_note(
    surrogate: SurrogateLandModel, record: SiteRecord, theta: np.ndarray, run: dict[str, np.ndarray]
) -> str:
    """What the surrogate's error is where it led to, against the true model's ``run`` with ``theta``."""
    sites = Sites.of([record], jnp.result_type(float))
    predicted = surrogate.run(jnp.asarray(theta, sites.step.dtype)[None, None], sites).outputs
    rows = [compare_series(record, f, np.asarray(predicted[f][0, 0]), run[f]) for f in surrogate.tasks]
    parts = []
    for row in rows:
        share = f" ({row.of_observation_error:.2f} of the observation error)" if row.error_origin else ""
        parts.append(f"{row.rmse:.1f} for {row.flux}{share}")
    words = {True: "it passes", False: "it fails", None: "it cannot be judged without observations"}
    return (
        "With the learned parameters the surrogate's RMSE against the land model [W m-2] is "
        f"{', '.join(parts)}: "
        f"{words[passed(rows, NEAR_LIMIT)]} (limit {NEAR_LIMIT:g})."
    )


def _verified(
    verification: Verification, solve: Solve, result: Result, rounds: int
) -> tuple[Result, list[str]]:
    """The best of the first ``result`` and those of at most ``rounds`` more, and what to say of it."""
    results = [result]
    for number in range(rounds + 1):
        verification.audit(np.asarray(results[-1].rule(verification.ensemble.sites)[0], float))
        if number == rounds or verification.enough():
            break
        exact, again = verification.next_round(results[-1].way)
        results.append(solve(exact, number + 1, again))
    result, note = best_round(results, verification.judge, verification.ensemble.store, verification.judged)
    return result, [verification.sentence, *note]
