"""Leaf experiments with measurements: formulations compared on days that were not trained on."""

import dataclasses
from collections.abc import Callable, Mapping

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from jaxtyping import Array

from tilth.calibration.leaf import Build, LeafProblem, member, simulate
from tilth.calibration.leaf_formulations import formulation_builder
from tilth.calibration.leaf_identifiability import LossSurface, curvature, loss_surface, shape_sensitivity
from tilth.calibration.leaf_least_squares import carboxylation_by_least_squares
from tilth.calibration.leaf_rules import DefaultStress, LeafFormulation, LearnedStress, NoStress, learns
from tilth.config_leaf import LeafExperiment
from tilth.data.leaf_points import LeafPoints, LeafTable
from tilth.evaluation.leaf_scores import leaf_gains, leaf_scores
from tilth.evaluation.metrics import correlation, rmse
from tilth.observations.leaf_splits import date_folds, date_groups, temporal_holdout

Progress = Callable[[int, int, str], None] | None
Fit = Callable[[np.ndarray], LeafFormulation]
LEAST_SQUARES = {"V_lsq+B_def": DefaultStress(), "V_lsq": NoStress()}
"""Baselines: one Vcmax a type by least squares, with the default stress or none."""


@dataclasses.dataclass(frozen=True)
class MeasuredOutcome:
    """Tables of a measured experiment, and the loss surface of V+B (None where it was not learned)."""

    tables: dict[str, pd.DataFrame]
    surface: LossSurface | None


def measured_outcome(
    experiment: LeafExperiment, table: LeafTable, progress: Progress = None
) -> MeasuredOutcome:
    """Trains and judges every formulation and both least-squares baselines."""
    if table.net_rate is None:
        raise ValueError("a measured experiment needs net_photosynthesis under `columns`")
    points, observed = LeafPoints.of(table), np.asarray(table.net_rate)
    train, fold = temporal_holdout(table), date_folds(table, experiment.folds, experiment.seed)
    fits = _fits(experiment, points, observed)
    model = experiment.model.model()
    temporal, crossed, whole = {}, {}, {}
    for done, (name, fit) in enumerate(fits.items()):
        if progress:
            progress(done, len(fits), f"learning: {name}")
        temporal[name] = np.asarray(simulate(model, points, fit(train)))
        crossed[name] = _crossed(experiment, points, fit, fold)
        whole[name] = fit(np.ones(len(table), bool))
    if progress:
        progress(len(fits), len(fits), "learning: done")
    tables = {
        **_judged(experiment, table, observed, train, temporal, crossed),
        "carboxylation": _carboxylation(experiment, points, observed, whole),
        "points": _points(points, table, train, fold, temporal, crossed, whole),
        "sensitivity": _sensitivity(experiment, points, observed, whole),
    }
    if experiment.hidden_sizes:
        tables["hidden_sizes"] = _hidden_sizes(experiment, table, points, observed, train)
    surface = None
    if isinstance(whole.get("V+B"), LeafFormulation):
        everywhere = jnp.ones(points.count, bool)
        surface = loss_surface(model, points, whole["V+B"], jnp.asarray(observed), everywhere)
    return MeasuredOutcome(tables, surface)


def _fits(experiment: LeafExperiment, points: LeafPoints, observed: np.ndarray) -> dict[str, Fit]:
    choices = experiment.learning.networks()
    fits: dict[str, Fit] = {}
    for name in experiment.formulations:
        build = formulation_builder(name, points, choices)
        fits[name] = _learner(experiment, points, observed, build)
    for name, stress in LEAST_SQUARES.items():
        fits[name] = _least_squares(experiment, points, observed, stress)
    return fits


def _learner(experiment: LeafExperiment, points: LeafPoints, observed: np.ndarray, build: Build) -> Fit:
    """Trains with restarts and keeps the run of least training loss; a formulation of defaults is kept."""
    target, model = jnp.asarray(observed), experiment.model.model()
    restarts = experiment.learning.restarts
    keys = jax.random.split(jax.random.key(experiment.seed), restarts)

    def fit(train: np.ndarray) -> LeafFormulation:
        if not learns(build(keys[0])):
            return build(keys[0])
        problem = LeafProblem(model, points, target, jnp.asarray(train), build)
        rows = jnp.broadcast_to(target, (restarts, *target.shape))
        result = experiment.learning.method().solve_many(problem, keys, rows)
        if not bool(result.succeeded.any()):
            raise FloatingPointError(
                "training diverged from every start: expected a finite loss; lower learning.learning_rate"
            )
        return member(result.formulation, int(jnp.nanargmin(result.loss[:, -1])))

    return fit


def _least_squares(
    experiment: LeafExperiment, points: LeafPoints, observed: np.ndarray, stress: eqx.Module
) -> Fit:
    model, target = experiment.model.model(), jnp.asarray(observed)

    def fit(train: np.ndarray) -> LeafFormulation:
        given = stress(points)  # type: ignore[operator]
        rule = carboxylation_by_least_squares(model, points, given, target, jnp.asarray(train))
        return LeafFormulation(rule, stress)

    return fit


def _crossed(experiment: LeafExperiment, points: LeafPoints, fit: Fit, fold: np.ndarray) -> np.ndarray:
    simulated = np.empty(points.count)
    for number in range(experiment.folds):
        held_out = fold == number
        everything = np.asarray(simulate(experiment.model.model(), points, fit(~held_out)))
        simulated[held_out] = everything[held_out]
    return simulated


