"""Tables of a benchmark: scores of every line at every tower, means over towers, and how sure they are.

A line is one series of fluxes under a name: a run of a land model or an empirical benchmark.
"""

import dataclasses
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from tilth.data.containers import SiteRecord
from tilth.evaluation.aggregation import period_means
from tilth.evaluation.scores import score_table
from tilth.evaluation.significance import Comparison, Resamples, comparison_of, resampled_scores

FLUXES = ("Qle", "Qh")
"""The fluxes that are compared."""
METRICS = ("rmse", "bias", "std_obs", "std_sim", "r", "kge", "nse", "nme")
"""Measures whose means and medians over towers are taken."""
BENCHMARK_COLUMNS = (
    "site", "class", "variable", "model", "trained", "mask", "split", "resolution", "period_start",
    "period_end", "n", *METRICS,
)  # fmt: skip
"""Columns of ``benchmark.csv``."""
GAIN_COLUMNS = (
    "site", "variable", "model", "against", "trained", "resolution", "n", "blocks", "gain", "low_90",
    "high_90", "relative", "relative_low_90", "relative_high_90", "verdict",
)  # fmt: skip
"""Columns of ``benchmark_gains.csv``; gains in W m-2, relative ones [-]."""
SCORED, WITH_ENERGY = "scored", "with Rnet and Qg"
"""Masks: every scored step, and those of them where surface flux equilibrium can be computed."""
MEAN = "mean over towers"
COMPLETE = 0.8
"""A line enters means at a tower where it has this share of the tower's scored steps."""
INTERVALS_AT = ("native", "1D", "7D", "1M")
"""Resolutions at which differences get an interval; there are too few years for one."""


@dataclasses.dataclass(frozen=True, eq=False)
class Line:
    """Fluxes ``series[variable]`` [W m-2] ``[time]`` of one model at one tower, NaN where it has none.

    ``trained`` says on what: at the tower, elsewhere, or not at all. ``ours`` marks calibrated runs, which
    the others are compared with.
    """

    model: str
    trained: str
    series: Mapping[str, np.ndarray]
    ours: bool = False


def line_scores(
    record: SiteRecord,
    lines: Sequence[Line],
    splits: Mapping[str, np.ndarray],
    *,
    mask: str = SCORED,
    within: np.ndarray | None = None,
) -> pd.DataFrame:
    """Rows of ``benchmark.csv`` at one tower: every line where it has a value, inside ``within`` if given."""
    parts = {**splits, "whole": np.ones(len(record.time), bool)}
    tables = []
    for line in lines:
        known = [name for name in FLUXES if name in line.series and name in record.observations]
        observed = {}
        for name in known:
            inside = np.isfinite(line.series[name]) & (True if within is None else within)
            observed[name] = np.where(inside, record.observations[name].value, np.nan)
        table = score_table(
            record, {"run": line.series}, parts, method=line.model, variables=known, observed=observed
        )
        tables.append(table.rename(columns={"method": "model"}).assign(trained=line.trained, mask=mask))
    return pd.concat(tables, ignore_index=True)[list(BENCHMARK_COLUMNS)]


def means_over_towers(scores: pd.DataFrame, kept_out: Sequence[str]) -> pd.DataFrame:
    """Mean and median over towers of every measure, by variable, line, mask, part and resolution.

    A line does not count at a tower where it has less than 80 % of the scored steps of the line that has
    most. ``towers`` is their number and ``sites`` their names.
    """
    counted = scores[~scores["site"].isin(list(kept_out)) & scores["rmse"].notna()]
    where = ["site", "variable", "mask", "split", "resolution"]
    measured = counted[counted["trained"] != "as published"]
    most = measured.groupby(where)["n"].max().rename("most").reset_index()
    counted = counted.merge(most, on=where, how="left")
    published = counted["trained"] == "as published"
    counted = counted[published | (counted["n"] >= COMPLETE * counted["most"])]
    rows: list[dict[str, Any]] = []
    by = ["variable", "mask", "split", "resolution", "model", "trained"]
    for key, group in counted.groupby(by, sort=False):
        row: dict[str, Any] = dict(zip(by, key, strict=True))
        row |= {"towers": len(group), "sites": " ".join(sorted(group["site"]))}
        for name in METRICS:
            values = group[name].to_numpy(float)
            known = values[np.isfinite(values)]
            row[f"{name}_mean"] = float(known.mean()) if len(known) else np.nan
            row[f"{name}_median"] = float(np.median(known)) if len(known) else np.nan
        rows.append(row)
    return pd.DataFrame(rows)


def gains_over(
    records: Sequence[SiteRecord],
    lines: Mapping[str, Sequence[Line]],
    splits: Mapping[str, Mapping[str, np.ndarray]],
    kept_out: Sequence[str],
) -> pd.DataFrame:
    """Gains in RMSE of each calibrated run over every other line on the held-out part, with intervals.

    At each tower, and in the mean over the towers that are not ``kept_out``; over the steps that both have.
    A positive gain means that the calibrated run is nearer to the observations.
    """
    rows = []
    found: dict[tuple[str, str, str, str, str], list[Resamples]] = {}
    for record in records:
        site = record.attributes.name
        for ours in (line for line in lines[site] if line.ours):
            for other in (line for line in lines[site] if line is not ours):
                for variable in FLUXES:
                    for resolution in INTERVALS_AT:
                        drawn = _drawn(record, ours, other, variable, splits[site]["heldout"], resolution)
                        if drawn is None:
                            continue
                        key = (variable, ours.model, other.model, other.trained, resolution)
                        rows.append(_gain_row(site, key, comparison_of([drawn])))
                        if site not in kept_out:
                            found.setdefault(key, []).append(drawn)
    rows += [_gain_row(MEAN, key, comparison_of(drawn)) for key, drawn in found.items() if len(drawn) > 1]
    return pd.DataFrame(rows, columns=list(GAIN_COLUMNS))


def _drawn(
    record: SiteRecord, ours: Line, other: Line, variable: str, inside: np.ndarray, resolution: str
) -> Resamples | None:
    """Resamples of the other line and ours, in this order; None where there are too few blocks."""
    if variable not in record.observations or not {variable} <= set(ours.series) & set(other.series):
        return None
    series = {
        "observed": record.observations[variable].value,
        "other": other.series[variable],
        "ours": ours.series[variable],
    }
    mask = record.scored(variable) & inside & np.isfinite(series["other"]) & np.isfinite(series["ours"])
    means = period_means(record.time, record.step, series, mask, resolution)
    if len(means.start) == 0:
        return None
    try:
        return resampled_scores(
            means.series["observed"],
            means.series["other"],
            means.series["ours"],
            means.start,
            seed=zlib.crc32(record.attributes.name.encode()),
        )
    except ValueError:
        return None


def _gain_row(site: str, key: tuple[str, str, str, str, str], compared: Comparison) -> dict[str, Any]:
    variable, model, against, trained, resolution = key
    absolute, relative = compared.rmse, compared.relative_rmse
    return {
        "site": site,
        "variable": variable,
        "model": model,
        "against": against,
        "trained": trained,
        "resolution": resolution,
        "n": absolute.n,
        "blocks": absolute.blocks,
        "gain": absolute.estimate,
        "low_90": absolute.interval_90[0],
        "high_90": absolute.interval_90[1],
        "relative": relative.estimate,
        "relative_low_90": relative.interval_90[0],
        "relative_high_90": relative.interval_90[1],
        "verdict": relative.verdict,
    }
