"""Everything the page of a leave-one-site-out shows, from the tables of its folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from tilth.evaluation.tables import read_table
from tilth.evaluation.transfer import LEAST_MONTHS, MONTH_COLUMNS, NEAR_ZERO, TRANSFER_COLUMNS, WHOLE
from tilth.evaluation.transfer_means import ALL, CLASS_COLUMNS
from tilth.report.figures_transfer import RULE_WORDS, gains_of_rules, monthly_kge
from tilth.report.page import provenance_rows
from tilth.report.page_figures import PageFigure
from tilth.report.page_tables import number
from tilth.report.style import data_uri
from tilth.report.verdict import GUARDS, TARGETS, WORSENED

LEFT_OUT = ("class-mean", "network")
"""Rules that are about a site that was left out."""


def transfer_page(folder: Path, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Names and values that ``transfer.html.j2`` prints."""
    scores = read_table(folder / "transfer.csv", TRANSFER_COLUMNS)
    classes = read_table(folder / "classes.csv", CLASS_COLUMNS)
    months = read_table(folder / "monthly.csv", MONTH_COLUMNS)
    methods = list(dict.fromkeys(scores["method"]))
    whole = scores[scores["split"] == WHOLE]
    return {
        "title": facts.get("name") or folder.name,
        "kicker": f"Leave one site out · {scores['site'].nunique()} sites · {', '.join(methods)}",
        "headline": " ".join(_headline(classes, method) for method in methods),
        "least_months": LEAST_MONTHS,
        "near_zero": f"{100 * NEAR_ZERO:.0f} %",
        "apart": facts.get("kept_out_of_means") or [],
        "targets": TARGETS,
        "methods": [
            {
                "name": method,
                "classes": _class_rows(classes[classes["method"] == method]),
                "means": _mean_rows(classes[classes["method"] == method]),
                "sites": _site_rows(scores[scores["method"] == method]),
                "guards": _guards(whole[whole["method"] == method]),
                "figures": _figures(whole[whole["method"] == method], months[months["method"] == method]),
            }
            for method in methods
        ],
        "notes": facts.get("notes") or [],
        "provenance": provenance_rows(facts),
    }


def _headline(classes: pd.DataFrame, method: str) -> str:
    """What both rules gain in the mean over the sites that enter means."""
    sentences = []
    for rule in LEFT_OUT:
        rows = classes[
            (classes["method"] == method)
            & (classes["class"] == ALL)
            & (classes["over"] == "in means")
            & (classes["rule"] == rule)
        ]
        rows = rows[rows["variable"].isin(TARGETS)]
        if len(rows):
            parts = [
                f"{_percent(row['gain'])} for {row['variable']} ({_interval(row)})"
                for row in rows.to_dict("records")
            ]
            sites = int(rows["sites"].max())
            sentences.append(
                f"{method}, {RULE_WORDS[rule]}, site left out: mean gain in RMSE over {sites} sites "
                f"{' and '.join(parts)}."
            )
    return " ".join(sentences) or f"{method}: no site that enters means could be judged."


def _class_rows(classes: pd.DataFrame) -> list[dict[str, Any]]:
    """Monthly KGE of each class by rule, over all its sites: Table 4 of the paper."""
    chosen = classes[(classes["over"] == "all") & classes["variable"].isin(TARGETS)]
    rows = []
    for (plant_class, rule), group in chosen.groupby(["class", "rule"], sort=False):
        cells = {}
        for row in group.to_dict("records"):
            spread = "" if pd.isna(row["kge_monthly_std"]) else f" ± {number(row['kge_monthly_std'], 2)}"
            cells[row["variable"]] = {
                "kge": f"{number(row['kge_monthly_mean'], 2)}{spread}",
                "n": f"{int(row['kge_sites'])} of {int(row['sites'])}",
                "warned": int(row["beta_warnings"]),
                "gain": "" if rule == "default" else _percent(row["gain"]),
                "interval": "" if rule == "default" else _interval(row),
                "verdict": "" if pd.isna(row["verdict"]) else row["verdict"],
            }
        rows.append(
            {"plant_class": plant_class, "rule": RULE_WORDS.get(str(rule), str(rule)), "cells": cells}
        )
    order = [*dict.fromkeys(row["plant_class"] for row in rows if row["plant_class"] != ALL), ALL]
    words = list(RULE_WORDS.values())
    return sorted(rows, key=lambda row: (order.index(row["plant_class"]), words.index(row["rule"])))


