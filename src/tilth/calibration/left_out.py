"""Learning a rule for sites never seen: sites that are left out of it in turn say how far to trust it.

What is learned at a few sites fits those, and its own loss there does not tell how far to trust it elsewhere.
So the sites are dealt into groups, and for each group a rule is learned at the others: cross-validation by
sites instead of blocks of time (Roberts et al. 2017, doi:10.1111/ecog.02881). A site never seen gets the mean
of the groups' rules in unconstrained space, as in the bagging of Breiman (1996, doi:10.1007/BF00058655).

How far from its start a site goes is a matter of its class. What serves forests may not serve crops: the
sites of a class, each with the rule that it was left out of, say which part of the offsets is best for them.
Losses are compared by their logarithms, so that twice at one site and half at another are nothing gained, and
a few sites that disagree are not trusted far: what counts is their mean and one standard error more, as in
the rule of one standard error of Breiman et al. (1984, Classification and Regression Trees, section 3.4.3).
Measured fluxes guard each other in the mean of the class and not at each of its sites: one whose fluxes do
not close, or where the default happens to be right, does not forbid what serves the others. One site does
not speak for its class; such a class goes as far as the others in the mean.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Float, PRNGKeyArray

from tilth.calibration.base import AbstractCalibrator, History, Problem, Progress, Result, Status
from tilth.calibration.guard import MILD
from tilth.calibration.mdpl import Mdpl, RelativeErrors
from tilth.calibration.parts import on_devices, part_of_checkpoint
from tilth.calibration.rules import AbstractParameterRule, Averaged, Reach

REACHES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Parts of a rule's offsets that the sites of a class choose from."""
LEAST_SITES = 2
"""Sites of a class that can tell how far its others should go."""
ROUND_OFF = 9
"""Digits of a cost that count."""
TINY = 1e-12
"""Least ratio of errors that is told from none."""


class LeavingOut(AbstractCalibrator):
    """What ``method`` learns with each of ``groups`` groups of sites left out of it, and their mean.

    Fewer sites than ``groups`` are groups of one; two sites at least are needed. Each class has a
    :class:`tilth.calibration.rules.Reach` of its own.
    """

    needs_gradient: ClassVar[bool] = True
    method: Mdpl
    groups: int = eqx.field(static=True, default=4)

    def __check_init__(self) -> None:
        if self.groups < 2:
            raise ValueError(f"groups: expected 2 at least, got {self.groups}")

    def solve(
        self,
        problem: Problem,
        key: PRNGKeyArray,
        *,
        checkpoint: Path | None = None,
        progress: Progress | None = None,
    ) -> Result:
        """The mean rule; see :meth:`AbstractCalibrator.solve`. ``ValueError`` for a single site."""
        groups = _dealt(problem, self.groups)

        def learned(number: int, told: Progress | None) -> Result:
            own = part_of_checkpoint(checkpoint, number, len(groups))
            watched = problem.watched_at(groups[number])
            return self.method.solve(watched, jax.random.fold_in(key, number), checkpoint=own, progress=told)

        found = on_devices(learned, range(len(groups)), progress)
        rules = tuple(result.rule for result in found)
        reach = best_reach(problem, self._errors(problem, groups, rules))
        status = Status.SUCCEEDED if reach.anywhere else Status.NO_GAIN
        failed = Status.NOT_FINITE in [result.status for result in found]
        return Result(
            rule=Averaged(rules, problem.model.space).reaching(reach),
            status=Status.NOT_FINITE if failed else status,
            history=History(
                np.mean([result.history.loss for result in found], axis=0),
                np.mean([result.history.validation for result in found], axis=0),
            ),
            closure_factor=_closure_factor(groups, found),
        )

    def _errors(
        self,
        problem: Problem,
        groups: Sequence[Sequence[int]],
        rules: Sequence[AbstractParameterRule],
    ) -> RelativeErrors:
        """Errors of each site at parts of the offsets of the rule that it was left out of."""
        sites, guarded = len(problem.sites.records), len(problem.guarded.variables)
        found = RelativeErrors(
            np.full((len(REACHES), sites), np.nan), np.full((len(REACHES), guarded, sites), np.nan)
        )
        for group, rule in zip(groups, rules, strict=True):
            offsets = np.asarray(problem.mapping.offsets(rule(problem.sites)[0]))
            cases = np.array(REACHES)[:, None, None] * offsets
            errors = self.method.relative_errors(problem.watched_at(group), cases)
            for all_sites, of_group in zip(found, errors, strict=True):
                all_sites[..., list(group)] = of_group[..., list(group)]
        return found


def best_reach(problem: Problem, errors: RelativeErrors) -> Reach:
    """The part among :data:`REACHES` that is best for each class, the least of several.

    That is where the logarithm of the loss is least in the mean over its sites and one standard error more,
    with a mild guard on the mean over them of the logarithm of each guarded flux's mean square error. A class
    with fewer than :data:`LEAST_SITES` whose loss is known goes as far as the other classes in the mean; if
    there is none, as is best for all sites together.
    """
    classes = np.array([record.attributes.plant_class for record in problem.sites.records])
    known = np.isfinite(errors.loss[0])

    def best(sites: np.ndarray) -> float:
        mean, doubt = _mean_logarithm(errors.loss[:, sites])
        worse = np.maximum(_mean_logarithm(errors.guarded[..., sites])[0], 0.0).sum(axis=1)
        whole = np.isfinite(errors.loss[:, sites]).all(axis=1)
        cost = np.where(whole, mean + doubt + MILD * worse, np.inf)
        return REACHES[int(np.argmin(cost.round(ROUND_OFF)))]

    told = [str(name) for name in np.unique(classes) if (known & (classes == name)).sum() >= LEAST_SITES]
    reaches = tuple((name, best(known & (classes == name))) for name in told)
    if reaches:
        return Reach(reaches, float(np.mean([reach for _, reach in reaches])))
    return Reach(reaches, best(known) if known.any() else 0.0)


def _mean_logarithm(
    ratios: Float[np.ndarray, "*cases site"],
) -> tuple[Float[np.ndarray, " *cases"], Float[np.ndarray, " *cases"]]:
    """Over the sites where a ratio is known, with the standard error of the mean; 0 where there is none."""
    known = np.isfinite(ratios)
    count = known.sum(axis=-1)
    logarithms = np.log(np.maximum(np.where(known, ratios, 1.0), TINY))
    mean = logarithms.sum(axis=-1) / np.maximum(count, 1)
    squares = np.where(known, logarithms - mean[..., None], 0.0) ** 2
    return mean, np.sqrt(squares.sum(axis=-1) / np.maximum((count - 1) * count, 1))


def _dealt(problem: Problem, count: int) -> list[list[int]]:
    """Numbers of the sites of each group; sites of one class go to different groups as far as they can."""
    records = problem.sites.records
    if len(records) < 2:
        raise ValueError(
            f"{records[0].attributes.name}: expected two sites at least, one to learn from and one that "
            "watches, got one"
        )
    order = sorted(range(len(records)), key=lambda site: records[site].attributes.plant_class)
    count = min(count, len(records))
    return [sorted(order[first::count]) for first in range(count)]


def _closure_factor(groups: Sequence[Sequence[int]], results: Sequence[Result]) -> np.ndarray | None:
    """Mean closure factor of each site over the groups that learned from it, None if there are none."""
    factors = [result.closure_factor for result in results]
    if any(factor is None for factor in factors):
        return None
    learned = np.array([np.array(factor, float) for factor in factors])
    for row, group in enumerate(groups):
        learned[row, list(group)] = np.nan
    return np.nanmean(learned, axis=0)
