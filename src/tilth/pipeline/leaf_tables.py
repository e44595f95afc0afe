"""Tables of a measured leaf experiment: learned parameters, how well they are seen, and every point."""

from collections.abc import Mapping

import jax.numpy as jnp
import numpy as np
import pandas as pd
from jaxtyping import Array

from tilth.calibration.leaf import simulate
from tilth.calibration.leaf_identifiability import curvature, shape_sensitivity
from tilth.calibration.leaf_rules import LeafFormulation, LearnedStress
from tilth.config_leaf import LeafExperiment
from tilth.data.leaf_points import LeafPoints, LeafTable
from tilth.evaluation.metrics import correlation, rmse


def carboxylation_table(
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


def points_table(
    points: LeafPoints,
    table: LeafTable,
    train: np.ndarray,
    fold: np.ndarray,
    temporal: Mapping[str, np.ndarray],
    crossed: Mapping[str, np.ndarray],
    whole: Mapping[str, LeafFormulation],
) -> pd.DataFrame:
    """Every measurement with its split and fold, and what each formulation simulates for it."""
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


def sensitivity_table(
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