def _mean_rows(classes: pd.DataFrame) -> list[dict[str, Any]]:
    """RMSE and gain in the mean over the sites that enter means."""
    chosen = classes[
        (classes["over"] == "in means") & (classes["class"] == ALL) & classes["variable"].isin(TARGETS)
    ]
    return [
        {
            "rule": words,
            "cells": {
                row["variable"]: {
                    "rmse": number(row["rmse"]),
                    "sites": int(row["sites"]),
                    "gain": "" if rule == "default" else _percent(row["gain"]),
                    "interval": "" if rule == "default" else _interval(row),
                    "verdict": "" if pd.isna(row["verdict"]) else row["verdict"],
                }
                for row in chosen[chosen["rule"] == rule].to_dict("records")
            },
        }
        for rule, words in RULE_WORDS.items()
        if (chosen["rule"] == rule).any()
    ]


def _site_rows(scores: pd.DataFrame) -> list[dict[str, Any]]:
    """One row a site and rule, on the whole record; a rule that does not apply has its note."""
    rows = []
    for (site, rule), group in scores.groupby(["site", "rule"], sort=False):
        whole = group[(group["split"] == WHOLE) & group["variable"].isin(TARGETS)]
        first = group.iloc[0]
        rows.append(
            {
                "site": site,
                "apart": not bool(first["in_means"]),
                "plant_class": first["class"],
                "rule": RULE_WORDS.get(str(rule), str(rule)),
                "note": "" if pd.isna(first["note"]) else first["note"],
                "cells": {row["variable"]: _cell(row, str(rule)) for row in whole.to_dict("records")},
            }
        )
    return rows


def _cell(row: dict[Any, Any], rule: str) -> dict[str, str]:
    return {
        "rmse": number(row["rmse"]),
        "r": number(row["r"], 2),
        "kge": number(row["kge_monthly"], 2) + (" *" if row["beta_warning"] else ""),
        "gain": "" if rule == "default" else _percent(row["gain"]),
        "interval": "" if rule == "default" else _interval(row),
        "verdict": "" if pd.isna(row["verdict"]) else row["verdict"],
        "n": str(int(row["n"])),
    }


def _guards(whole: pd.DataFrame) -> list[str]:
    """Rules that worsen an observed Rnet or Qg by more than a tenth."""
    bad = whole[whole["variable"].isin(GUARDS) & (whole["gain"] < -WORSENED)]
    return [
        f"{row['site']}, {RULE_WORDS.get(row['rule'], row['rule'])}: RMSE of {row['variable']} rises by "
        f"{number(-100 * row['gain'], 0)} %"
        for row in bad.to_dict("records")
    ]


def _figures(whole: pd.DataFrame, months: pd.DataFrame) -> list[PageFigure]:
    figures = []
    for variable in TARGETS:
        rows = whole[whole["variable"] == variable]
        if rows["gain"].notna().any():
            figures.append(
                PageFigure(
                    data_uri(gains_of_rules(rows), vector=True),
                    f"Gain in RMSE of {variable} over the default at each site, for each rule",
                    f"{variable}, whole record: ΔRMSE = (default − rule) / default with its 90 % "
                    "interval. The mean of the class and the network know no flux of the site.",
                )
            )
    for variable in TARGETS:
        rows = months[months["variable"] == variable]
        if len(rows):
            figures.append(
                PageFigure(
                    data_uri(monthly_kge(rows)),
                    f"Kling-Gupta efficiency of {variable} within each calendar month, site by site",
                    f"{variable}: KGE (2009) over the scored steps of each calendar month, all years; "
                    "what is below −1 is cut off. A cross marks months whose observed mean is near zero.",
                    wide=True,
                )
            )
    return figures


def _percent(share: float) -> str:
    return f"{number(100 * share)} %" if pd.notna(share) else "–"


def _interval(row: dict[Any, Any]) -> str:
    if pd.isna(row["gain_low"]):
        return "no interval"
    return f"{number(100 * row['gain_low'])} to {number(100 * row['gain_high'])} %"
