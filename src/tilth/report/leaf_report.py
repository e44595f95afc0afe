"""The page of a leaf experiment: one self-contained HTML file."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pandas as pd

from tilth.calibration.leaf_identifiability import LossSurface
from tilth.report.leaf_figures import (
    carboxylation_beside_others,
    loss_profiles,
    recovered_carboxylation,
    simulated_and_observed,
    true_and_found,
)
from tilth.report.style import data_uri

Table = dict[str, Any]
METRICS = (
    "Standard definitions: RMSE = √mean(e²), bias = mean(e), NSE = 1 − Σe² / Σ(o − ō)², r Pearson's, with "
    "e = simulated − observed. Table 1 of Aboelyazeed et al. 2023 prints the mean square error as the bias "
    "and absolute values in the NSE; its numbers follow the standard definitions, as these do. "
    "Intervals are 95 % over resampled days at a location."
)
PERCENT_COLUMNS = ("mean_error", "largest_error", "standard_error")


def write_leaf_report(
    path: Path,
    *,
    title: str,
    headline: str,
    facts: Sequence[tuple[str, str]],
    tables: Mapping[str, pd.DataFrame],
    surface: LossSurface | None = None,
) -> Path:
    """Writes the report of a synthetic or measured leaf experiment to ``path`` and returns it."""
    measured = "gains" in tables or "sensitivity" in tables
    page = {
        "title": title,
        "headline": headline,
        "facts": list(facts),
        "metrics": METRICS if measured else "",
        "tables": _measured_tables(tables) if measured else _synthetic_tables(tables),
        "figures": _measured_figures(tables, surface) if measured else _synthetic_figures(tables),
    }
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("tilth.report", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    partial = path.with_name(path.name + ".part")
    partial.write_text(environment.get_template("leaf.html.j2").render(page), encoding="utf-8")
    os.replace(partial, path)
    return path


def _table(caption: str, frame: pd.DataFrame, digits: int = 3) -> Table:
    def text(value: object) -> str:
        if isinstance(value, float | np.floating):
            return "–" if not np.isfinite(value) else f"{value:.{digits}f}".replace("-", "−")
        return str(value)

    rows = [[text(value) for value in row] for row in frame.itertuples(index=False)]
    return {"caption": caption, "columns": [str(c).replace("_", " ") for c in frame.columns], "rows": rows}


def _with_intervals(frame: pd.DataFrame, first: Sequence[str]) -> pd.DataFrame:
    """Measures with their intervals in one column each."""
    shown = frame[list(first)].copy()
    for measure in ("r", "rmse", "bias", "nse"):
        triples = zip(frame[measure], frame[f"{measure}_low"], frame[f"{measure}_high"], strict=True)
        shown[measure] = [f"{v:.3f} ({low:.3f} to {high:.3f})".replace("-", "−") for v, low, high in triples]
    return shown


def _measured_tables(tables: Mapping[str, pd.DataFrame]) -> list[Table]:
    found = [
        _table(
            "Scores of net photosynthesis",
            _with_intervals(tables["scores"], ("test", "split", "formulation", "n", "days")),
        )
    ]
    if "gains" in tables:
        gains = _with_intervals(tables["gains"], ("test", "formulation", "over"))
        found.append(_table("Gains of V+B over the others: positive is better; bias as absolute bias", gains))
    found.append(
        _table(
            "Vcmax25 [µmol m⁻² s⁻¹], trained on all points, beside other models", tables["carboxylation"], 2
        )
    )
    found.append(
        _table(
            "Where B can be seen: |∂A/∂B| (median) against the RMSE of the model, share of points above it",
            tables["sensitivity"],
        )
    )
    if "hidden_sizes" in tables:
        sizes = _with_intervals(tables["hidden_sizes"], ("hidden", "split", "n"))
        found.append(_table("V+B with other hidden layers in the network of B, temporal holdout", sizes))
    return found


def _measured_figures(
    tables: Mapping[str, pd.DataFrame], surface: LossSurface | None
) -> list[dict[str, Any]]:
    points = tables["points"]
    names = [c.removesuffix(" temporal") for c in points.columns if c.endswith(" temporal")]
    figures = [
        _figure(
            simulated_and_observed(points, names, kind),
            f"Simulated and observed photosynthesis, {words}",
            True,
        )
        for kind, words in (("temporal", "newest days held out"), ("crossed", "cross-validation over days"))
    ]
    if "V+B" in tables["carboxylation"]:
        caption = "Vcmax25 learned from all points beside the values of other models and of the TRY database"
        figures.append(_figure(carboxylation_beside_others(tables["carboxylation"], "V+B"), caption))
    if surface is not None:
        kinds = list(tables["sensitivity"]["type"])
        for parameter, values, label in (
            ("V", surface.factor, "Vcmax25 over the learned value"),
            ("B", surface.shape_factor, "B over the learned value"),
        ):
            drawn = loss_profiles(values, surface.profile(parameter), kinds, label)
            figures.append(
                _figure(drawn, f"Profile of the error along {parameter}, the other parameter at its best")
            )
    return figures


def _synthetic_tables(tables: Mapping[str, pd.DataFrame]) -> list[Table]:
    summary = tables["summary"]
    first = ["formulation", "noise", "type", "runs"]
    found = [
        _table(
            "Errors of recovered Vcmax25 over the runs [%]; within: share inside two standard errors",
            summary[[*first, *PERCENT_COLUMNS, "within"]],
        )
    ]
    scores = tables["scores"].groupby(["formulation", "noise", "split"], sort=False)[
        ["r", "rmse", "bias", "nse"]
    ]
    found.append(
        _table("Scores against the noisy synthetic data, mean over runs", scores.mean().reset_index())
    )
    if len(tables["shape"]):
        shape = tables["shape"].groupby(["formulation", "noise"], sort=False)
        smallest = shape[["r", "r_signal", "points_signal", "points"]].agg("min").reset_index()
        found.append(
            _table(
                "Correlation of learned and true B, worst run; signal: where |∂A/∂B| exceeds the noise",
                smallest,
            )
        )
    return found


def _synthetic_figures(tables: Mapping[str, pd.DataFrame]) -> list[dict[str, Any]]:
    figures = []
    noisy = tables["carboxylation"]["noise"].max()
    for name in tables["carboxylation"]["formulation"].unique():
        rows, points = (
            frame[(frame["formulation"] == name) & (frame["noise"] == noisy)]
            for frame in (tables["carboxylation"], tables["points"])
        )
        figures.append(
            _figure(recovered_carboxylation(rows), f"{name}: recovered Vcmax25, range over the runs")
        )
        rate = true_and_found(points, "observed", "simulated", "net photosynthesis [µmol m⁻² s⁻¹]")
        figures.append(_figure(rate, f"{name}: photosynthesis of the first run"))
        if name == "V+B":
            for true, found, label in (("shape_true", "shape", "B"), ("stress_true", "stress", "stress βt")):
                figures.append(
                    _figure(true_and_found(points, true, found, label), f"{name}: {label}, first run")
                )
    return figures


def _figure(figure: Any, caption: str, wide: bool = False) -> dict[str, Any]:
    return {"uri": data_uri(figure), "alt": caption, "caption": caption, "wide": wide}
