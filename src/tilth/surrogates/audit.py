"""The surrogate against the model it stands for, over members it has not seen.

The yardstick is the random error of the observations: a surrogate whose error is half of it makes the misfit
of a perfect model one eighth larger (the squares add). The error is that at the scored half-hours; where a
flux is not observed, that at all of them, and there is no verdict.
"""

import dataclasses
import math
from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np

from tilth.data.containers import SiteRecord, Sites
from tilth.data.flux_errors import observation_error
from tilth.ensembles.store import EnsembleStore
from tilth.surrogates.land_model import SurrogateLandModel

NEAR_LIMIT, BOX_LIMIT = 0.5, 1.0
"""Largest error of a surrogate that passes, as a fraction of the observation error: near the optimum, where
parameters are learned, and over the whole box, which only has to lead there."""
BATCH = 16
"""Members that are compared at once."""


@dataclasses.dataclass(frozen=True)
class AuditRow:
    """How far the surrogate is from the model for one flux at one site.

    ``rmse`` is the root mean square over members and compared steps of surrogate minus model,
    ``worst_rmse`` that of the worst member, ``bias`` the mean difference, ``model_std`` the standard
    deviation of the model's series and ``response_std`` the root mean square of its members about their mean
    at each step (what the parameters do), ``observation_std`` that of the observations and
    ``observation_error`` the root mean square of their standard deviation of error, both NaN without any; all
    in the flux's unit.
    ``error_origin`` says where the latter comes from (:mod:`tilth.data.flux_errors`).
    """

    site: str
    flux: str
    members: int
    steps: int
    rmse: float
    worst_rmse: float
    bias: float
    model_std: float
    response_std: float
    observation_std: float
    observation_error: float
    error_origin: str

    @property
    def of_observation_error(self) -> float:
        """``rmse`` as a fraction of the observation error."""
        return self.rmse / self.observation_error

    @property
    def of_observation_std(self) -> float:
        """``rmse`` as a fraction of the observations' standard deviation."""
        return self.rmse / self.observation_std if self.observation_std != 0.0 else math.nan

    @property
    def of_model_std(self) -> float:
        """``rmse`` as a fraction of the simulated series' standard deviation."""
        return self.rmse / self.model_std if self.model_std > 0.0 else math.nan

    @property
    def of_response_std(self) -> float:
        """``rmse`` as a fraction of what the parameters do to the flux."""
        return self.rmse / self.response_std if self.response_std > 0.0 else math.nan

    def passes(self, limit: float) -> bool | None:
        """Whether the error is at most ``limit`` of the observation error; None where that is not known."""
        return None if math.isnan(self.observation_error) else self.of_observation_error <= limit


def passed(rows: Sequence[AuditRow], limit: float) -> bool | None:
    """Whether every flux that can be judged passes; None where none can."""
    judged = [verdict for verdict in (row.passes(limit) for row in rows) if verdict is not None]
    return all(judged) if judged else None


def audit_surrogate(
    surrogate: SurrogateLandModel, store: EnsembleStore, sites: Sites, members: Sequence[int] | None = None
) -> list[AuditRow]:
    """One row a site and flux over those of ``members`` (all by default) of ``store`` that succeeded.

    The members must be runs that the surrogate was not trained on, at the same sites. Raises ``ValueError``
    if no such run succeeded.
    """
    if store.site_names != sites.names:
        raise ValueError(f"the ensemble was run at {list(store.site_names)}, got sites {list(sites.names)}")
    chosen = np.arange(len(store.thetas)) if members is None else np.asarray(members, dtype=int)
    rows = []
    for site, record in enumerate(sites.records):
        good = chosen[store.succeeded[chosen, site]]
        if not len(good):
            raise ValueError(
                f"no member to audit at {record.attributes.name} has succeeded: run more members"
            )
        sums = {flux: _Sums(record, flux) for flux in surrogate.tasks}
        alone = Sites.of([record], sites.step.dtype)
        for start in range(0, len(good), BATCH):
            part = good[start : start + BATCH]
            padded = np.pad(part, (0, min(BATCH, len(good)) - len(part)), mode="edge")
            predicted = surrogate.run(jnp.asarray(store.thetas[padded, site])[:, None], alone).outputs
            for flux, summed in sums.items():
                for row, member in enumerate(part):
                    summed.add(np.asarray(predicted[flux][row, 0]), store.series(flux, int(member), site))
        rows += [summed.row() for summed in sums.values()]
    return rows


def compare_series(record: SiteRecord, flux: str, predicted: np.ndarray, model: np.ndarray) -> AuditRow:
    """The row of a single run of the surrogate and of the model with the same parameters, ``[time]``."""
    sums = _Sums(record, flux)
    sums.add(predicted, model)
    return sums.row()


class _Sums:
    """Sums over members of one flux at the compared steps of a site."""

    def __init__(self, record: SiteRecord, flux: str) -> None:
        self.record, self.flux = record, flux
        scored = record.scored(flux) if flux in record.observations else np.zeros(len(record.time), bool)
        self.mask = scored if scored.any() else np.ones(len(record.time), bool)
        self.observed = record.observations[flux].value[scored] if scored.any() else np.array([])
        self.first = self.second = np.zeros(int(self.mask.sum()))
        self.errors: list[tuple[float, float]] = []

    def add(self, predicted: np.ndarray, model: np.ndarray) -> None:
        truth = model[self.mask].astype(np.float64)
        error = predicted[self.mask].astype(np.float64) - truth
        self.errors.append((float(np.mean(error**2)), float(error.mean())))
        self.first, self.second = self.first + truth, self.second + truth**2

    def row(self) -> AuditRow:
        members = len(self.errors)
        squares, biases = np.array(self.errors).T
        mean = self.first / members
        variance = max(float(np.mean(self.second / members)) - float(mean.mean()) ** 2, 0.0)
        response = max(float(np.mean(self.second / members - mean**2)), 0.0)
        error, origin = observation_error(self.record, self.flux)
        return AuditRow(
            site=self.record.attributes.name,
            flux=self.flux,
            members=members,
            steps=int(self.mask.sum()),
            rmse=float(np.sqrt(squares.mean())),
            worst_rmse=float(np.sqrt(squares.max())),
            bias=float(biases.mean()),
            model_std=math.sqrt(variance),
            response_std=math.sqrt(response),
            observation_std=float(self.observed.std()) if len(self.observed) else math.nan,
            observation_error=error,
            error_origin=origin,
        )