def _judged(
    experiment: LeafExperiment,
    table: LeafTable,
    observed: np.ndarray,
    train: np.ndarray,
    temporal: Mapping[str, np.ndarray],
    crossed: Mapping[str, np.ndarray],
) -> dict[str, pd.DataFrame]:
    days, draws = date_groups(table), {"resamples": experiment.resamples, "seed": experiment.seed}
    everywhere = np.ones(len(table), bool)
    cases = {
        ("temporal holdout", "train"): (temporal, train),
        ("temporal holdout", "test"): (temporal, ~train),
        ("cross-validation", "test"): (crossed, everywhere),
    }
    scores, gains = [], []
    for (test, split), (simulated, mask) in cases.items():
        frame = leaf_scores(simulated, observed, days, mask, **draws)
        scores.append(frame.assign(test=test, split=split))
        if split == "test" and "V+B" in simulated:
            gains.append(leaf_gains(simulated, "V+B", observed, days, mask, **draws).assign(test=test))
    return {"scores": pd.concat(scores, ignore_index=True)} | (
        {"gains": pd.concat(gains, ignore_index=True)} if gains else {}
    )


def _carboxylation(
    experiment: LeafExperiment,
    points: LeafPoints,
    observed: np.ndarray,
    whole: Mapping[str, LeafFormulation],
) -> pd.DataFrame:
    """Vcmax of each type, trained on everything, beside other models; mean over points of the type."""
    index = np.asarray(points.type_index)
    frame = pd.DataFrame(
        {
            "type": [kind.name for kind in points.types],
            "n": np.bincount(index, minlength=len(points.types)),
            "CLM4.5": [kind.carboxylation25 for kind in points.types],
        }
    )
    for source in ("AVIM", "BETHY", "TRY", "Aboelyazeed et al. 2023"):
        frame[source] = [kind.elsewhere.get(source, np.nan) for kind in points.types]
    for name, formulation in whole.items():
        if name.startswith("V_def"):
            continue
        values = np.asarray(formulation(points)[0])
        frame[name] = [values[index == k].mean() for k in range(len(points.types))]
    if "V+B" in whole:
        model, everywhere = experiment.model.model(), jnp.ones(points.count, bool)
        noise = rmse(np.asarray(simulate(model, points, whole["V+B"])), observed)
        found = curvature(model, points, whole["V+B"], everywhere, noise)
        frame["V+B standard error"] = found.carboxylation
        known = frame["V+B"].to_numpy()
        row = {"type": "correlation with V+B", "n": len(known)}
        for column in frame.columns[2:]:
            other = frame[column].to_numpy(float)
            both = np.isfinite(other) & (column not in ("V+B", "V+B standard error"))
            row[column] = correlation(known[both], other[both]) if both.sum() > 2 else np.nan
        frame = pd.concat([frame, pd.DataFrame([row])], ignore_index=True)
    return frame


def _points(
    points: LeafPoints,
    table: LeafTable,
    train: np.ndarray,
    fold: np.ndarray,
    temporal: Mapping[str, np.ndarray],
    crossed: Mapping[str, np.ndarray],
    whole: Mapping[str, LeafFormulation],
) -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "location": table.location,
            "species": table.species,
            "type": [points.types[k].name for k in np.asarray(points.type_index)],
            "date": table.date.astype(str),
            "split": np.where(train, "train", "test"),
            "fold": fold,
            "observed": table.net_rate,
        }
    )
    for name in temporal:
        frame[f"{name} temporal"] = temporal[name]
        frame[f"{name} crossed"] = crossed[name]
        frame[f"{name} stress"] = np.asarray(whole[name](points)[1])
    return frame


def _sensitivity(
    experiment: LeafExperiment, points: LeafPoints, observed: np.ndarray, whole: Mapping[str, LeafFormulation]
) -> pd.DataFrame:
    """Where B can be seen: its signal against the error of the model, a row a type."""
    formulation = whole.get("V+B")
    if formulation is None or not isinstance(formulation.stress, LearnedStress):
        return pd.DataFrame(columns=["type", "signal", "noise", "seen", "shape", "shape_standard_error"])
    model, everywhere = experiment.model.model(), jnp.ones(points.count, bool)
    shape: Array = formulation.stress.shape(points)
    signal = np.abs(np.asarray(shape_sensitivity(model, points, formulation(points)[0], shape)))
    noise = rmse(np.asarray(simulate(model, points, formulation)), observed)
    error = curvature(model, points, formulation, everywhere, noise).shape
    rows = []
    for k, kind in enumerate(points.types):
        here = np.asarray(points.type_index) == k
        rows.append(
            {
                "type": kind.name,
                "signal": np.median(signal[here]),
                "noise": noise,
                "seen": np.mean(signal[here] > noise),
                "shape": np.asarray(shape)[here].mean(),
                "shape_standard_error": np.median(error[here]),
            }
        )
    return pd.DataFrame(rows)


def _hidden_sizes(
    experiment: LeafExperiment, table: LeafTable, points: LeafPoints, observed: np.ndarray, train: np.ndarray
) -> pd.DataFrame:
    """Scores of V+B on the temporal holdout for other hidden layers of the network of B."""
    rows = []
    for hidden in experiment.hidden_sizes:
        choices = dataclasses.replace(experiment.learning.networks(), shape_hidden=hidden)
        fit = _learner(experiment, points, observed, formulation_builder("V+B", points, choices))
        simulated = {"V+B": np.asarray(simulate(experiment.model.model(), points, fit(train)))}
        for split, mask in (("train", train), ("test", ~train)):
            frame = leaf_scores(
                simulated, observed, date_groups(table), mask, resamples=experiment.resamples, seed=0
            )
            rows.append(frame.assign(split=split, hidden="-".join(map(str, hidden))))
    return pd.concat(rows, ignore_index=True)
