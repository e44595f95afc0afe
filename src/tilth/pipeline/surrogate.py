"""The surrogate of a calibration: an ensemble of the land model, a network trained on it, and its audit."""

import dataclasses
import shutil
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pandas as pd
from jaxtyping import PRNGKeyArray

from tilth.config import Experiment, Method
from tilth.data.containers import Sites
from tilth.ensembles.design import latin_hypercube
from tilth.ensembles.run import run_ensemble
from tilth.ensembles.store import EnsembleStore
from tilth.models.base import AbstractLandModel
from tilth.pipeline.presets import design_name, ensemble_design, surrogate_settings
from tilth.pipeline.workplace import Workplace
from tilth.surrogates.files import save_surrogate
from tilth.surrogates.land_model import SurrogateLandModel
from tilth.surrogates.settings import SurrogateSettings
from tilth.surrogates.train import train_surrogate

AUDIT_MEMBERS = 6
"""Members of the land model, drawn anew, that the surrogate is compared with."""
LARGEST_EQUAL_AUDIT = 64
"""Largest ensemble that is audited by as many members as it has."""
AUDIT_STEPS = 4200
"""Steps of all of them at each site in the table of the comparison."""


def ensemble(
    experiment: Experiment,
    model: AbstractLandModel,
    sites: Sites,
    place: Workplace,
    *,
    to_extend: bool = False,
) -> tuple[EnsembleStore, int]:
    """The ensemble of an experiment, and how many members its design has.

    One ``to_extend`` is never the one that others share, but a copy. Members that a verification has appended
    to it come after those of the design and stay.
    """
    name = f"ensemble-{design_name(experiment)}.zarr"
    path = place.ensembles / name
    design = ensemble_design(experiment, sites.records)
    members = len(design)
    if to_extend and place.shared is not None:
        path = place.checkpoints / name
        if not path.exists():
            with place.stopwatch.stage("ensemble"):
                run_ensemble(model, design, sites, place.shared / name, progress=place.progress)
            _copy(place.shared / name, path)
    if path.exists():
        stored = EnsembleStore.open(path).thetas
        begun = np.broadcast_to(design, (members, *stored.shape[1:])) if len(stored) > members else None
        if begun is not None and np.array_equal(stored[:members], begun):
            design = stored
    with place.stopwatch.stage("ensemble"):
        return run_ensemble(model, design, sites, path, progress=place.progress), members


def trained(
    experiment: Experiment,
    method: Method,
    store: EnsembleStore,
    sites: Sites,
    place: Workplace,
    *,
    key: PRNGKeyArray,
    members: int,
    round_number: int = 0,
    favoured: int | None = None,
    start: SurrogateLandModel | None = None,
) -> SurrogateLandModel:
    """The surrogate that ``method`` learns through, trained on the first ``members`` of ``store``.

    Goes on from its checkpoint. Rounds after the first ``start`` from the surrogate of the one before and
    take half of its epochs.
    """
    settings = surrogate_settings(experiment, method, sites.records)
    if start is not None:
        settings = _half(settings)
    suffix = f"-{round_number}" if round_number else ""
    with place.stopwatch.stage("surrogate"):
        surrogate = train_surrogate(
            store,
            sites,
            settings,
            key=key,
            start=start,
            members=members,
            favoured=favoured,
            checkpoint=place.checkpoints / f"surrogate-{method}{suffix}.checkpoint",
            progress=place.staged(f"surrogate{suffix}"),
        )
        save_surrogate(place.checkpoints / f"surrogate-{method}{suffix}", surrogate)
    return surrogate


def history_table(surrogate: SurrogateLandModel, stage: str = "surrogate") -> pd.DataFrame:
    """The training curve of a surrogate as a table of the report."""
    return pd.DataFrame(
        {
            "stage": stage,
            "step": np.arange(1, len(surrogate.training_loss) + 1),
            "loss": surrogate.training_loss,
            "validation": surrogate.validation_loss,
        }
    )


def audit_table(
    experiment: Experiment,
    model: AbstractLandModel,
    surrogate: SurrogateLandModel,
    sites: Sites,
    place: Workplace,
    members: int | None = None,
) -> pd.DataFrame:
    """Values of the model and the surrogate at the same steps of members that it was not trained on.

    The members are joint perturbations over the box, a Latin hypercube that no training design draws.
    """
    if members is None:
        members = audit_members(ensemble_design(experiment, sites.records).shape[0])
    store = box_ensemble(experiment, model, sites, place, members)
    shown = store.thetas[: max(AUDIT_MEMBERS, min(members, LARGEST_EQUAL_AUDIT))]
    simulated = surrogate.run(jnp.asarray(shown, sites.step.dtype), sites)
    generator = np.random.default_rng(experiment.seed)
    parts = []
    for member, site in np.argwhere(store.succeeded[: len(shown)]):
        number = min(AUDIT_STEPS // len(shown), store.lengths[site])
        steps = generator.choice(store.lengths[site], number, replace=False)
        for flux in surrogate.tasks:
            values = store.series(flux, int(member), int(site))[steps]
            guessed = np.asarray(simulated.outputs[flux][member, site])[steps]
            parts.append(pd.DataFrame({"variable": flux, "model": values, "surrogate": guessed}))
    return pd.concat(parts, ignore_index=True)


def audit_members(members: int) -> int:
    """How many members audit a surrogate of an ensemble of ``members``.

    A small ensemble is audited by one of its size, which costs no compilation of its own.
    """
    return members if members <= LARGEST_EQUAL_AUDIT else AUDIT_MEMBERS


def box_ensemble(
    experiment: Experiment, model: AbstractLandModel, sites: Sites, place: Workplace, members: int
) -> EnsembleStore:
    """Runs of the members that a surrogate is audited by over the whole box."""
    design = latin_hypercube(model.space, members, experiment.seed + 1_000_003)
    path = place.ensembles / f"audit-{members}.zarr"
    return run_ensemble(model, design, sites, path, progress=place.progress)


def _copy(folder: Path, to: Path) -> None:
    """Copies a folder, whole or not at all."""
    partial = to.with_name(f"{to.name}.part")
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(folder, partial)
    partial.rename(to)


def _half(settings: SurrogateSettings) -> SurrogateSettings:
    training = settings.training
    return dataclasses.replace(
        settings, training=dataclasses.replace(training, epochs=max(1, training.epochs // 2))
    )
