"""Tables of the page as rows of text: scores, intervals, benchmarks, closure, parameters."""

import math
from typing import Any

import pandas as pd

from tilth.evaluation.aggregation import RESOLUTIONS
from tilth.evaluation.alma import alma_variable, printed_unit
from tilth.evaluation.benchmarks import BENCHMARKS
from tilth.evaluation.closure import Closure
from tilth.evaluation.simulation_file import SPLITS
from tilth.report.style import RUN_WORDS
from tilth.report.verdict import SPLIT_WORDS, Gain

RESOLUTION_WORDS = {"native": "step", "1h": "hour", "1D": "day", "7D": "7 days", "1M": "month", "1Y": "year"}


def number(value: float, digits: int = 1) -> str:
    """A number with a true minus sign and no negative zero; a dash where there is none."""
    return f"{value:z.{digits}f}".replace("-", "−") if math.isfinite(value) else "–"


def significant(value: float) -> str:
    """A number with four significant digits, small and large ones with a power of ten."""
    mantissa, _, exponent = f"{value:.4g}".replace("-", "−").partition("e")
    if not exponent:
        return mantissa
    power = str(int(exponent.replace("−", "-"))).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{mantissa} × 10{power}"


def score_rows(
    scores: pd.DataFrame, variables: list[str], resolutions: tuple[str, ...]
) -> list[dict[str, Any]]:
    """Scores before and after, one row a variable, target, part of the record and resolution."""
    own = scores[~scores["method"].isin(BENCHMARKS)]
    rows = []
    for (variable, target, split, resolution), group in own.groupby(
        ["variable", "target", "split", "resolution"], sort=False
    ):
        if variable not in variables or resolution not in resolutions:
            continue
        runs = {row["run"]: row for row in group.to_dict("records")}
        first = next(iter(runs.values()))
        rows.append(
            {
                "variable": variable,
                "unit": alma_variable(str(variable)).short,
                "target": target,
                "split": _SPLITS.get(str(split), split),
                "resolution": RESOLUTION_WORDS[str(resolution)],
                "order": (variables.index(str(variable)), target, split, RESOLUTIONS.index(str(resolution))),
                "n": int(first["n"]),
                "std_obs": number(first["std_obs"]),
                "of_site": number(runs["default_site"]["rmse"]) if "default_site" in runs else "",
                **{
                    measure: [
                        number(runs[run][measure], digits) for run in ("default", "calibrated") if run in runs
                    ]
                    for measure, digits in _DIGITS.items()
                },
            }
        )
    return sorted(rows, key=lambda row: row["order"])


_SPLITS = {"calibration": "calibration", "heldout": "held out"}
_DIGITS = {"rmse": 1, "bias": 1, "std_sim": 1, "r": 2, "kge": 2, "nse": 2, "nme": 2}


def interval_rows(found: list[Gain]) -> list[dict[str, str]]:
    """Gains with their intervals, one row a variable and part of the record."""
    rows = []
    for gain in found:
        compared = gain.comparison
        if compared is None:
            continue
        rows.append(
            {
                "variable": gain.variable,
                "split": _SPLITS[gain.split],
                "unit": alma_variable(gain.variable).short,
                "gain": number(compared.rmse.estimate),
                "relative": f"{number(100 * compared.relative_rmse.estimate, 0)} %",
                "interval_90": _interval(compared.rmse.interval_90, 1),
                "interval_95": _interval(compared.rmse.interval_95, 1),
                "correlation": number(compared.correlation.estimate, 3),
                "correlation_90": _interval(compared.correlation.interval_90, 3),
                "blocks": str(compared.rmse.blocks),
                "verdict": compared.rmse.verdict,
            }
        )
    return rows


def peer_rows(scores: pd.DataFrame, peers: pd.DataFrame | None, variables: list[str]) -> list[dict[str, str]]:
    """RMSE of the runs, of the benchmarks and of other models side by side, one row a model and basis."""
    native = scores[(scores["resolution"] == "native") & (scores["target"] == "raw")]
    cells: dict[tuple[str, str], dict[str, float]] = {}
    for row in native.to_dict("records"):
        if row["split"] in SPLITS:
            benchmark = row["method"] in BENCHMARKS
            name = row["method"] if benchmark else f"this model, {RUN_WORDS.get(row['run'], row['run'])}"
            if not (benchmark and row["split"] == "calibration"):
                cells.setdefault((name, SPLIT_WORDS[row["split"]]), {})[row["variable"]] = row["rmse"]
    for row in [] if peers is None else peers.to_dict("records"):
        cells.setdefault((str(row["peer"]), str(row["basis"])), {})[str(row["variable"])] = row["rmse"]
    order = list(dict.fromkeys(basis for _, basis in cells))
    return [
        {"name": name, "basis": basis, **{v: number(values.get(v, math.nan)) for v in variables}}
        for (name, basis), values in sorted(cells.items(), key=lambda item: order.index(item[0][1]))
    ]


def closure_rows(found: dict[str, Closure]) -> list[dict[str, str]]:
    """Closure of the tower and of the runs."""
    return [
        {
            "name": "tower" if name == "observed" else f"model, {RUN_WORDS.get(name, name)}",
            "n": str(closure.n),
            "slope": number(closure.slope, 2),
            "ratio": number(closure.ratio, 2),
            "residual_mean": number(closure.residual_mean),
            "residual_rms": number(closure.residual_rms),
            "half": number(closure.half_residual_rms),
        }
        for name, closure in found.items()
    ]


def parameter_table_rows(parameters: pd.DataFrame) -> list[dict[str, Any]]:
    """Parameters with default, learned value and bounds."""
    return [
        {
            "name": row["parameter"],
            "unit": "" if pd.isna(row["unit"]) else printed_unit(row["unit"]),
            "scale": row["scale"],
            **{key: significant(row[key]) for key in ("default", "value", "lower", "upper")},
            "at_bound": str(row["at_bound"]).lower() == "true",
        }
        for row in parameters.to_dict("records")
    ]


def _interval(ends: tuple[float, float], digits: int) -> str:
    return f"{number(ends[0], digits)} to {number(ends[1], digits)}"
