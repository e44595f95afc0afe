"""The page of an audit of surrogates: which can stand for the land model, and what follows."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from tilth.evaluation.tables import read_table
from tilth.report.figures_surrogates import audit_errors, errors_after
from tilth.report.page import provenance_rows
from tilth.report.page_figures import PageFigure
from tilth.report.page_tables import number
from tilth.report.style import data_uri

COLUMNS = (
    "site", "class", "design", "network", "memory", "weights", "members", "training_seconds", "flux",
    "observation_error", "error_origin", "box_rmse", "box_of_observation_error", "box_passes",
    "near_rmse", "near_of_observation_error", "near_of_observation_std", "near_passes",
    "inside", "distance", "distance_limit",
    "default_rmse_calibration", "calibrated_rmse_calibration",
    "default_rmse_heldout", "calibrated_rmse_heldout",
)  # fmt: skip
"""Columns that the page reads."""


def surrogate_audit_page(folder: Path, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Names and values that ``surrogate_audit.html.j2`` prints."""
    table = read_table(folder / "surrogates.csv", COLUMNS)
    table["combination"] = table["network"] + " on " + table["design"]
    fluxes = list(table["flux"].drop_duplicates())
    return {
        "title": facts.get("name") or folder.name,
        "sites": table["site"].nunique(),
        "headline": headline(table),
        "near_limit": facts.get("near_limit"),
        "box_limit": facts.get("box_limit"),
        "fluxes": fluxes,
        "combinations": _combinations(table, fluxes),
        "rows": [_row(row) for row in table.to_dict("records")],
        "figures": _figures(table, fluxes, facts),
        "provenance": provenance_rows(facts),
    }


def headline(table: pd.DataFrame) -> str:
    """The verdict in words: how many surrogates pass, and how often the guard speaks."""
    judged = [truth for truth in map(_truth, table["near_passes"]) if truth is not None]
    by_training = table.drop_duplicates(["site", "combination"])
    outside = sum(_truth(value) is False for value in by_training["inside"])
    if not judged:
        return "No flux is observed: the surrogates' errors cannot be compared with that of observations."
    return (
        f"Around what was learned through them, {sum(judged)} of {len(judged)} fluxes of the surrogates are "
        f"close enough to the land model; {outside} of {len(by_training)} calibrations ended outside the "
        "region that their surrogate was trained in."
    )


def _combinations(table: pd.DataFrame, fluxes: Sequence[str]) -> list[dict[str, Any]]:
    """Means over sites for each network and design."""
    found = []
    for name, rows in table.groupby("combination", sort=False):
        one = rows.drop_duplicates("site")
        found.append(
            {
                "name": name,
                "weights": f"{int(one['weights'].iloc[0]):,}".replace(",", " "),
                "members": " to ".join(
                    str(int(n)) for n in sorted({one["members"].min(), one["members"].max()})
                ),
                "seconds": number(one["training_seconds"].mean(), 0),
                "outside": f"{sum(_truth(value) is False for value in one['inside'])} of {len(one)}",
                "fluxes": {flux: _means(rows[rows["flux"] == flux]) for flux in fluxes},
            }
        )
    return found


def _means(rows: pd.DataFrame) -> dict[str, str]:
    passes = [_truth(value) for value in rows["near_passes"]]
    return {
        "box": number(rows["box_of_observation_error"].mean(), 2),
        "near": number(rows["near_of_observation_error"].mean(), 2),
        "passes": f"{sum(value is True for value in passes)} of {sum(value is not None for value in passes)}",
        "calibration": _change(rows, "calibration"),
        "heldout": _change(rows, "heldout"),
    }


def _change(rows: pd.DataFrame, split: str) -> str:
    before, after = (number(rows[f"{run}_rmse_{split}"].mean()) for run in ("default", "calibrated"))
    return f"{before} → {after}"


def _row(row: dict[Any, Any]) -> dict[str, Any]:
    passes, inside = _truth(row["near_passes"]), _truth(row["inside"])
    return {
        "site": row["site"],
        "combination": row["combination"],
        "flux": row["flux"],
        "observation_error": f"{number(row['observation_error'])} ({row['error_origin']})"
        if math.isfinite(row["observation_error"])
        else "–",
        "box": f"{number(row['box_rmse'])} ({number(row['box_of_observation_error'], 2)})",
        "near": f"{number(row['near_rmse'])} ({number(row['near_of_observation_error'], 2)})",
        "verdict": {True: "passes", False: "fails", None: "not judged"}[passes],
        "pill": {True: "better", False: "worse", None: ""}[passes],
        "distance": f"{number(row['distance'], 2)} / {number(row['distance_limit'], 2)}",
        "guard": "inside" if inside else "outside",
        "guard_pill": "better" if inside else "worse",
        **{
            split: f"{number(row[f'default_rmse_{split}'])} → {number(row[f'calibrated_rmse_{split}'])}"
            for split in ("calibration", "heldout")
        },
    }


def _figures(table: pd.DataFrame, fluxes: Sequence[str], facts: Mapping[str, Any]) -> list[PageFigure]:
    figures = []
    limits = {"near": facts.get("near_limit"), "box": facts.get("box_limit")}
    for flux in fluxes:
        rows = table[table["flux"] == flux]
        if rows["observation_error"].notna().any():
            figures.append(
                PageFigure(
                    data_uri(audit_errors(rows, flux, limits), vector=True),
                    f"Error of each surrogate for {flux} as a fraction of the observation error",
                    "A mark a site: RMSE of the surrogate against the land model over the observation error. "
                    "Dashed: the limit near the optimum; dotted: that over the box.",
                )
            )
        if rows["calibrated_rmse_heldout"].notna().any():
            figures.append(
                PageFigure(
                    data_uri(errors_after(rows, flux), vector=True),
                    f"Held-out RMSE of the land model for {flux}, default and learned through each surrogate",
                    "The land model itself on the held-out part, with default parameters and with what was "
                    "learned through each surrogate.",
                )
            )
    return figures


def _truth(value: object) -> bool | None:
    """A Boolean of a table read from a file; None where it is empty."""
    return {"true": True, "false": False}.get(str(value).lower())
