"""The surrogate of a calibration: an ensemble of the land model, a network trained on it, and its audit."""

import jax.numpy as jnp
import numpy as np
import pandas as pd
from jaxtyping import PRNGKeyArray

from tilth.config import Experiment
from tilth.data.containers import Sites
from tilth.ensembles.design import latin_hypercube
from tilth.ensembles.run import run_ensemble
from tilth.models.base import AbstractLandModel
from tilth.pipeline.presets import ensemble_design, surrogate_settings
from tilth.pipeline.workplace import Workplace
from tilth.surrogates.files import save_surrogate
from tilth.surrogates.land_model import SurrogateLandModel
from tilth.surrogates.train import train_surrogate

AUDIT_MEMBERS = 6
"""Members of the land model, drawn anew, that the surrogate is compared with."""
LARGEST_EQUAL_AUDIT = 64
"""Largest ensemble that is audited by as many members as it has."""
AUDIT_STEPS = 4200
"""Steps of all of them at each site in the table of the comparison."""


def trained_surrogate(
    experiment: Experiment, model: AbstractLandModel, sites: Sites, place: Workplace, key: PRNGKeyArray
) -> tuple[SurrogateLandModel, dict[str, pd.DataFrame]]:
    """The surrogate of ``model`` at the sites, with its training curve and audit as tables.

    The ensemble, the training and the audit go on from their checkpoints.
    """
    design = ensemble_design(experiment, sites.records)
    with place.stopwatch.stage("ensemble"):
        store = run_ensemble(
            model, design, sites, place.checkpoints / "ensemble.zarr", progress=place.progress
        )
    with place.stopwatch.stage("surrogate"):
        surrogate = train_surrogate(
            store,
            sites,
            surrogate_settings(experiment),
            key=key,
            checkpoint=place.checkpoints / "surrogate.checkpoint",
            progress=place.staged("surrogate"),
        )
        save_surrogate(place.checkpoints / "surrogate", surrogate)
    with place.stopwatch.stage("audit"):
        audit = audit_table(experiment, model, surrogate, sites, place)
    epochs = np.arange(1, len(surrogate.training_loss) + 1)
    history = pd.DataFrame(
        {
            "stage": "surrogate",
            "step": epochs,
            "loss": surrogate.training_loss,
            "validation": surrogate.validation_loss,
        }
    )
    return surrogate, {"history": history, "audit": audit}


def audit_table(
    experiment: Experiment,
    model: AbstractLandModel,
    surrogate: SurrogateLandModel,
    sites: Sites,
    place: Workplace,
) -> pd.DataFrame:
    """Values of the model and the surrogate at the same steps of members that it was not trained on."""
    members = ensemble_design(experiment, sites.records).shape[0]
    # A small ensemble is audited by one of its size, which costs no compilation of its own.
    count = members if members <= LARGEST_EQUAL_AUDIT else AUDIT_MEMBERS
    design = latin_hypercube(model.space, count, experiment.seed + 1_000_003)
    store = run_ensemble(model, design, sites, place.checkpoints / "audit.zarr")
    simulated = surrogate.run(jnp.asarray(store.thetas, sites.step.dtype), sites)
    generator = np.random.default_rng(experiment.seed)
    parts = []
    for member, site in np.argwhere(store.succeeded):
        number = min(AUDIT_STEPS // count, store.lengths[site])
        steps = generator.choice(store.lengths[site], number, replace=False)
        for flux in surrogate.tasks:
            values = store.series(flux, int(member), int(site))[steps]
            guessed = np.asarray(simulated.outputs[flux][member, site])[steps]
            parts.append(pd.DataFrame({"variable": flux, "model": values, "surrogate": guessed}))
    return pd.concat(parts, ignore_index=True)
