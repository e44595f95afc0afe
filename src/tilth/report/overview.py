"""Everything the overview of several sites shows, gathered for its template."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from tilth.evaluation.facts import read_facts
from tilth.evaluation.simulation_file import SPLITS
from tilth.evaluation.summary import ALL, MEAN, Calibrated, summary_table
from tilth.report.contents import SITES, RunContents
from tilth.report.experiment_sections import experiment_sections
from tilth.report.figures_sites import gains_by_site
from tilth.report.page import provenance_rows
from tilth.report.page_figures import PageFigure
from tilth.report.page_tables import number
from tilth.report.sections import interval, percent
from tilth.report.style import data_uri
from tilth.report.verdict import GUARDS, SPLIT_WORDS, TARGETS, Gain, gains, worsened_guards


def overview_of(folder: Path, runs: list[RunContents]) -> dict[str, Any]:
    """Names and values that ``overview.html.j2`` prints."""
    facts = read_facts(folder / "run.json") if (folder / "run.json").is_file() else {}
    apart = set(facts.get("kept_out_of_means") or ())
    summary = summary_of(runs, sorted(apart))
    calibrated = [run for run in runs if run.calibrated]
    found = {run.folder.name: gains(run.simulation, run.observed_variables(GUARDS)) for run in calibrated}
    worsened = {name: worsened_guards(judged) for name, judged in found.items()}
    singles = summary[summary["site"] != MEAN]
    means = summary[(summary["site"] == MEAN) & (summary["class"] == ALL)]
    return {
        "title": facts.get("name") or folder.name,
        "headline": [
            *_headlines(means, singles[~singles["site"].isin(list(apart))]),
            *_not_counting(calibrated, worsened),
        ],
        "sites": [
            {
                "name": run.site,
                "link": f"{SITES}/{run.folder.name}/report.html",
                "plant_class": run.facts["site"]["plant_class"],
                "method": run.facts["method"],
                "apart": run.site in apart,
                "warnings": sum(finding["level"] != "info" for finding in run.facts.get("findings") or ()),
                "gains": _cells_by_column(
                    singles[(singles["site"] == run.site) & (singles["method"] == run.facts["method"])]
                ),
                "guards": [gain.sentence for gain in worsened.get(run.folder.name, [])],
            }
            for run in runs
        ],
        "columns": [
            (f"{variable} {split}", f"{variable}, {SPLIT_WORDS[split]}")
            for split in reversed(SPLITS)
            for variable in TARGETS
        ],
        "means": {
            str(method): _cells_by_column(rows) for method, rows in means.groupby("method", sort=False)
        },
        "counted": {str(method): int(rows["sites"].max()) for method, rows in means.groupby("method")},
        "apart": sorted(apart),
        "figures": _figures(singles),
        "sections": experiment_sections(folder, runs, summary, sorted(apart)),
        "provenance": provenance_rows(facts),
        "notes": facts.get("notes") or [],
    }


def _not_counting(runs: Sequence[RunContents], worsened: Mapping[str, Sequence[Gain]]) -> list[str]:
    """A sentence naming the calibrations whose held-out gains do not count."""
    names = [
        f"{run.site} ({run.facts['method']})"
        for run in runs
        if any(gain.split == "heldout" for gain in worsened[run.folder.name])
    ]
    if not names:
        return []
    return [f"Gains at {', '.join(names)} do not count: an observed Rnet or Qg is worse by more than 10 %."]


def summary_of(runs: Sequence[RunContents], kept_out: Sequence[str]) -> pd.DataFrame:
    """The rows of ``summary.csv`` from the run folders of single sites."""
    calibrated = [
        Calibrated(run.site, run.facts["site"]["plant_class"], str(run.facts["method"]), run.simulation)
        for run in runs
        if run.calibrated
    ]
    return summary_table(calibrated, kept_out)


def _cells_by_column(rows: pd.DataFrame) -> dict[str, dict[str, str]]:
    return {f"{row['variable']} {row['split']}": _cells(row) for row in rows.to_dict("records")}


def _cells(row: Any) -> dict[str, str]:
    low, high = 100 * row["delta_rmse_low_90"], 100 * row["delta_rmse_high_90"]
    known = row["verdict"] != "unknown"
    return {
        "rmse": f"{number(row['rmse_default'])} → {number(row['rmse_calibrated'])}",
        "relative": percent(row["delta_rmse"]),
        "interval": interval(low, high, 0, " %") if known else "",
        "r": f"{number(row['r_default'], 2)} → {number(row['r_calibrated'], 2)}",
        "verdict": row["verdict"],
        "n": str(row["n"]),
    }


def _headlines(means: pd.DataFrame, singles: pd.DataFrame) -> list[str]:
    """One sentence for each method about the held-out part."""
    sentences = []
    judged = singles[singles["split"] == "heldout"]
    for method, rows in means[means["split"] == "heldout"].groupby("method", sort=False):
        own = judged[judged["method"] == method]
        counts = {word: int((own["verdict"] == word).sum()) for word in ("better", "worse")}
        words = ", ".join(
            f"RMSE of {row['variable']} {_GAINED[row['verdict']].format(percent(abs(row['delta_rmse'])))} "
            f"({_cells(row)['interval'] or 'no interval'})"
            for row in rows.to_dict("records")
        )
        sentences.append(
            f"{method}, held-out part, mean over {rows['sites'].max()} sites: {words}; "
            f"{counts['better']} of {len(own)} fluxes are better than with default parameters and "
            f"{counts['worse']} worse by their 90 % intervals."
        )
    return sentences or ["Several sites, nothing calibrated that could be judged"]


_GAINED = {
    "better": "falls by {}",
    "worse": "rises by {}",
    "not distinguishable": "does not distinguishably change",
    "unknown": "cannot be judged",
}


def _figures(singles: pd.DataFrame) -> list[PageFigure]:
    figures = []
    for variable in TARGETS:
        judged = singles[(singles["variable"] == variable) & (singles["split"] == "heldout")]
        if len(judged):
            figures.append(
                PageFigure(
                    data_uri(gains_by_site(judged, variable), vector=True),
                    f"RMSE of {variable} before and after at each site, held-out part",
                    f"{variable}, held-out part: RMSE with default and with calibrated parameters.",
                )
            )
    return figures
