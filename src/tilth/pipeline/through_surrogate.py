"""Learning through a surrogate, and verifying it by members around what was learned."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from jaxtyping import Float, PRNGKeyArray

from tilth.calibration.base import Result
from tilth.config import Experiment, Method
from tilth.data.containers import SiteRecord, Sites
from tilth.ensembles.design import around
from tilth.ensembles.run import run_ensemble
from tilth.ensembles.store import EnsembleStore
from tilth.models.base import AbstractLandModel
from tilth.parameters.space import ParameterSpace
from tilth.pipeline.best_run import Judge, best_on_the_way, best_round
from tilth.pipeline.presets import verifications
from tilth.pipeline.promises import allowances
from tilth.pipeline.surrogate import audit_table, ensemble, history_table, trained
from tilth.pipeline.workplace import Workplace
from tilth.surrogates.audit import NEAR_LIMIT, AuditRow, audit_surrogate, compare_series, passed
from tilth.surrogates.guard import Position, TrainingRegion
from tilth.surrogates.land_model import SurrogateLandModel

AUDIT_MEMBERS = 16
"""Members at and around the learned parameters that a verification runs."""
MORE_MEMBERS = 32
"""Members around them that are run too where a surrogate is trained further."""
LEAST_GAIN = 0.01
"""What a round must take off the land model's loss for another one to follow where the surrogate passed."""
NEAR_SPREAD = 0.1
"""Their standard deviation, as a fraction of each parameter's range."""


@dataclasses.dataclass(frozen=True)
class Again:
    """What is known from the rounds before where something is learned again.

    What the surrogate, exact at the best so far, may make of guarded fluxes by name
    (:mod:`tilth.pipeline.promises`), and which of the ways of learning led there; None tries all again.
    """

    allowances: Mapping[str, Float[np.ndarray, " site"]]
    way: int | None = None


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
    grown, near = _Growing(store, land, sites, place, designed), max(min(AUDIT_MEMBERS, designed), 3)
    surrogate = trained(experiment, method, store, sites, place, key=key, members=designed)
    histories = [history_table(surrogate)]
    trainings, seed = 0, experiment.seed + 2_000_003
    results = [solve(surrogate, 0, Again({}))]
    audits: list[pd.DataFrame] = []
    notes: list[str] = []
    judged, learned_from = [start], designed
    while rounds:
        number = len(audits)
        judged.append(np.asarray(results[-1].rule(sites)[0], float))
        around_it = near_design(land.space, judged[-1], near - 2, seed + grown.members)
        numbers = grown.add([judged[-1], start, *around_it])
        store = grown.store
        rows = audit_surrogate(surrogate, store, sites, members=numbers)
        audits.append(audit_frame(rows, round=number, members_trained=learned_from))
        verdict = passed(rows, NEAR_LIMIT)
        losses = [judge.mean_loss(store, learned, start) for learned in judged[1:]]
        better = not number or losses[-1] < (1.0 - LEAST_GAIN) * np.nanmin([np.inf, *losses[:-1]])
        if number == rounds or (verdict is not False and not better):
            notes.append(_verification_note(verdict, trainings))
            break
        if verdict is False:
            more = min(MORE_MEMBERS, designed)
            grown.add(list(near_design(land.space, judged[-1], more, seed + grown.members)))
            store, learned_from, trainings = grown.store, grown.members, trainings + 1
            surrogate = trained(
                experiment, method, store, sites, place, key=jax.random.fold_in(key, number + 1),
                members=learned_from, round_number=number + 1, favoured=designed, start=surrogate,
            )  # fmt: skip
            histories.append(history_table(surrogate, f"surrogate, round {number + 1}"))
        best = judged[1 + int(np.argmin(np.nan_to_num(losses, nan=np.inf)))]
        exact = _exact(surrogate, store, best, sites)
        known = _allowed(judge, exact, store, [best, start], sites)
        again = Again(known, None if verdict is False else results[-1].way)
        results.append(solve(exact, number + 1, again))
    result = results[-1]
    if len(judged) > 1:
        result, note = best_round(results, judge, store, judged)
        notes += note
        if experiment.pooling == "site":
            result, note = best_on_the_way(
                result, judge, store, start, sites, land=land, members=grown.members, place=place
            )
            notes += note
    with place.stopwatch.stage("audit"):
        tables = {"audit": audit_table(experiment, land, surrogate, sites, place, audit_members)}
    if audits:
        tables["verification"] = pd.concat(audits, ignore_index=True)
    thetas = np.asarray(result.rule(sites)[0], float)
    regions = training_regions(surrogate.space, store, learned_from)
    return Learning(
        surrogate=surrogate,
        result=result,
        tables={**tables, "history": pd.concat(histories, ignore_index=True)},
        notes=notes,
        members=learned_from,
        positions=[region.position(theta) for region, theta in zip(regions, thetas, strict=True)],
    )


