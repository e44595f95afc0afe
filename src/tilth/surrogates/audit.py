"""The surrogate against the model it stands for, over members it has not seen."""

import dataclasses
import math
from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np

from tilth.data.containers import SiteRecord, Sites
from tilth.ensembles.store import EnsembleStore
from tilth.surrogates.land_model import SurrogateLandModel


@dataclasses.dataclass(frozen=True)
class AuditRow:
    """How far the surrogate is from the model for one flux at one site.

    ``rmse`` is the root mean square over members and steps of surrogate minus model, ``worst_rmse`` that of
    the worst member, ``bias`` the mean difference, ``model_std`` the standard deviation of the model's
    series and ``response_std`` the root mean square of its members about their mean at each step (what the
    parameters do), all in the flux's unit. ``observation_std`` is that of the observations, NaN without.
    """

    site: str
    flux: str
    members: int
    rmse: float
    worst_rmse: float
    bias: float
    model_std: float
    response_std: float
    observation_std: float

    @property
    def of_observation_std(self) -> float:
        """``rmse`` as a fraction of the observations' standard deviation."""
        return self.rmse / self.observation_std

    @property
    def of_model_std(self) -> float:
        """``rmse`` as a fraction of the simulated series' standard deviation."""
        return self.rmse / self.model_std if self.model_std > 0.0 else math.nan

    @property
    def of_response_std(self) -> float:
        """``rmse`` as a fraction of what the parameters do to the flux."""
        return self.rmse / self.response_std if self.response_std > 0.0 else math.nan


def audit_surrogate(
    surrogate: SurrogateLandModel, store: EnsembleStore, sites: Sites, members: Sequence[int] | None = None
) -> list[AuditRow]:
    """One row a site and flux over those of ``members`` (all by default) of ``store`` that succeeded.

    ``store`` must hold runs that the surrogate was not trained on, at the same sites. Raises ``ValueError``
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
        thetas = jnp.asarray(store.thetas[good, site])[:, None]
        predicted = surrogate.run(thetas, Sites.of([record])).outputs
        for flux in surrogate.tasks:
            model = np.stack([store.series(flux, int(member), site) for member in good]).astype(np.float64)
            rows.append(_row(record, flux, np.asarray(predicted[flux], dtype=np.float64)[:, 0], model))
    return rows


def _row(record: SiteRecord, flux: str, predicted: np.ndarray, model: np.ndarray) -> AuditRow:
    error = predicted - model
    by_member = np.sqrt(np.mean(error**2, axis=1))
    observed = np.array([])
    if flux in record.observations:
        observed = record.observations[flux].value[record.scored(flux)]
    return AuditRow(
        site=record.attributes.name,
        flux=flux,
        members=len(model),
        rmse=float(np.sqrt(np.mean(error**2))),
        worst_rmse=float(by_member.max()),
        bias=float(error.mean()),
        model_std=float(model.std()),
        response_std=float(np.sqrt(np.mean((model - model.mean(axis=0)) ** 2))),
        observation_std=float(observed.std()) if len(observed) else math.nan,
    )
