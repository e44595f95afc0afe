"""Leaf experiments with measurements: formulations compared on days that were not trained on."""

import dataclasses
from collections.abc import Callable, Mapping

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

from tilth.calibration.leaf import Build, LeafProblem, member, simulate
from tilth.calibration.leaf_formulations import formulation_builder
from tilth.calibration.leaf_identifiability import LossSurface, loss_surface
from tilth.calibration.leaf_least_squares import carboxylation_by_least_squares
from tilth.calibration.leaf_rules import DefaultStress, LeafFormulation, NoStress, learns
from tilth.config_leaf import LeafExperiment
from tilth.data.leaf_points import LeafPoints, LeafTable
from tilth.evaluation.leaf_scores import leaf_gains, leaf_scores
from tilth.observations.leaf_splits import date_folds, date_groups, temporal_holdout
from tilth.pipeline.leaf_tables import carboxylation_table, points_table, sensitivity_table

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
        "carboxylation": carboxylation_table(experiment, points, observed, whole),
        "points": points_table(points, table, train, fold, temporal, crossed, whole),
        "sensitivity": sensitivity_table(experiment, points, observed, whole),
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
