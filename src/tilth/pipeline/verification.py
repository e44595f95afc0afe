"""Verifying what was learned through a surrogate, by runs of the land model at it and around it."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from jaxtyping import Float, PRNGKeyArray

from tilth.config import Experiment, Method
from tilth.data.containers import Sites
from tilth.ensembles.design import around
from tilth.ensembles.run import run_ensemble
from tilth.ensembles.store import EnsembleStore
from tilth.models.base import AbstractLandModel
from tilth.parameters.space import ParameterSpace
from tilth.pipeline.best_run import Judge
from tilth.pipeline.promises import allowances
from tilth.pipeline.surrogate import history_table, trained
from tilth.pipeline.workplace import Workplace
from tilth.surrogates.audit import NEAR_LIMIT, AuditRow, audit_surrogate, passed
from tilth.surrogates.land_model import SurrogateLandModel

AUDIT_MEMBERS = 16
"""Members at and around the learned parameters that a verification runs."""
MORE_MEMBERS = 32
"""Members around them that are run too where a surrogate is trained further."""
NEAR_SPREAD = 0.1
"""Their standard deviation, as a fraction of each parameter's range."""
LEAST_GAIN = 0.01
"""What a round must take off the land model's loss for another one to follow where the surrogate passed."""


@dataclasses.dataclass(frozen=True)
class Again:
    """What is known from the rounds before where something is learned again.

    What the surrogate, exact at the best so far, may make of guarded fluxes by name
    (:mod:`tilth.pipeline.promises`), and which of the ways of learning led there; None tries all again.
    """

    allowances: Mapping[str, Float[np.ndarray, " site"]]
    way: int | None = None


@dataclasses.dataclass
class Verification:
    """The land model's runs with what was learned, round after round, and the surrogate as they mend it.

    ``members`` of the ensemble were designed, the surrogate was trained on the first ``trained_on``.
    ``judged`` [site, param] are the start and what was learned in each round; each round has a table of
    ``audits`` and one of the land model's ``losses``, the last one the ``verdict``. ``histories`` are the
    training curves of the first training and of the ``trainings`` that followed.
    """

    experiment: Experiment
    method: Method
    key: PRNGKeyArray
    judge: Judge
    ensemble: "GrowingEnsemble"
    surrogate: SurrogateLandModel
    judged: list[np.ndarray]
    losses: list[float] = dataclasses.field(default_factory=list)
    audits: list[pd.DataFrame] = dataclasses.field(default_factory=list)
    verdict: bool | None = None
    trainings: int = 0

    def __post_init__(self) -> None:
        self.members = self.trained_on = self.ensemble.members
        self.histories = [history_table(self.surrogate)]

    def audit(self, learned: np.ndarray) -> None:
        """Runs the land model with what was ``learned`` [site, param], the start and members around it."""
        number, start = len(self.audits), self.judged[0]
        members = max(min(AUDIT_MEMBERS, self.members), 3)
        self.judged.append(learned)
        numbers = self.ensemble.add([learned, start, *self._around(learned, members - 2)])
        rows = audit_surrogate(self.surrogate, self.ensemble.store, self.ensemble.sites, members=numbers)
        self.audits.append(audit_frame(rows, round=number, members_trained=self.trained_on))
        self.verdict = passed(rows, NEAR_LIMIT)
        self.losses.append(self.judge.mean_loss(self.ensemble.store, learned, start))

    def enough(self) -> bool:
        """Whether the surrogate did not fail and the last round was not much better than those before."""
        *before, last = self.losses
        better = not before or last < (1.0 - LEAST_GAIN) * np.nanmin([np.inf, *before])
        return self.verdict is not False and not better

    def next_round(self, way: int | None) -> tuple[SurrogateLandModel, Again]:
        """The surrogate, exact at the best so far, and what is known where it is learned through again.

        Trained further first where it failed; otherwise the ``way`` of learning that led here goes on alone.
        """
        failed = self.verdict is False
        if failed:
            self._train_further()
        best = self.judged[1 + int(np.argmin(np.nan_to_num(self.losses, nan=np.inf)))]
        exact = self._exact(best)
        return exact, Again(self._allowed(exact, [best, self.judged[0]]), None if failed else way)

    @property
    def sentence(self) -> str:
        """How it ended, for the report."""
        if self.verdict is None:
            return "The surrogate could not be verified: no flux is observed to compare its error with."
        words = "passed" if self.verdict else "still failed"
        trainings = "1 further training" if self.trainings == 1 else f"{self.trainings} further trainings"
        return (
            f"The surrogate {words} its audit around the learned parameters (limit {NEAR_LIMIT:g} of the "
            f"observation error) after {trainings}."
        )

    def _train_further(self) -> None:
        number = len(self.audits)
        self.ensemble.add(list(self._around(self.judged[-1], min(MORE_MEMBERS, self.members))))
        self.trained_on, self.trainings = self.ensemble.members, self.trainings + 1
        self.surrogate = trained(
            self.experiment, self.method, self.ensemble.store, self.ensemble.sites, self.ensemble.place,
            key=jax.random.fold_in(self.key, number), members=self.trained_on, round_number=number,
            favoured=self.members, start=self.surrogate,
        )  # fmt: skip
        self.histories.append(history_table(self.surrogate, f"surrogate, round {number}"))

    def _around(self, learned: np.ndarray, count: int) -> np.ndarray:
        """``count`` members around what was ``learned``, drawn anew whatever was drawn before."""
        seed = self.experiment.seed + 2_000_003 + self.ensemble.members
        return near_design(self.ensemble.land.space, learned, count, seed)

    def _exact(self, learned: np.ndarray) -> SurrogateLandModel:
        """The surrogate, exact at what was ``learned`` [site, param], a member of the ensemble."""
        store, sites = self.ensemble.store, self.ensemble.sites
        member = store.member(learned)
        series = [
            {task: store.series(task, member, site) for task in self.surrogate.tasks}
            for site in range(len(sites.records))
        ]
        return self.surrogate.exact_at(store.thetas[member], series, sites)

    def _allowed(
        self, exact: SurrogateLandModel, points: Sequence[np.ndarray]
    ) -> dict[str, Float[np.ndarray, " site"]]:
        """What the ``exact`` surrogate may make of guarded fluxes.

        By two ``points`` [site, param], what was learned and the start.
        """
        store, sites = self.ensemble.store, self.ensemble.sites
        both = np.stack(points)
        predicted = exact.run(jnp.asarray(both, sites.step.dtype), sites).outputs
        return allowances(self.judge.guard, predicted, store, [store.member(theta) for theta in both])


@dataclasses.dataclass
class GrowingEnsemble:
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


def near_design(
    space: ParameterSpace, thetas: np.ndarray, count: int, seed: int, spread: float = NEAR_SPREAD
) -> np.ndarray:
    """``count`` members around each site's parameters ``thetas`` [site, param]: ``[member, site, param]``."""
    return np.stack([around(space, theta, count, seed, spread=spread) for theta in thetas], axis=1)


def audit_frame(rows: Sequence[AuditRow], **facts: object) -> pd.DataFrame:
    """Rows of an audit as a table, with ``facts`` as its first columns."""
    shares = ("of_observation_error", "of_observation_std", "of_model_std", "of_response_std")
    return pd.DataFrame(
        [{**facts, **dataclasses.asdict(r), **{share: getattr(r, share) for share in shares}} for r in rows]
    )
