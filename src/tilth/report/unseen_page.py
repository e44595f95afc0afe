"""The page of the fluxes left out of calibration."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from tilth.evaluation.alma import printed_unit
from tilth.evaluation.tables import read_table
from tilth.evaluation.unseen import UNSEEN_COLUMNS
from tilth.report.page import provenance_rows
from tilth.report.page_tables import number
from tilth.report.sections import PageTable, Section, Verdict, interval, percent
from tilth.report.verdict import SPLIT_WORDS

EXPLAINED = {
    "Rnet": "Net radiation, positive down.",
    "Qg": "Ground heat flux, positive down; a tower measures it at a point, the model over its column.",
    "GPP": "Gross primary production of the file, itself a model's partition of the measured net exchange.",
    "NEE by day": "Measured net exchange of bright steps against a respiration less simulated GPP. The model "
    "has no respiration: that of Lloyd and Taylor (1994) in air temperature, fitted to dark steps of the "
    "calibration part, stands in for it, before and after alike.",
    "RadT": "Radiative temperature from measured upward long-wave radiation (a black body's), both alike.",
}
"""What each quantity is."""


def unseen_page(folder: Path, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Names and values that ``sections.html.j2`` prints, from ``unseen_flux.csv``."""
    table = read_table(folder / "unseen_flux.csv", UNSEEN_COLUMNS)
    apart = list(facts.get("kept_out_of_means") or ())
    sections = [
        Section(variable.lower().replace(" ", "-"), variable, [words], [_table(table, variable)])
        for variable, words in EXPLAINED.items()
        if (table["variable"] == variable).any()
    ]
    notes = [str(note) for note in facts.get("notes") or ()]
    notes.append("The towers' files hold no soil moisture: it cannot be judged.")
    if apart:
        notes.append(f"Reported but not counted in the sentence above: {', '.join(apart)}.")
    return {
        "title": facts.get("name") or folder.name,
        "kicker": f"{table['site'].nunique()} towers: fluxes that no calibration saw",
        "headline": _headline(table[~table["site"].isin(apart)]),
        "sections": [*sections, Section("notes", "Notes", notes)],
        "provenance": provenance_rows(facts),
    }


def _headline(table: pd.DataFrame) -> list[str]:
    """How many towers are better and worse by their intervals, by variable, at the native step, held out."""
    held = table[(table["split"] == "heldout") & (table["resolution"] == "native")]
    words = [
        f"{variable} better at {int((rows['verdict'] == 'better').sum())} and worse at "
        f"{int((rows['verdict'] == 'worse').sum())} of {len(rows)}"
        for variable, rows in held.groupby("variable", sort=False)
    ]
    if not words:
        return ["No flux beside Qle and Qh was measured at these towers"]
    return [f"Held out, after calibration on Qle and Qh: {'; '.join(words)} calibrations, by 90 % intervals."]


def _table(table: pd.DataFrame, variable: str) -> PageTable:
    rows: list[list[str | Verdict]] = []
    own = table[table["variable"] == variable]
    for row in own.to_dict("records"):
        low, high = 100 * row["delta_rmse_low_90"], 100 * row["delta_rmse_high_90"]
        note = "" if row["verdict"] == "unknown" else interval(low, high, 0, " %")
        rows.append(
            [
                row["site"],
                row["method"],
                SPLIT_WORDS[row["split"]],
                {"native": "step", "1D": "day"}[row["resolution"]],
                str(row["n"]),
                f"{number(row['rmse_default'])} → {number(row['rmse_calibrated'])}",
                Verdict(percent(row["delta_rmse"]), row["verdict"], note),
                f"{number(row['bias_default'])} → {number(row['bias_calibrated'])}",
                f"{number(row['r_default'], 2)} → {number(row['r_calibrated'], 2)}",
                number(row["std_obs"]),
            ]
        )
    unit = printed_unit(str(own["unit"].iloc[0]))
    head = ["Tower", "Method", "Part", "Mean over", "n", "RMSE", "ΔRMSE", "Bias", "r", "SD obs."]
    caption = f"{variable} [{unit}], default → calibrated; ΔRMSE with its 90 % interval from blocks of 7 days"
    return PageTable(caption, head, rows, words=4)
