"""What calibrations at several sites gained: tower by tower, and in the mean over towers and classes."""

import dataclasses
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from tilth.evaluation.metrics import all_metrics
from tilth.evaluation.significance import Comparison, Resamples, comparison_of, resampled_scores
from tilth.evaluation.simulation_file import SPLITS, Simulation

FLUXES = ("Qle", "Qh")
"""The fluxes that parameters are learned from."""
BOTH = ("rmse", "std", "r", "kge", "nse")
"""Measures given before and after."""
SUMMARY_COLUMNS = (
    "site", "class", "method", "variable", "split", "sites", "n", "std_obs",
    *(f"{name}_{run}" for name in BOTH for run in ("default", "calibrated")),
    "delta_rmse", "delta_rmse_low_90", "delta_rmse_high_90", "delta_r", "verdict",
)  # fmt: skip
"""Columns of ``summary.csv``; RMSE and standard deviations in W m-2, all else without unit."""
MEAN, ALL = "mean", "all"
"""Name of the rows of means, and of the class of those over all sites."""


@dataclasses.dataclass(frozen=True, eq=False)
class Calibrated:
    """A calibration at one site and its simulations, default and calibrated."""

    site: str
    plant_class: str
    method: str
    simulation: Simulation


def summary_table(calibrations: Sequence[Calibrated], kept_out: Sequence[str] = ()) -> pd.DataFrame:
    """Rows of each calibration, then means over sites by method: of all sites, and of each class.

    ``delta_rmse`` = (default - calibrated) / default and ``delta_r`` = (calibrated - default) / default, so
    that what is positive is better (definitions of the reply to the referees of Xie et al. 2025,
    egusphere-2025-3301); a mean row holds the means over sites of every column, not the change of the means.
    The interval comes from blocks of 7 days, ``verdict`` follows it. Sites ``kept_out`` enter no mean.
    """
    rows: list[dict[str, Any]] = []
    drawn: dict[tuple[str, str, str, str], list[tuple[dict[str, Any], Resamples | None]]] = {}
    for one in calibrations:
        for variable in FLUXES:
            for split in SPLITS:
                row, resamples = _site_row(one, variable, split)
                if row is None:
                    continue
                rows.append(row)
                if one.site not in kept_out:
                    for group in (ALL, one.plant_class):
                        key = (one.method, group, variable, split)
                        drawn.setdefault(key, []).append((row, resamples))
    rows += [_mean_row(key, found) for key, found in drawn.items()]
    return pd.DataFrame(rows, columns=list(SUMMARY_COLUMNS))


def _site_row(one: Calibrated, variable: str, split: str) -> tuple[dict[str, Any] | None, Resamples | None]:
    simulation = one.simulation
    outputs = [simulation.runs[run] for run in ("default", "calibrated")]
    if variable not in simulation.observed or any(variable not in series for series in outputs):
        return None, None
    runs = [np.asarray(series[variable]) for series in outputs]
    observed = simulation.observed[variable]
    mask = simulation.scored[variable] & simulation.splits[split]
    if not mask.any():
        return None, None
    before, after = (all_metrics(series, observed, mask) for series in runs)
    try:
        resamples = resampled_scores(
            observed, runs[0], runs[1], simulation.time, mask, seed=zlib.crc32(one.site.encode())
        )
    except ValueError:
        resamples = None
    row: dict[str, Any] = {
        "site": one.site,
        "class": one.plant_class,
        "method": one.method,
        "variable": variable,
        "split": split,
        "sites": 1,
        "n": before["n"],
        "std_obs": before["std_obs"],
        "delta_rmse": 1.0 - after["rmse"] / before["rmse"],
        "delta_r": after["r"] / before["r"] - 1.0,
    }
    for run, scores in (("default", before), ("calibrated", after)):
        row |= {f"{name}_{run}": scores["std_sim" if name == "std" else name] for name in BOTH}
    return row | _interval(None if resamples is None else comparison_of([resamples])), resamples


def _mean_row(
    key: tuple[str, str, str, str], found: Sequence[tuple[Mapping[str, Any], Resamples | None]]
) -> dict[str, Any]:
    method, group, variable, split = key
    row: dict[str, Any] = {"site": MEAN, "class": group, "method": method, "variable": variable}
    row |= {"split": split, "sites": len(found), "n": sum(one["n"] for one, _ in found)}
    measures = ["std_obs", "delta_rmse", "delta_r"]
    measures += [f"{name}_{run}" for name in BOTH for run in ("default", "calibrated")]
    row |= {name: float(np.mean([one[name] for one, _ in found])) for name in measures}
    drawn = [resamples for _, resamples in found if resamples is not None]
    return row | _interval(comparison_of(drawn) if len(drawn) == len(found) else None)


def _interval(compared: Comparison | None) -> dict[str, Any]:
    if compared is None:
        return {"delta_rmse_low_90": np.nan, "delta_rmse_high_90": np.nan, "verdict": "unknown"}
    gain = compared.relative_rmse
    low, high = gain.interval_90
    return {"delta_rmse_low_90": low, "delta_rmse_high_90": high, "verdict": gain.verdict}
