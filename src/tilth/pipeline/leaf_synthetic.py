"""Synthetic leaf experiments: are known parameters found again (Aboelyazeed et al. 2023, section 2.5.1)?"""

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from jaxtyping import Array

from tilth.calibration.leaf import LeafProblem, LeafResult, member, simulate_many
from tilth.calibration.leaf_formulations import formulation_builder
from tilth.calibration.leaf_identifiability import curvature, shape_sensitivity
from tilth.calibration.leaf_rules import LeafFormulation
from tilth.config_leaf import LeafExperiment
from tilth.data.leaf_points import LeafPoints, LeafTable
from tilth.data.synthetic_leaves import synthetic_shape
from tilth.evaluation.metrics import all_metrics, correlation
from tilth.models.leaf import LeafModel, learned_stress
from tilth.observations.leaf_splits import temporal_holdout

Progress = Callable[[int, int, str], None] | None


@dataclasses.dataclass(frozen=True)
class Truth:
    """What is to be found again: Vcmax, shape (None without stress), stress and photosynthesis of points."""

    carboxylation: Array
    shape: Array | None
    stress: Array
    net: Array


def synthetic_tables(
    experiment: LeafExperiment, table: LeafTable, progress: Progress = None
) -> dict[str, pd.DataFrame]:
    """Tables of a synthetic experiment: recovered Vcmax and its summary, scores, shapes and points."""
    points, train = LeafPoints.of(table), temporal_holdout(table)
    parts: dict[str, list[pd.DataFrame]] = {}
    total = 2 * len(experiment.formulations)
    for done, name in enumerate(experiment.formulations):
        truth = _truth(experiment, table, points, name)
        choices = dataclasses.replace(experiment.learning.networks(), embedding=0)
        build = formulation_builder(name, points, choices)
        problem = LeafProblem(experiment.model.model(), points, truth.net, jnp.asarray(train), build)
        for step, noise in enumerate((0.0, experiment.noise)):
            if progress:
                progress(2 * done + step, total, f"learning: {name}, noise {100 * noise:g} %")
            found = _recover(experiment, problem, truth, noise)
            for key, frame in found.items():
                parts.setdefault(key, []).append(frame.assign(formulation=name, noise=noise))
    if progress:
        progress(total, total, "learning: done")
    return {key: pd.concat(frames, ignore_index=True) for key, frames in parts.items()}


def recovery_sentence(summary: pd.DataFrame) -> str:
    """How well Vcmax was recovered, in one line."""
    parts = []
    for _, rows in summary.groupby(["formulation", "noise"], sort=False):
        name, noise = rows["formulation"].iloc[0], float(rows["noise"].iloc[0])
        worst, bias = rows["largest_error"].max(), rows["mean_error"].abs().max()
        parts.append(
            f"{name} with {100 * noise:g} % noise: largest error {worst:.2g} %, largest mean error of a type "
            f"{bias:.2g} %"
        )
    return "Vcmax25 recovered; " + "; ".join(parts)


def _truth(experiment: LeafExperiment, table: LeafTable, points: LeafPoints, name: str) -> Truth:
    model = experiment.model.model()
    vcmax = points.default_carboxylation
    shape, stress = None, jnp.ones_like(vcmax)
    if name == "V+B":
        if table.soil_features is None or table.feature_names != ("sand", "clay", "organic_matter"):
            raise ValueError(
                "the synthetic V+B experiment needs texture and moisture of the topsoil: map sand, clay, "
                "organic_matter and soil_moisture or soil_wetness"
            )
        shape = jnp.asarray(synthetic_shape(table.soil_features), vcmax.dtype)
        stress = learned_stress(points, shape)
    return Truth(vcmax, shape, stress, model(points, vcmax, stress).net)


def _recover(
    experiment: LeafExperiment, problem: LeafProblem, truth: Truth, noise: float
) -> dict[str, pd.DataFrame]:
    """Trains on photosynthesis with relative ``noise``, every run with its own noise and networks."""
    runs = experiment.runs if noise else 1
    model, points, mask = problem.model, problem.points, problem.train
    train = np.asarray(mask)
    key_noise, key_networks = jax.random.split(jax.random.key(experiment.seed))
    sigma = noise * float(jnp.mean(truth.net))
    errors = jax.random.normal(key_noise, (runs, points.count), truth.net.dtype)
    observed = truth.net[None] + sigma * errors
    method = experiment.learning.method()
    if not noise:
        method = dataclasses.replace(method, iterations=experiment.iterations_without_noise)
    result = method.solve_many(problem, jax.random.split(key_networks, runs), observed)
    simulated = np.asarray(simulate_many(model, points, result.formulation))
    recovered = _carboxylation(experiment, points, result, truth, mask, sigma)
    return {
        "carboxylation": recovered,
        "summary": _summary(recovered),
        "scores": _scores(simulated, np.asarray(observed), train),
        "shape": _shapes(model, points, result, truth, sigma),
        "points": _points(points, result, truth, train, np.asarray(observed[0]), simulated[0]),
    }


