"""Everything the page of a sensitivity analysis shows, gathered for its template."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from tilth.evaluation.sensitivity_table import (
    AGREEMENT_COLUMNS,
    COLUMNS,
    OVER_SITES,
    RANK_COLUMNS,
    RANKED,
)
from tilth.evaluation.tables import read_table
from tilth.parameters.tables import CALIBRATED, parameter_table
from tilth.report.figures_sensitivity import flux_change_bars, ranks_by_method
from tilth.report.page import provenance_rows
from tilth.report.page_figures import PageFigure
from tilth.report.page_tables import number, significant
from tilth.report.style import data_uri


def sensitivity_page(folder: Path, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Names and values that ``sensitivity.html.j2`` prints, from the tables of the folder."""
    table = read_table(folder / "sensitivity.csv", COLUMNS)
    means = read_table(folder / "ranks.csv", RANK_COLUMNS)
    agreed = read_table(folder / "agreement.csv", AGREEMENT_COLUMNS)
    options = facts["options"]
    fluxes = list(dict.fromkeys(table["flux"]))
    methods = [method for method in RANKED if method in set(table["method"])]
    sites = list(dict.fromkeys(table["site"]))
    counted = [site for site in sites if site not in set(facts["kept_out_of_means"])]
    return {
        "title": facts["name"],
        "counted": counted,
        "apart": facts["kept_out_of_means"],
        "years": options["years"],
        "options": options,
        "headline": _headline(means, fluxes, len(counted)),
        "methods": methods,
        "means": [_flux_means(means, flux, methods, len(counted)) for flux in fluxes]
        if len(counted) > 1
        else [],
        "mean_agreement": _agreement(agreed, OVER_SITES, methods, fluxes),
        "sites": [_site(table, agreed, site, methods, facts) for site in sites],
        "failures": _failures(table),
        "ranges": _ranges(table, facts),
        "provenance": provenance_rows({**facts, "options": None, "preset": None, "target": None}),
    }


def _headline(means: pd.DataFrame, fluxes: list[str], sites: int) -> str:
    """How many of the published choice a one-at-a-time ranking would choose, else the leading parameters."""
    own = means[means["method"] == "one-at-a-time"]
    parameters = set(own["parameter"])
    where = "the site" if sites == 1 else f"{sites} sites in the mean of ranks"
    if parameters >= set(CALIBRATED) and len(parameters) > len(CALIBRATED):
        ranked = own.groupby("parameter")["mean_rank"].mean().sort_values(kind="stable")
        found = len(set(ranked.index[: len(CALIBRATED)]) & set(CALIBRATED))
        return (
            f"One at a time, {found} of the {len(CALIBRATED)} parameters that Xie et al. (2025) calibrate "
            f"are among the {len(CALIBRATED)} most sensitive of {len(parameters)} at {where}."
        )
    parts = []
    for flux in fluxes:
        first = means[(means["flux"] == flux) & (means["rank_of_mean"] <= 3)]
        names = list(dict.fromkeys(first.sort_values("rank_of_mean", kind="stable")["parameter"]))[:3]
        parts.append(f"{flux}: {', '.join(names)}")
    return f"Most sensitive at {where}: " + "; ".join(parts) + "."


def _flux_means(means: pd.DataFrame, flux: str, methods: list[str], sites: int) -> dict[str, Any]:
    own = means[means["flux"] == flux]
    ranks = own.pivot_table(index="parameter", columns="method", values="mean_rank")
    ranks = ranks[[method for method in methods if method in ranks.columns]]
    spread = {
        (row["parameter"], row["method"]): f"{row['least']:.3g}–{row['largest']:.3g}"
        for _, row in own.iterrows()
    }
    figure = PageFigure(
        data_uri(ranks_by_method(ranks, CALIBRATED), vector=True),
        f"Mean rank of each parameter for {flux} by each method",
        f"{flux}: mean rank over {sites} sites. Bold: calibrated by Xie et al. (2025).",
    )
    return {"flux": flux, "figure": figure, "rows": _rank_rows(ranks, methods, spread)}


def _rank_rows(
    ranks: pd.DataFrame, methods: list[str], beside: dict[tuple[str, str], str]
) -> list[dict[str, Any]]:
    """Rows of a table of ranks, the most sensitive first; ``beside`` is printed small below a rank."""
    ordered = ranks.loc[ranks.mean(axis=1).sort_values(kind="stable").index]
    return [
        {
            "parameter": name,
            "calibrated": name in CALIBRATED,
            "what": parameter_table()[str(name)].long_name,
            "cells": [
                (f"{row[method]:.3g}", beside.get((str(name), method), ""))
                if method in row and pd.notna(row[method])
                else ("–", "")
                for method in methods
            ],
        }
        for name, row in ordered.iterrows()
    ]


