"""The page of a benchmark: which model is how far from the towers, from half-hours to years."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from tilth.evaluation.benchmark_tables import (
    BENCHMARK_COLUMNS,
    FLUXES,
    GAIN_COLUMNS,
    MEAN,
    SCORED,
    WITH_ENERGY,
)
from tilth.evaluation.tables import read_table
from tilth.report.figures_benchmark import RESOLUTION_WORDS, error_boxes, line_name
from tilth.report.page import provenance_rows
from tilth.report.page_figures import PageFigure
from tilth.report.page_tables import number
from tilth.report.sections import PageTable, Section, Verdict, interval, percent
from tilth.report.style import data_uri

_KEY = ["model", "trained"]


def benchmark_page(folder: Path, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Names and values that ``sections.html.j2`` prints, from the tables of a benchmark's folder."""
    scores = read_table(folder / "benchmark.csv", BENCHMARK_COLUMNS)
    means = read_table(folder / "benchmark_means.csv", ("variable", *_KEY, "towers", "rmse_mean"))
    gains = read_table(folder / "benchmark_gains.csv", GAIN_COLUMNS)
    ours = next(iter(gains["model"].unique()), None)
    kept_out = list(facts.get("kept_out_of_means") or ())
    sections = [
        _resolutions(scores, means, ours, kept_out),
        _differences(gains),
        _energy(means),
        _towers(scores),
        _whole(scores),
    ]
    return {
        "title": facts.get("name") or folder.name,
        "kicker": f"{scores['site'].nunique()} towers, land models and empirical benchmarks",
        "headline": headlines(gains),
        "sections": [section for section in sections if section is not None]
        + [Section("notes", "Notes", _notes(facts, kept_out))],
        "provenance": provenance_rows(facts),
    }


def headlines(gains: pd.DataFrame) -> list[str]:
    """What each calibrated run gains over the defaults and over the LSTM trained elsewhere, in the mean."""
    pooled = gains[(gains["site"] == MEAN) & (gains["resolution"] == "native")]
    found = []
    for (model, against, trained), rows in pooled.groupby(["model", "against", "trained"], sort=False):
        if (against, trained) not in _RIVALS:
            continue
        words = [
            f"{row['variable']} {row['verdict']} ({percent(row['relative'])}, 90 % interval "
            f"{interval(100 * row['relative_low_90'], 100 * row['relative_high_90'], 0, ' %')})"
            for row in rows.to_dict("records")
        ]
        rival = line_name(str(against), str(trained))
        found.append(f"Held out, in the mean over towers, {model} against {rival}: {', '.join(words)}.")
    return found or ["Too few towers with a calibrated run to say anything in the mean over towers."]


_RIVALS = (("default", "not trained"), ("lstm", "elsewhere"))


def _ordered_lines(table: pd.DataFrame) -> list[tuple[str, str]]:
    return [(str(m), str(t)) for m, t in table[_KEY].drop_duplicates().itertuples(index=False)]


def _resolutions(
    scores: pd.DataFrame, means: pd.DataFrame, ours: str | None, kept_out: list[str]
) -> Section | None:
    held = means[(means["split"] == "heldout") & (means["mask"] == SCORED)]
    if held.empty:
        return None
    lines = _ordered_lines(held)
    tables = [_means_table(held, variable, lines) for variable in FLUXES]
    tables += [_metrics_table(held, variable, lines) for variable in FLUXES]
    counted = scores[
        (scores["split"] == "heldout") & (scores["mask"] == SCORED) & ~scores["site"].isin(kept_out)
    ]
    figures = [
        PageFigure(
            data_uri(error_boxes(counted, variable, lines, ours), vector=True),
            f"Boxes of the RMSE of {variable} of each model over towers at six resolutions, held-out part",
            f"{variable}, held-out part: RMSE over towers. Box: middle half and median; dot: mean; whiskers: "
            "extremes.",
            wide=True,
        )
        for variable in FLUXES
    ]
    words = (
        "RMSE on the held-out part over the same scored steps, mean (median) over towers [W m⁻²]. A mean "
        "over a period needs 80 % of its steps; short records have no whole held-out year, so that there are "
        "fewer towers at coarse resolutions."
    )
    return Section("resolutions", "From half-hours to years", [words], tables, figures)


def _means_table(held: pd.DataFrame, variable: str, lines: list[tuple[str, str]]) -> PageTable:
    own = _by_line(held[held["variable"] == variable])
    most = held[held["variable"] == variable].groupby("resolution")["towers"].max()
    rows = []
    for line in lines:
        cells = [line_name(*line)]
        for resolution in RESOLUTION_WORDS:
            row = own.get((*line, resolution))
            if row is None:
                cells.append("–")
                continue
            fewer = f" [{row['towers']:.0f}]" if row["towers"] < most[resolution] else ""
            cells.append(f"{number(row['rmse_mean'])} ({number(row['rmse_median'])}){fewer}")
        rows.append(cells)
    head = ["Model", *(f"{word} ({most.get(key, 0)})" for key, word in RESOLUTION_WORDS.items())]
    caption = f"{variable}: mean (median) RMSE; towers in brackets in the head, and behind a line with fewer"
    return PageTable(caption, head, rows)


def _by_line(means: pd.DataFrame) -> dict[tuple[str, str, str], Any]:
    """Rows by model, where it was trained, and resolution."""
    return {(row["model"], row["trained"], row["resolution"]): row for row in means.to_dict("records")}