def _carboxylation(
    experiment: LeafExperiment,
    points: LeafPoints,
    result: LeafResult,
    truth: Truth,
    mask: Array,
    sigma: float,
) -> pd.DataFrame:
    first = [int(np.flatnonzero(np.asarray(points.type_index) == k)[0]) for k in range(len(points.types))]
    rows = []
    for run in range(result.loss.shape[0]):
        formulation: LeafFormulation = member(result.formulation, run)
        values = np.asarray(formulation(points)[0])[first]
        error = curvature(experiment.model.model(), points, formulation, mask, sigma).carboxylation
        for k, kind in enumerate(points.types):
            true = float(truth.carboxylation[first[k]])
            rows.append(
                {
                    "run": run,
                    "type": kind.name,
                    "true": true,
                    "recovered": values[k],
                    "error": 100.0 * (values[k] / true - 1.0),
                    "standard_error": 100.0 * error[k] / true,
                    "n": int(np.sum((np.asarray(points.type_index) == k) & np.asarray(mask))),
                }
            )
    return pd.DataFrame(rows)


def _summary(recovered: pd.DataFrame) -> pd.DataFrame:
    """Errors of Vcmax over the runs, a row a type [%]; ``within`` the share inside two standard errors."""
    rows = []
    for name, group in recovered.groupby("type", sort=False):
        inside = group["error"].abs() <= 2.0 * group["standard_error"]
        rows.append(
            {
                "type": name,
                "runs": len(group),
                "mean_error": group["error"].mean(),
                "largest_error": group["error"].abs().max(),
                "standard_error": group["standard_error"].mean(),
                "within": inside.mean(),
            }
        )
    return pd.DataFrame(rows)


def _scores(simulated: np.ndarray, observed: np.ndarray, train: np.ndarray) -> pd.DataFrame:
    rows = []
    for run in range(len(simulated)):
        for split, mask in (("train", train), ("test", ~train)):
            measures = all_metrics(simulated[run], observed[run], mask)
            rows.append(
                {"run": run, "split": split} | {m: measures[m] for m in ("n", "r", "rmse", "bias", "nse")}
            )
    return pd.DataFrame(rows)


def _shapes(
    model: LeafModel, points: LeafPoints, result: LeafResult, truth: Truth, sigma: float
) -> pd.DataFrame:
    """Correlation of learned and true B, over all points and where ``|∂A/∂B|`` exceeds the noise."""
    columns = ["run", "r", "r_signal", "points_signal", "points"]
    if truth.shape is None:
        return pd.DataFrame(columns=columns)
    signal = np.abs(np.asarray(shape_sensitivity(model, points, truth.carboxylation, truth.shape))) > sigma
    true = np.asarray(truth.shape)[:, 0]
    rows = []
    for run in range(result.loss.shape[0]):
        learned = np.asarray(member(result.formulation, run).stress.shape(points))[:, 0]  # type: ignore[attr-defined]
        values = (
            correlation(learned, true),
            correlation(learned, true, signal),
            int(signal.sum()),
            len(true),
        )
        rows.append(dict(zip(columns, (run, *values), strict=True)))
    return pd.DataFrame(rows)


def _points(
    points: LeafPoints,
    result: LeafResult,
    truth: Truth,
    train: np.ndarray,
    observed: np.ndarray,
    simulated: np.ndarray,
) -> pd.DataFrame:
    """The first run, point by point."""
    formulation: LeafFormulation = member(result.formulation, 0)
    frame = pd.DataFrame(
        {
            "type": [points.types[k].name for k in np.asarray(points.type_index)],
            "split": np.where(train, "train", "test"),
            "observed": observed,
            "simulated": simulated,
            "stress_true": np.asarray(truth.stress),
            "stress": np.asarray(formulation(points)[1]),
        }
    )
    if truth.shape is not None:
        learned = np.asarray(formulation.stress.shape(points))[:, 0]  # type: ignore[attr-defined]
        frame = frame.assign(shape_true=np.asarray(truth.shape)[:, 0], shape=learned)
    return frame