def _site(
    table: pd.DataFrame, agreed: pd.DataFrame, site: str, methods: list[str], facts: Mapping[str, Any]
) -> dict[str, Any]:
    own = table[(table["site"] == site) & table["measure"].isin(RANKED.values())]
    about = next(entry for entry in facts["sites"] if entry["name"] == site)
    once = own[own["method"] == "one-at-a-time"]
    figures = []
    if not once.empty:
        bars = once.pivot_table(index="parameter", columns="flux", values="value", sort=False, dropna=False)
        figures.append(
            PageFigure(
                data_uri(flux_change_bars(bars, CALIBRATED), vector=True),
                f"Mean RMSE between the default and perturbed runs by parameter at {site}",
                f"{site}: mean over four levels of the RMSE between default and perturbed fluxes "
                "(Xie et al. 2025, Fig. 2). Bold: calibrated there.",
            )
        )
    rankings = []
    for flux, rows in own.groupby("flux", sort=False):
        ranks = rows.pivot_table(index="parameter", columns="method", values="rank")
        beside = {
            (row["parameter"], row["method"]): _value(row) for _, row in rows.iterrows() if row["rank"] > 0
        }
        ranks = ranks[[method for method in methods if method in ranks.columns]]
        picture = PageFigure(
            data_uri(ranks_by_method(ranks, CALIBRATED), vector=True),
            f"Rank of each parameter for {flux} by each method at {site}",
            f"{site}, {flux}: rank by each method.",
        )
        rankings.append({"flux": flux, "figures": [picture], "rows": _rank_rows(ranks, methods, beside)})
    return {
        "name": site,
        "plant_class": about["plant_class"],
        "period": f"{about['period_start'][:10]} to {about['period_end'][:10]}",
        "figures": figures,
        "rankings": rankings,
        "agreement": _agreement(agreed, site, methods, list(dict.fromkeys(own["flux"]))),
    }


def _value(row: pd.Series) -> str:
    interval = f" ± {row['half_width_95']:.2g}" if pd.notna(row["half_width_95"]) else ""
    return f"{row['value']:.3g}".replace("-", "−") + interval


def _agreement(
    agreed: pd.DataFrame, site: str, methods: list[str], fluxes: list[str]
) -> list[dict[str, Any]]:
    """Rows of rank correlations of each two methods, one column a flux."""
    own = agreed[agreed["site"] == site]
    pairs = [(a, b) for i, a in enumerate(methods) for b in methods[i + 1 :]]
    rows = []
    for method, other in pairs:
        chosen = own[(own["method"] == method) & (own["other"] == other)]
        found = dict(zip(chosen["flux"], chosen["rank_correlation"], strict=True))
        cells = {flux: number(found[flux], 2) for flux in fluxes if flux in found}
        if cells:
            rows.append({"method": method, "other": other, "cells": cells})
    return rows


def _failures(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Failed members of each site and method, where there are any; fluxes share their members."""
    ranked = table[table["measure"].isin(RANKED.values()) & (table["n_left_out"] > 0)]
    rows = []
    for (site, method), own in ranked.groupby(["site", "method"], sort=False):
        counts = own[own["flux"] == own["flux"].iloc[0]][["n_used", "n_failed", "n_left_out"]]
        by_parameter = method in ("one-at-a-time", "gradient", "loss-gradient")
        used, failed, left_out = counts.sum() if by_parameter else counts.max()
        rows.append({"site": site, "method": method, "used": used, "failed": failed, "left_out": left_out})
    return rows


def _ranges(table: pd.DataFrame, facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The range of each parameter over all sites, and where it comes from."""
    rows = []
    for name, own in table.groupby("parameter", sort=False):
        ends = [entry[name] for entry in facts["ranges"]]
        rows.append(
            {
                "parameter": name,
                "what": parameter_table()[str(name)].long_name,
                "unit": parameter_table()[str(name)].unit,
                "range": f"{significant(min(e[0] for e in ends))} to {significant(max(e[1] for e in ends))}",
                "sources": sorted(set(own["range_source"])),
            }
        )
    return rows