def _metrics_table(held: pd.DataFrame, variable: str, lines: list[tuple[str, str]]) -> PageTable:
    """All measures at the native step and of daily means."""
    rows = []
    own = _by_line(held[held["variable"] == variable])
    for line in lines:
        for resolution in ("native", "1D"):
            row = own.get((*line, resolution))
            if row is not None:
                values = [
                    f"{number(row[f'{name}_mean'], digits)} ({number(row[f'{name}_median'], digits)})"
                    for name, digits in _MEASURES.items()
                ]
                rows.append([line_name(*line), RESOLUTION_WORDS[resolution], *values])
    head = ["Model", "Mean over", *_MEASURES]
    caption = f"{variable}: all measures, mean (median) over towers, held-out part"
    return PageTable(caption, head, rows, words=2, folded=True)


_MEASURES = {"rmse": 1, "bias": 1, "std_obs": 1, "std_sim": 1, "r": 2, "kge": 2, "nse": 2, "nme": 2}
"""Measures with the digits that are shown."""


def _differences(gains: pd.DataFrame) -> Section | None:
    pooled = gains[gains["site"] == MEAN]
    if pooled.empty:
        return None
    rows = []
    for (model, against, trained, variable), group in pooled.groupby(
        ["model", "against", "trained", "variable"], sort=False
    ):
        of = {row["resolution"]: row for row in group.to_dict("records")}
        cells = [_gain_cell(of.get(key)) for key in RESOLUTION_WORDS if key in _JUDGED]
        rows.append([str(model), line_name(str(against), str(trained)), str(variable), *cells])
    head = ["Model", "Against", "Flux", *(RESOLUTION_WORDS[key] for key in _JUDGED)]
    words = (
        "Relative gain in RMSE of the calibrated land model over each other line, held-out part, over the "
        "steps that both have, in the mean over towers; positive where the calibrated model is nearer to the "
        "observations. Intervals of 90 % from 1000 resamples of blocks of 7 days at each tower; green "
        "(better) and red (worse) mean that the interval excludes zero. They hold for these towers only."
    )
    caption = "Gain of the calibrated runs with its 90 % interval"
    return Section(
        "differences", "How sure the differences are", [words], [PageTable(caption, head, rows, 3)]
    )


_JUDGED = ("native", "1D", "7D", "1M")


def _gain_cell(row: Any) -> str | Verdict:
    if row is None:
        return "–"
    low, high = 100 * row["relative_low_90"], 100 * row["relative_high_90"]
    return Verdict(percent(row["relative"]), row["verdict"], interval(low, high, 0, " %"))


def _energy(means: pd.DataFrame) -> Section | None:
    own = means[(means["mask"] == WITH_ENERGY) & (means["split"] == "heldout")]
    if own.empty:
        return None
    lines = _ordered_lines(own)
    words = (
        "Surface flux equilibrium (McColl and Rigden 2020, doi:10.1029/2020GL087101) shares out the measured "
        "Rnet − Qg by the air's humidity and temperature of the day. It knows the available energy, which no "
        "other line does, and closes the energy balance where the tower does not. The theory holds for days "
        "and longer. Here all lines are scored where Rnet and Qg were measured."
    )
    tables = [_means_table(own, variable, lines) for variable in FLUXES]
    return Section("equilibrium", "Where net radiation and ground heat flux were measured", [words], tables)


def _towers(scores: pd.DataFrame) -> Section | None:
    """RMSE at the native step at each tower, held-out part."""
    held = scores[scores["split"].isin(["heldout", "not stated"]) & (scores["mask"] != WITH_ENERGY)]
    if held.empty:
        return None
    return Section("towers", "Tower by tower", (), _by_tower(held, "held-out part"))


def _whole(scores: pd.DataFrame) -> Section | None:
    """Whole records, where published scores can be set beside."""
    own = scores[(scores["split"] == "whole") & (scores["mask"] != WITH_ENERGY)]
    own = own[own["trained"].isin(["not trained", "as published"])]
    if "as published" not in set(own["trained"]):
        return None
    words = (
        "Published scores were taken on their own files, records and quality flags: company to be in, not "
        "the same steps. Only lines that were trained on no flux of the tower are shown beside them."
    )
    return Section("whole", "Beside published scores", [words], _by_tower(own, "whole record"))


def _by_tower(scores: pd.DataFrame, part: str) -> list[PageTable]:
    tables = []
    for variable in FLUXES:
        own = scores[(scores["variable"] == variable) & (scores["resolution"] == "native")]
        sites = list(own["site"].unique())
        rows = []
        for line in _ordered_lines(own):
            of = own[(own["model"] == line[0]) & (own["trained"] == line[1])].set_index("site")["rmse"]
            rows.append([line_name(*line), *(number(of.get(site, float("nan"))) for site in sites)])
        caption = f"{variable}: RMSE at the step of the record, {part} [W m⁻²]"
        tables.append(PageTable(caption, ["Model", *sites], rows))
    return tables


def _notes(facts: Mapping[str, Any], kept_out: list[str]) -> list[str]:
    notes = [str(note) for note in facts.get("notes") or ()]
    if kept_out:
        notes.append(f"Reported but kept out of means: {', '.join(kept_out)}.")
    return [
        *notes,
        "“At the tower”: trained on the calibration part of the tower's record, the held-out part unseen. "
        "“Elsewhere”: trained on the whole records of all other towers of this experiment. 1lin: linear in "
        "shortwave radiation; 3km27: regressions in 27 clusters of shortwave, temperature and humidity; "
        "lstm: an LSTM that reads forcing and its past.",
    ]
