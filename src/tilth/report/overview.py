"""Everything the overview of several sites shows, gathered for its template."""

import statistics
from pathlib import Path
from typing import Any

from tilth.evaluation.facts import read_facts
from tilth.evaluation.simulation_file import SPLITS
from tilth.report.contents import SITES, RunContents
from tilth.report.figures_sites import gains_by_site
from tilth.report.page import provenance_rows
from tilth.report.page_figures import PageFigure
from tilth.report.page_tables import number
from tilth.report.style import data_uri
from tilth.report.verdict import SPLIT_WORDS, TARGETS, Gain, gains, worsened_guards


def overview_of(folder: Path, runs: list[RunContents]) -> dict[str, Any]:
    """Names and values that ``overview.html.j2`` prints."""
    facts = read_facts(folder / "run.json") if (folder / "run.json").is_file() else {}
    apart = set(facts.get("kept_out_of_means") or ())
    calibrated = [run for run in runs if run.calibrated]
    found = {
        run.folder.name: gains(run.simulation, run.observed_variables((*TARGETS, "Rnet", "Qg")))
        for run in calibrated
    }
    counted = [run.folder.name for run in calibrated if run.site not in apart]
    return {
        "title": facts.get("name") or folder.name,
        "headline": _headline([gain for name in counted for gain in found[name]], len(counted)),
        "sites": [
            {
                "name": run.site,
                "link": f"{SITES}/{run.folder.name}/report.html",
                "plant_class": run.facts["site"]["plant_class"],
                "method": run.facts["method"],
                "apart": run.site in apart,
                "warnings": sum(finding["level"] != "info" for finding in run.facts.get("findings") or ()),
                "gains": {
                    f"{gain.variable} {gain.split}": _cells(gain) for gain in found.get(run.folder.name, [])
                },
                "guards": [gain.sentence for gain in worsened_guards(found.get(run.folder.name, []))],
            }
            for run in runs
        ],
        "columns": [
            (f"{variable} {split}", f"{variable}, {SPLIT_WORDS[split]}")
            for split in reversed(SPLITS)
            for variable in TARGETS
        ],
        "means": _means([found[name] for name in counted]),
        "counted": len(counted),
        "apart": sorted(apart),
        "figures": _figures(found),
        "provenance": provenance_rows(facts),
        "notes": facts.get("notes") or [],
    }


def _cells(gain: Gain) -> dict[str, str]:
    interval = ""
    if gain.comparison is not None:
        low, high = (number(100 * end, 0) for end in gain.comparison.relative_rmse.interval_90)
        interval = f"{low} to {high} %"
    return {
        "rmse": f"{number(gain.rmse_before)} → {number(gain.rmse_after)}",
        "relative": f"{number(100 * gain.relative, 0)} %",
        "interval": interval,
        "r": f"{gain.r_before:.2f} → {gain.r_after:.2f}",
        "verdict": gain.verdict,
        "n": str(gain.n),
    }


def _means(by_site: list[list[Gain]]) -> dict[str, dict[str, str]]:
    """Means over sites of the RMSE before and after, of ΔRMSE and of ΔR, by variable and part."""
    means = {}
    for variable in TARGETS:
        for split in SPLITS:
            chosen = [g for site in by_site for g in site if (g.variable, g.split) == (variable, split)]
            if chosen:
                before = statistics.fmean(gain.rmse_before for gain in chosen)
                after = statistics.fmean(gain.rmse_after for gain in chosen)
                relative = statistics.fmean(gain.relative for gain in chosen)
                correlation = statistics.fmean(gain.r_after - gain.r_before for gain in chosen)
                means[f"{variable} {split}"] = {
                    "rmse": f"{number(before)} → {number(after)}",
                    "relative": f"{number(100 * relative, 0)} %",
                    "r": f"ΔR {number(correlation, 3)}",
                    "n": str(len(chosen)),
                }
    return means


def _headline(found: list[Gain], sites: int) -> str:
    judged = [gain for gain in found if gain.variable in TARGETS and gain.split == "heldout"]
    if not judged:
        return "Several sites, nothing calibrated that could be judged"
    counts = {word: sum(gain.verdict == word for gain in judged) for word in ("better", "worse")}
    mean = statistics.fmean(gain.relative for gain in judged)
    return (
        f"On the held-out part, {counts['better']} of {len(judged)} fluxes at {sites} sites are better than "
        f"with default parameters and {counts['worse']} worse by their 90 % intervals; the mean gain in "
        f"RMSE is {number(100 * mean, 0)} %."
    )


def _figures(found: dict[str, list[Gain]]) -> list[PageFigure]:
    figures = []
    for variable in TARGETS:
        rows = {
            name: next((g for g in site if (g.variable, g.split) == (variable, "heldout")), None)
            for name, site in found.items()
        }
        judged = {name: gain for name, gain in rows.items() if gain is not None}
        if judged:
            figures.append(
                PageFigure(
                    data_uri(gains_by_site(judged, variable), vector=True),
                    f"RMSE of {variable} before and after at each site, held-out part",
                    f"{variable}, held-out part: RMSE with default and with calibrated parameters.",
                )
            )
    return figures
