"""Sections of the overview of several sites: by class, distributions, learned parameters, and cost."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from tilth.evaluation.alma import printed_unit
from tilth.evaluation.parameter_spread import parameter_spread, published_parameters, published_range
from tilth.evaluation.summary import ALL, MEAN
from tilth.evaluation.tables import read_table
from tilth.report.contents import RunContents
from tilth.report.figures_experiment import score_distributions, taylor_by_class
from tilth.report.page_figures import PageFigure
from tilth.report.page_tables import number, significant
from tilth.report.sections import PageTable, Section, Verdict, interval, percent
from tilth.report.style import data_uri
from tilth.report.verdict import SPLIT_WORDS, TARGETS

COST_COLUMNS = ("method", "part", "stage", "seconds", "iterations", "runs", "networks")
"""Columns of ``costs.csv``: what each stage of a calibration took."""


def experiment_sections(
    folder: Path, runs: Sequence[RunContents], summary: pd.DataFrame, apart: Sequence[str]
) -> list[Section]:
    """The sections that there is something to show for."""
    if summary.empty:
        return []
    sections = [
        _classes(summary),
        _distributions(runs, apart),
        *_parameters(runs),
        _costs(folder),
    ]
    return [section for section in sections if section is not None]


def _classes(summary: pd.DataFrame) -> Section | None:
    """Means by class and Taylor diagrams."""
    means = summary[(summary["site"] == MEAN) & (summary["class"] != ALL)]
    rows: list[list[str | Verdict]] = [
        [
            row["class"],
            row["method"],
            f"{row['variable']}, {SPLIT_WORDS[row['split']]}",
            str(row["sites"]),
            f"{number(row['rmse_default'])} → {number(row['rmse_calibrated'])}",
            Verdict(percent(row["delta_rmse"]), row["verdict"], _interval(row)),
            f"{number(row['r_default'], 2)} → {number(row['r_calibrated'], 2)}",
            percent(row["delta_r"]),
            f"{number(row['kge_default'], 2)} → {number(row['kge_calibrated'], 2)}",
            f"{number(row['nse_default'], 2)} → {number(row['nse_calibrated'], 2)}",
        ]
        for row in means.sort_values(["class", "method"], kind="stable").to_dict("records")
    ]
    head = ["Class", "Method", "Flux", "Sites", "RMSE", "ΔRMSE", "r", "ΔR", "KGE", "NSE"]
    tables = [PageTable("Means over the sites of each class", head, rows, words=3)] if rows else []
    single = summary[summary["site"] != MEAN]
    figures = [
        PageFigure(
            data_uri(taylor_by_class(single[single["method"] == method], "heldout"), vector=True),
            f"Taylor diagrams of default and {method} runs by plant class, held-out part",
            f"{method}, held-out part, at the step of the record: all sites by class (their number).",
            wide=True,
        )
        for method in single["method"].unique()
        if (single[single["method"] == method]["split"] == "heldout").any()
    ]
    words = (
        "ΔRMSE = (default − calibrated) / default and ΔR = (calibrated − default) / default, means over "
        "sites of each site's own; positive is better. Intervals of 90 % hold for the mean over these sites."
    )
    return Section("classes", "By plant class", [words], tables, figures)


def _interval(row: dict) -> str:  # type: ignore[type-arg]
    return interval(100 * row["delta_rmse_low_90"], 100 * row["delta_rmse_high_90"], 0, " %")


def _distributions(runs: Sequence[RunContents], apart: Sequence[str]) -> Section | None:
    """Distributions over sites of NSE and KGE of daily means of the held-out part."""
    values: dict[tuple[str, str], dict[str, list[float]]] = {}
    sites = set()
    defaults: set[tuple[str, str]] = set()
    for run in runs:
        if not run.calibrated or run.site in apart:
            continue
        rows = run.scores[
            (run.scores["resolution"] == "1D")
            & (run.scores["split"] == "heldout")
            & (run.scores["target"] == "raw")
            & (run.scores["method"] == run.facts["method"])
            & run.scores["run"].isin(["default", "calibrated"])
        ]
        for row in rows.to_dict("records"):
            if row["variable"] not in TARGETS:
                continue
            name = "default" if row["run"] == "default" else str(run.facts["method"])
            if name == "default" and (run.site, row["variable"]) in defaults:
                continue
            if name == "default":
                defaults.add((run.site, row["variable"]))
            sites.add(run.site)
            for metric in ("nse", "kge"):
                values.setdefault((row["variable"], metric), {}).setdefault(name, []).append(row[metric])
    if len(sites) < 2:
        return None
    arrays = {
        key: {name: np.array(scores) for name, scores in lines.items()} for key, lines in values.items()
    }
    figure = PageFigure(
        data_uri(score_distributions(arrays, TARGETS), vector=True),
        "Cumulative distributions over sites of NSE and KGE of daily Qle and Qh, held-out part",
        "Share of sites whose score of daily means of the held-out part is at most as large; curves to the "
        "right are better. Scores below −1 are drawn at −1.",
        wide=True,
    )
    return Section("distributions", "Daily scores over sites", (), (), [figure])


def _parameters(runs: Sequence[RunContents]) -> list[Section]:
    tables = [run.parameters for run in runs if run.parameters is not None]
    if not tables:
        return []
    parameters = pd.concat(tables, ignore_index=True)
    shown = [
        _class_table(group, str(method), str(plant_class))
        for (method, plant_class), group in parameters.groupby(["method", "class"], sort=True)
    ]
    words = (
        "Values within 1 % of the (logarithmic) range of a bound are marked. Published: smallest and largest "
        "value that MdPL learned at the towers of the class in Xie et al. (2025, egusphere-2025-3301, Tables "
        "A1-A4)."
    )
    leaves = published_parameters()["carboxylation"]
    carboxylation = "; ".join(
        f"{name} {significant(1e6 * known['lower'])} to {significant(1e6 * known['upper'])} "
        f"({known['types']})"
        for name, known in leaves.items()
    )
    leaf_words = (
        f"Vcmax at 25 °C of leaves in other models and measurements [µmol m⁻² s⁻¹]: {carboxylation} "
        "(Aboelyazeed et al. 2023, doi:10.5194/bg-20-2671-2023, Table 3), to be compared with vmax0 of a top "
        "leaf."
    )
    spread = parameter_spread(parameters)
    rows = [
        [
            row["parameter"],
            row["method"],
            number(row["within"], 2),
            number(row["between"], 2),
            f"{row['at_bound']} of {row['sites']}",
        ]
        for row in spread.to_dict("records")
    ]
    spread_words = (
        "Standard deviations of positions in the (logarithmic) range, 0 to 1: of sites about the mean of "
        "their class, and of the means of the classes. A class says something about a parameter where the "
        "first is clearly smaller than the second."
    )
    head = ["Parameter", "Method", "Within classes", "Between classes", "At a bound"]
    return [
        Section("parameters", "Learned parameters", [words, leaf_words], shown),
        Section("spread", "Spread of parameters", [spread_words], [PageTable("Spread", head, rows, 2)]),
    ]


def _class_table(group: pd.DataFrame, method: str, plant_class: str) -> PageTable:
    """Learned values of a class by site, as Tables A1 to A5 of Xie et al. 2025."""
    sites = list(group["site"].unique())
    rows: list[list[str | Verdict]] = []
    for parameter, values in group.groupby("parameter", sort=False):
        of = {row["site"]: row for row in values.to_dict("records")}
        first = values.iloc[0]
        cells: list[str | Verdict] = [
            str(parameter),
            printed_unit(str(first["unit"])),
            significant(float(first["default"])),
        ]
        for site in sites:
            row = of.get(site)
            text = "–" if row is None else significant(float(row["value"]))
            cells.append(
                Verdict(text, "warning", "at a bound") if row is not None and row["at_bound"] else text
            )
        known = published_range(plant_class, str(parameter))
        cells.append("–" if known is None else f"{significant(known[0])} to {significant(known[1])}")
        rows.append(cells)
    head = ["Parameter", "Unit", "Default", *sites, "Published"]
    return PageTable(f"{plant_class}, {method}", head, rows, words=2)


def _costs(folder: Path) -> Section | None:
    if not (folder / "costs.csv").is_file():
        return None
    costs = read_table(folder / "costs.csv", COST_COLUMNS)
    rows = []
    for (method, stage), group in costs.groupby(["method", "stage"], sort=False):
        iterations, runs = group["iterations"].sum(), group["runs"].sum()
        rows.append(
            [
                str(method),
                str(stage),
                str(len(group)),
                number(group["seconds"].sum(), 0),
                f"{iterations:.0f}" if iterations else "–",
                f"{runs:.0f}" if runs else "–",
                f"{group['networks'].sum():.0f}",
            ]
        )
    total = costs.groupby("method", sort=False)[["seconds", "runs", "networks"]].sum()
    words = [
        f"{method}: {row['networks']:.0f} networks trained, {row['runs']:.0f} simulations of whole records "
        f"by the land model, {number(row['seconds'] / 60, 1)} minutes."
        for method, row in total.iterrows()
    ]
    head = ["Method", "Stage", "Calibrations", "Seconds", "Iterations", "Simulations", "Networks"]
    return Section("costs", "What it cost", words, [PageTable("Cost by stage", head, rows, 2)])
