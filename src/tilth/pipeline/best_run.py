"""What counts of all that was learned through a surrogate: runs of the land model decide.

A surrogate is wrong somewhere, and one of the turbulent fluxes does not see where they are bought with
radiation or ground heat that the tower measured not to be there. What was learned is therefore run by the
land model and judged by the loss with the penalty of :mod:`tilth.calibration.guard`, and so are parameters
that learning passed through. Where what was learned is no better than the start or that penalty is paid,
parts of the way between the two are run too.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from tilth.calibration.base import Result, Status
from tilth.calibration.guard import STEEP, excess
from tilth.calibration.rules import PerSite
from tilth.config import Experiment
from tilth.data.containers import SiteRecord, Sites
from tilth.ensembles.run import run_ensemble
from tilth.ensembles.store import EnsembleStore
from tilth.models.base import AbstractLandModel
from tilth.observations.operators import RawFluxes, named_target
from tilth.observations.targets import FluxTargets
from tilth.pipeline.land_model import FLUXES, guarded_fluxes
from tilth.pipeline.workplace import Workplace

FRACTIONS = (0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125)
"""Parts of the way from the start to what was learned that are tried where the guard speaks."""
_NOTHING, _ALL = (f"{part} % of the way from the start to it" for part in (0, 100))


@dataclasses.dataclass(frozen=True)
class Judge:
    """Judges stored runs of the land model by the fluxes of ``targets``, guarded by those of ``guard``."""

    targets: FluxTargets
    guard: FluxTargets

    @classmethod
    def of(cls, experiment: Experiment, records: Sequence[SiteRecord]) -> "Judge":
        """The judge of an experiment at some sites."""
        return cls(
            FluxTargets.of(records, FLUXES, named_target(experiment.target)),
            FluxTargets.of(records, guarded_fluxes(experiment), RawFluxes(), required=False),
        )

    def loss(self, store: EnsembleStore, member: int, start: int, site: int) -> float:
        """Loss on what chooses, with the penalty; NaN for a failed run [-]."""
        return error_of_choice(self.targets, store, member, site) + self.penalty(store, member, start, site)

    def mean_loss(
        self,
        store: EnsembleStore,
        learned: Float[np.ndarray, "site param"],
        start: Float[np.ndarray, "site param"],
    ) -> float:
        """Mean over the sites of the loss of a stored run with what was ``learned`` [-]."""
        runs = store.member(learned), store.member(start)
        return float(np.mean([self.loss(store, *runs, site) for site in range(learned.shape[0])]))

    def penalty(self, store: EnsembleStore, member: int, start: int, site: int) -> float:
        """What guarded fluxes cost whose error on the calibration part exceeds that of ``start`` [-]."""
        errors = []
        for flux in range(len(self.guard.variables)):
            steps = self.guard.choice[flux, site]
            if steps.any():
                pair = (_error(self.guard, store, run, site, flux, steps) for run in (member, start))
                errors.append(tuple(pair))
        if not errors:
            return 0.0
        learned, first = jnp.asarray(errors).T
        return float(excess(learned, first, STEEP))


def best_round(
    results: Sequence[Result],
    judge: Judge,
    store: EnsembleStore,
    judged: Sequence[np.ndarray],
) -> tuple[Result, list[str]]:
    """The result whose run of the land model is best.

    The first of ``judged`` [site, param] is the start, the others are what was learned in each round; the
    first of these where every run of them failed.
    """
    losses = [judge.mean_loss(store, theta, judged[0]) for theta in judged]
    best = int(np.argmin(np.nan_to_num(losses[1:], nan=np.inf)))
    told = ", ".join(f"{loss:.3f}" for loss in losses[1:])
    note = (
        f"On the calibration part, the land model's loss is {losses[0]:.3f} at the start and {told} with "
        f"what was learned in each round: round {best + 1} counts."
    )
    return results[best], [note]


def best_on_the_way(
    result: Result,
    judge: Judge,
    store: EnsembleStore,
    start: np.ndarray,
    sites: Sites,
    *,
    land: AbstractLandModel,
    members: int,
    place: Workplace,
) -> tuple[Result, list[str]]:
    """``result``, or at sites where the land model finds something better, that.

    Tried are the parameters that learning passed through and, where what was learned is worse than ``start``
    [site, param], parts of the way between the two. Worse is a larger loss, or a measured flux that pays the
    guard's penalty. All are run as members of the ``store`` after its first ``members``.
    """
    learned = np.asarray(result.rule(sites)[0], float)
    first, last = store.member(start), store.member(learned)
    worse = [
        site
        for site in range(len(sites.names))
        if not judge.penalty(store, last, first, site) <= 0.0
        or not judge.loss(store, last, first, site) < judge.loss(store, first, first, site)
    ]
    tried = {
        f"{100 * part:g} % of the way from the start to it": start + part * (learned - start)
        for part in (FRACTIONS if worse else ())
    }
    for number, thetas in enumerate(() if result.passed is None else result.passed):
        tried[f"the parameters of stage {number + 1} of learning"] = thetas
    if not tried:
        return result, []
    thetas = store.thetas
    if len(thetas) < members + len(tried):
        inside = np.clip(np.stack(list(tried.values())), land.space.lower, land.space.upper)
        thetas = np.concatenate([thetas[:members], inside])
    with place.stopwatch.stage("verification"):
        store = run_ensemble(land, thetas, sites, Path(store.path), progress=place.progress)
    runs = {_ALL: last, **{name: members + row for row, name in enumerate(tried)}, _NOTHING: first}
    chosen, notes = learned.copy(), []
    for site, name in enumerate(sites.names):
        losses = {words: judge.loss(store, run, first, site) for words, run in runs.items()}
        best = min((words for words in runs if np.isfinite(losses[words])), key=lambda words: losses[words])
        chosen[site] = store.thetas[runs[best], site]
        if site in worse:
            notes.append(
                f"{name}: what was learned worsens a measured flux of the calibration part "
                f"({' or '.join(judge.guard.variables)}) or is no better than the start; {best} count "
                f"(loss of the land model {losses[best]:.3f}, at the start {losses[_NOTHING]:.3f})."
            )
        elif best != _ALL:
            notes.append(
                f"{name}: {best} have a lower loss in the land model than what the surrogate found best "
                f"({losses[best]:.3f} instead of {losses[_ALL]:.3f}) and count."
            )
    if (chosen == learned).all():
        return result, notes
    status = Status.SUCCEEDED if result.status is Status.NO_GAIN else result.status
    return _kept(result, sites, chosen, status if (chosen != start).any() else Status.NO_GAIN), notes


def error_of_choice(targets: FluxTargets, store: EnsembleStore, member: int, site: int) -> float:
    """Mean over fluxes of a run's squared error over the observed variance, on the steps that choose [-].

    NaN for a failed run.
    """
    losses = []
    for flux in range(len(targets.variables)):
        steps = targets.choice[flux, site]
        if steps.any():
            losses.append(_error(targets, store, member, site, flux, steps))
    return float(np.mean(losses))


def _error(
    targets: FluxTargets, store: EnsembleStore, member: int, site: int, flux: int, steps: np.ndarray
) -> float:
    """Mean squared error of a run on some steps over the observed variance [-]."""
    simulated = store.series(targets.variables[flux], member, site)
    error = simulated - targets.observed[flux, site, : len(simulated)]
    return float(np.mean(error[steps[: len(simulated)]] ** 2) / targets.deviation[flux, site] ** 2)


def _kept(result: Result, sites: Sites, thetas: np.ndarray, status: Status) -> Result:
    """The result with parameters ``thetas`` [site, param] in place of its rule."""
    return dataclasses.replace(result, rule=PerSite(tuple(sites.names), thetas), status=status)
