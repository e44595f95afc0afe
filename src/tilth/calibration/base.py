"""One shape of method: a problem and settings in, a result out."""

import abc
import dataclasses
import enum
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from tilth.calibration.parameter_map import ParameterMap, default_thetas
from tilth.calibration.rules import AbstractParameterRule
from tilth.data.containers import Forcing, Sites
from tilth.models.base import AbstractLandModel
from tilth.observations.losses import AbstractLoss, MeanSquare
from tilth.observations.operators import AbstractTarget, RawFluxes
from tilth.observations.targets import FluxTargets

Progress = Callable[[int, int, str], None]


class Status(enum.Enum):
    """How a calibration ended."""

    SUCCEEDED = "succeeded"
    NO_GAIN = "no step was better than the start"
    CUT_SHORT = "the loss or its gradient stopped being finite; the best before that counts"
    NOT_FINITE = "the loss or its gradient stopped being finite"

    @property
    def gained(self) -> bool:
        """Whether something better than the start was found."""
        return self in (Status.SUCCEEDED, Status.CUT_SHORT)


class Problem(eqx.Module):
    """What is to be explained by which model.

    ``model`` is the land model, or a surrogate of it, that is learned through; its space holds all
    parameters that ``starts`` has values of, the ``free`` ones of which are learned. Learning may begin at
    ``further`` points too; what is learned is compared with ``starts``. ``target`` says which observations of
    the ``variables`` are compared, averaged over ``average_steps`` native steps, by which ``loss``;
    ``targets`` are those observations. ``guarded`` fluxes, which ``model`` must simulate, must not
    get worse where they were measured (:mod:`tilth.calibration.guard`).
    """

    model: AbstractLandModel
    sites: Sites
    starts: Float[Array, "site param"]
    further: Float[Array, "point site param"]
    free: tuple[str, ...] = eqx.field(static=True)
    target: AbstractTarget
    loss: AbstractLoss
    average_steps: int = eqx.field(static=True)
    targets: FluxTargets
    guarded: FluxTargets

    @classmethod
    def of(
        cls,
        model: AbstractLandModel,
        sites: Sites,
        *,
        starts: Float[Any, "site param"] | None = None,
        further: Float[Any, "point site param"] | None = None,
        free: Sequence[str] | None = None,
        variables: Sequence[str] = ("Qle", "Qh"),
        target: AbstractTarget | None = None,
        loss: AbstractLoss | None = None,
        average_steps: int = 1,
        guarded: Sequence[str] = (),
    ) -> "Problem":
        """The problem of learning parameters of ``model`` at ``sites`` from their calibration parts.

        ``starts`` are physical values, by default those of each site's class and soil; no ``further`` ones
        and all parameters of the model's space ``free`` unless told otherwise. Raises ``ValueError`` for
        starts outside the bounds, free names that are not in the space, or a site without anything to learn
        from.
        """
        space = model.space
        chosen = tuple(space.names if free is None else free)
        unknown = [name for name in chosen if name not in space.names]
        if unknown or not chosen:
            raise ValueError(
                f"expected parameters to learn out of {', '.join(space.names)}, "
                f"got {', '.join(unknown) or 'none'}: name them among the model's parameters"
            )
        values = default_thetas(space, sites) if starts is None else np.asarray(starts)
        if values.shape != (len(sites.records), len(space.names)):
            raise ValueError(
                f"starts must hold {len(space.names)} values for each of {len(sites.records)} sites, "
                f"got shape {values.shape}"
            )
        others = np.zeros((0, *values.shape)) if further is None else np.asarray(further)
        if others.shape[1:] != values.shape:
            raise ValueError(
                f"further starts must have the shape {values.shape} each, got {others.shape[1:]}"
            )
        for point in (values, *others):
            space.check(point)
        target = target or RawFluxes()
        return cls(
            model=model,
            sites=sites,
            starts=jnp.asarray(values, sites.step.dtype),
            further=jnp.asarray(others, sites.step.dtype),
            free=chosen,
            target=target,
            loss=loss or MeanSquare(),
            average_steps=average_steps,
            targets=FluxTargets.of(sites.records, variables, target),
            guarded=FluxTargets.of(sites.records, guarded, RawFluxes(), required=False),
        )

    @property
    def mapping(self) -> ParameterMap:
        """From offsets of the free parameters to physical values."""
        return ParameterMap(self.model.space, self.starts, self.free)

    @property
    def learning(self) -> tuple[int, ...]:
        """Numbers of the sites that are learned from: all but those that :meth:`watched_at` left out."""
        return tuple(np.flatnonzero(np.asarray(self.targets.fit).any(axis=(0, 2))).tolist())

    def watched_at(self, sites: Sequence[int]) -> "Problem":
        """The same problem, learned at all sites but ``sites``, by number, whose fluxes watch the learning.

        Raises ``ValueError`` where no site is left to learn from, or none watches.
        """
        if not 0 < len(set(sites)) < len(self.sites.records):
            raise ValueError(
                f"expected some of {len(self.sites.records)} sites to watch and some to learn from, "
                f"got {len(set(sites))} that watch"
            )
        return dataclasses.replace(
            self, targets=self.targets.watched_at(sites), guarded=self.guarded.watched_at(sites)
        )

    def identity(self) -> dict[str, Any]:
        """Plain values that tell problems apart, for checkpoints: names, choices and array digests."""
        targets, guarded, forcing = self.targets, self.guarded, self.sites.forcing
        observed = (targets.observed, targets.fit, targets.choice, guarded.observed, guarded.fit)
        return {
            "sites": list(self.sites.names),
            "parameters": {p.name: [p.lower, p.upper] for p in self.model.space.parameters},
            "free": list(self.free),
            "variables": list(targets.variables),
            "guarded": list(guarded.variables),
            "target": self.target.name,
            "loss": repr(self.loss),
            "average_steps": self.average_steps,
            "starts": np.asarray(self.starts).tolist(),
            "further": np.asarray(self.further).tolist(),
            "observed": _digest(observed),
            "forcing": _digest([getattr(forcing, name) for name in Forcing.__dataclass_fields__]),
        }