def near_design(
    space: ParameterSpace, thetas: np.ndarray, count: int, seed: int, spread: float = NEAR_SPREAD
) -> np.ndarray:
    """``count`` members around each site's parameters ``thetas`` [site, param]: ``[member, site, param]``."""
    return np.stack([around(space, theta, count, seed, spread=spread) for theta in thetas], axis=1)


def training_regions(space: ParameterSpace, store: EnsembleStore, members: int) -> list[TrainingRegion]:
    """For each site, the region that the first ``members`` of the ensemble span."""
    stored, succeeded = store.thetas[:members], store.succeeded[:members]
    return [TrainingRegion(space, stored[succeeded[:, site], site]) for site in range(len(store.site_names))]


def audit_frame(rows: Sequence[AuditRow], **facts: object) -> pd.DataFrame:
    """Rows of an audit as a table, with ``facts`` as its first columns."""
    shares = ("of_observation_error", "of_observation_std", "of_model_std", "of_response_std")
    return pd.DataFrame(
        [{**facts, **dataclasses.asdict(r), **{share: getattr(r, share) for share in shares}} for r in rows]
    )


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


@dataclasses.dataclass
class _Growing:
    """An ensemble that a verification adds to: its store may hold more than the first ``members``."""

    store: EnsembleStore
    land: AbstractLandModel
    sites: Sites
    place: Workplace
    members: int

    def add(self, points: Sequence[np.ndarray]) -> range:
        """Numbers of the next members, ``points`` [site, param] unless they were run before."""
        stored, numbers = self.store.thetas, range(self.members, self.members + len(points))
        if len(stored) < numbers.stop:
            stored = np.concatenate([stored[: self.members], np.stack(points)])
        path, progress = Path(self.store.path), self.place.progress
        with self.place.stopwatch.stage("verification"):
            self.store = run_ensemble(self.land, stored, self.sites, path, progress=progress)
        self.members = numbers.stop
        return numbers


def _exact(
    surrogate: SurrogateLandModel, store: EnsembleStore, learned: np.ndarray, sites: Sites
) -> SurrogateLandModel:
    """The surrogate, exact at what was ``learned`` [site, param], a member of the store."""
    member = store.member(learned)
    series = [
        {task: store.series(task, member, site) for task in surrogate.tasks}
        for site in range(len(sites.records))
    ]
    return surrogate.exact_at(store.thetas[member], series, sites)


def _allowed(
    judge: Judge,
    surrogate: SurrogateLandModel,
    store: EnsembleStore,
    points: Sequence[np.ndarray],
    sites: Sites,
) -> dict[str, Float[np.ndarray, " site"]]:
    """What the surrogate may make of guarded fluxes, by two ``points``, what was learned and the start."""
    both = np.stack(points)
    predicted = surrogate.run(jnp.asarray(both, sites.step.dtype), sites).outputs
    return allowances(judge.guard, predicted, store, [store.member(theta) for theta in both])


def _verification_note(verdict: bool | None, rounds: int) -> str:
    trainings = "1 further training" if rounds == 1 else f"{rounds} further trainings"
    if verdict is None:
        return "The surrogate could not be verified: no flux is observed to compare its error with."
    words = "passed" if verdict else "still failed"
    return (
        f"The surrogate {words} its audit around the learned parameters (limit {NEAR_LIMIT:g} of the "
        f"observation error) after {trainings}."
    )
