"""Learning a rule for sites never seen: watched at sites that are left out of it in turn.

What is learned at a few sites fits those, and its own loss there does not tell how far to trust it elsewhere.
So the sites are dealt into groups. For each group a rule is learned at the others, and the epoch counts whose
loss at the group is least: cross-validation by sites instead of blocks of time (Roberts et al. 2017,
doi:10.1111/ecog.02881). A site never seen gets the mean of the groups' rules in unconstrained space, as in
the bagging of Breiman (1996, doi:10.1007/BF00058655).

How far from its start a site goes then is a matter of its class. What serves forests may not serve crops: the
sites of a class, each with the rule that it was left out of, say which multiple of the offsets is best for
them, from nothing to more than the prior lets a generator dare. One site does not speak for its class.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Float, PRNGKeyArray

from tilth.calibration.base import AbstractCalibrator, History, Problem, Progress, Result, Status
from tilth.calibration.mdpl import Mdpl
from tilth.calibration.parts import on_devices, part_of_checkpoint
from tilth.calibration.rules import AbstractParameterRule, Averaged, Reach

REACHES = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0)
"""Multiples of a rule's offsets that the sites of a class choose from."""
LEAST_SITES = 2
"""Sites of a class that can tell how far its others should go; those of a smaller class go as far as all."""


class WatchedAtSites(AbstractCalibrator):
    """What ``method`` learns with each of ``groups`` groups of sites left out to watch it, and their mean.

    Fewer sites than ``groups`` are groups of one; two sites at least are needed. A group at which nothing is
    better than the start contributes the start. Each class has a :class:`tilth.calibration.rules.Reach` of
    its own.
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
        ends = [result.status for result in found]
        status = Status.SUCCEEDED if any(end.gained for end in ends) else Status.NO_GAIN
        rules = tuple(result.rule for result in found)
        reach = best_reach(problem, self._losses(problem, groups, rules))
        return Result(
            rule=Averaged(rules, problem.model.space).reaching(reach),
            status=Status.NOT_FINITE if Status.NOT_FINITE in ends else status,
            history=History(
                np.mean([result.history.loss for result in found], axis=0),
                np.mean([result.history.validation for result in found], axis=0),
            ),
            closure_factor=_closure_factor(groups, found),
        )

    def _losses(
        self,
        problem: Problem,
        groups: Sequence[Sequence[int]],
        rules: Sequence[AbstractParameterRule],
    ) -> Float[np.ndarray, "reach site"]:
        """Relative loss of each site at multiples of the offsets of the rule that it was left out of."""
        found = np.full((len(REACHES), len(problem.sites.records)), np.nan)
        for group, rule in zip(groups, rules, strict=True):
            offsets = np.asarray(problem.mapping.offsets(rule(problem.sites)[0]))
            cases = np.array(REACHES)[:, None, None] * offsets
            losses = self.method.relative_losses(problem.watched_at(group), cases)
            found[:, list(group)] = losses[:, list(group)]
        return found


def best_reach(problem: Problem, losses: Float[np.ndarray, "reach site"]) -> Reach:
    """The multiple of least mean loss for each class, and for all sites together; the least of several.

    None for a class with fewer than :data:`LEAST_SITES` whose loss is known.
    """
    classes = np.array([record.attributes.plant_class for record in problem.sites.records])
    known = np.isfinite(losses[0])

    def best(sites: np.ndarray) -> float:
        mean = np.where(np.isfinite(losses[:, sites]).all(axis=1), losses[:, sites].mean(axis=1), np.inf)
        return REACHES[int(np.argmin(mean))]

    told = [name for name in np.unique(classes) if (known & (classes == name)).sum() >= LEAST_SITES]
    return Reach(
        tuple((str(name), best(known & (classes == name))) for name in told),
        best(known) if known.any() else 0.0,
    )


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