class History(eqx.Module):
    """Mean loss over the sites after each step, on what is fitted and on what chooses [-]."""

    loss: Float[np.ndarray, " step"]
    validation: Float[np.ndarray, " step"]


class Result(eqx.Module):
    """What was learned: the ``rule`` is the best one seen on what chooses.

    ``closure_factor`` [-] is what the simulation of each site was multiplied by in the loss, if learned.
    ``passed`` are physical parameters on the way there, and those that other trainings led to, for a judge
    who knows more than what chose. Of several trainings that a method tries, the one with the number ``way``
    led there.
    """

    rule: AbstractParameterRule
    status: Status = eqx.field(static=True)
    history: History
    closure_factor: Float[np.ndarray, " site"] | None = None
    passed: Float[np.ndarray, "stage site param"] | None = None
    way: int = eqx.field(static=True, default=0)


class AbstractCalibrator(eqx.Module):
    """Settings of a method, and the method."""

    needs_gradient: eqx.AbstractClassVar[bool]

    @abc.abstractmethod
    def solve(
        self,
        problem: Problem,
        key: PRNGKeyArray,
        *,
        checkpoint: Path | None = None,
        progress: Progress | None = None,
    ) -> Result:
        """What is learned; a numerical failure is a status. Goes on from ``checkpoint`` if there is one."""


def calibrate(
    problem: Problem,
    method: AbstractCalibrator,
    *,
    key: PRNGKeyArray,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
    throw: bool = True,
) -> Result:
    """What ``method`` learns of ``problem``; ``FloatingPointError`` for a failure unless not ``throw``.

    With ``checkpoint``, a file, an interrupted calibration goes on with identical results.
    """
    if method.needs_gradient and not problem.model.differentiable:
        raise ValueError(
            f"{type(method).__name__} needs derivatives, which {type(problem.model).__name__} does not have: "
            "calibrate through a surrogate of it"
        )
    result = method.solve(problem, key, checkpoint=checkpoint, progress=progress)
    if throw and result.status is Status.NOT_FINITE:
        raise FloatingPointError(
            f"{result.status.value} at {', '.join(problem.sites.names)} "
            f"after {result.history.loss.size} steps: expected finite ones; "
            "lower the learning rate, or look at the forcing with `tilth check`"
        )
    return result


def _digest(arrays: Sequence[Any]) -> str:
    digest = hashlib.sha256()
    for array in jax.device_get(list(arrays)):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
