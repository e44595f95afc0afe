"""How well parameters do at a site that they were not learned at: errors, gains and monthly KGE.

KGE is that of 2009 (:func:`tilth.evaluation.metrics.kge`). Over monthly means, as Xie et al. 2025
(egusphere-2025-3301), Table 4, it needs at least :data:`LEAST_MONTHS`; within each calendar month, as their
Fig. 6, it is over the steps of that month in all years.
"""

import zlib
from collections.abc import Mapping

import numpy as np
import pandas as pd

from tilth.data.containers import SiteRecord
from tilth.evaluation.aggregation import period_means
from tilth.evaluation.metrics import all_metrics, kge
from tilth.evaluation.significance import Resamples, comparison_of, resampled_scores

LEAST_MONTHS = 9
"""Monthly means below which their KGE is not defined."""
LEAST_DAYS = 10
"""Days' worth of scored steps that the KGE of a calendar month needs."""
NEAR_ZERO = 0.25
"""Where the observed mean is within this share of the standard deviation of zero, an error of that share
moves β by one or more: KGE then says little about the simulation (Santos et al. 2018,
doi:10.5194/hess-22-4583-2018)."""
TRANSFER_COLUMNS = (
    "site", "class", "in_means", "method", "rule", "variable", "split", "n", "rmse", "bias", "r", "kge",
    "nse", "gain", "gain_low", "gain_high", "verdict", "months", "kge_monthly", "beta_warning", "note",
)  # fmt: skip
"""Columns of ``transfer.csv``. RMSE and bias in the unit of the variable; ``gain`` is ΔRMSE = (default -
rule) / default [-] with the ends of its 90 % interval; ``beta_warning``: the mean of the observed monthly
means is so near zero that their KGE says little."""
MONTH_COLUMNS = ("site", "class", "method", "rule", "variable", "month", "n", "kge", "beta_warning")
"""Columns of ``monthly.csv``: KGE over the scored steps of each calendar month."""
WHOLE = "whole"
"""The whole record: all of it is new to parameters that were learned elsewhere."""


def site_scores(
    record: SiteRecord,
    runs: Mapping[str, Mapping[str, np.ndarray] | None],
    splits: Mapping[str, np.ndarray],
    *,
    method: str,
    in_means: bool,
    variables: tuple[str, ...],
    notes: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Rows of ``transfer.csv`` of a site.

    ``runs[rule][variable]`` are series ``[time]``, None for a rule that does not apply or a run that failed:
    it keeps one row with its ``notes[rule]``. ``default`` is what gains refer to.
    """
    site = record.attributes
    identity = {"site": site.name, "class": site.plant_class, "in_means": in_means, "method": method}
    rows = []
    for rule, outputs in runs.items():
        note = (notes or {}).get(rule, "")
        if outputs is None:
            rows.append({**identity, "rule": rule, "n": 0, "months": 0, "verdict": "unknown", "note": note})
            continue
        for variable in observed_variables(record, variables):
            for split, inside in {WHOLE: np.ones(len(record.time), bool), **splits}.items():
                mask = record.scored(variable) & inside
                if mask.any():
                    found = _scores(record, runs, rule, variable, mask)
                    rows.append(
                        {
                            **identity,
                            "rule": rule,
                            "variable": variable,
                            "split": split,
                            **found,
                            "note": note,
                        }
                    )
    table = pd.DataFrame(rows, columns=list(TRANSFER_COLUMNS))
    return table.assign(beta_warning=table["beta_warning"].eq(True))


def month_scores(
    record: SiteRecord,
    runs: Mapping[str, Mapping[str, np.ndarray] | None],
    *,
    method: str,
    variables: tuple[str, ...],
) -> pd.DataFrame:
    """Rows of ``monthly.csv`` of a site, over its whole record."""
    site = record.attributes
    month = record.time.astype("datetime64[M]").astype(int) % 12 + 1
    least = LEAST_DAYS * 86400.0 / record.step
    rows = []
    for rule, outputs in runs.items():
        for variable in observed_variables(record, variables) if outputs is not None else ():
            observed = record.observations[variable].value
            for number in range(1, 13):
                mask = record.scored(variable) & (month == number)
                if outputs is None or mask.sum() < least:
                    continue
                value, warned = kge(outputs[variable], observed, mask), beta_unreliable(observed[mask])
                rows.append(
                    (site.name, site.plant_class, method, rule, variable, number, mask.sum(), value, warned)
                )
    return pd.DataFrame(rows, columns=list(MONTH_COLUMNS))


def observed_variables(record: SiteRecord, variables: tuple[str, ...]) -> tuple[str, ...]:
    """Those variables that a site observed and that are scored at some step."""
    return tuple(v for v in variables if v in record.observations and record.scored(v).any())


def beta_unreliable(observed: np.ndarray) -> bool:
    """Whether the observed mean is so near zero that the ratio of means says little."""
    return bool(abs(np.mean(observed)) < NEAR_ZERO * np.std(observed))


def gain_resamples(
    record: SiteRecord, runs: Mapping[str, Mapping[str, np.ndarray] | None], rule: str, variable: str
) -> Resamples | None:
    """Resampled scores of the default and of a rule on the whole record, None where there are none.

    Sites are drawn independently of each other.
    """
    outputs, default = runs.get(rule), runs.get("default")
    if outputs is None or default is None or variable not in observed_variables(record, (variable,)):
        return None
    mask = record.scored(variable)
    return _resamples(record, default[variable], outputs[variable], variable, mask)


def _scores(
    record: SiteRecord,
    runs: Mapping[str, Mapping[str, np.ndarray] | None],
    rule: str,
    variable: str,
    mask: np.ndarray,
) -> dict[str, object]:
    outputs, default = runs[rule], runs["default"]
    assert outputs is not None
    observed, simulated = record.observations[variable].value, outputs[variable]
    metrics = all_metrics(simulated, observed, mask)
    pair = {"simulated": simulated, "observed": observed}
    means = period_means(record.time, record.step, pair, mask, "1M").series
    months = len(means["observed"])
    enough = months >= LEAST_MONTHS
    gain = low = high = float("nan")
    verdict = "" if rule == "default" else "unknown"
    if rule != "default" and default is not None:
        reference = all_metrics(default[variable], observed, mask)["rmse"]
        gain = 1.0 - metrics["rmse"] / reference
        drawn = _resamples(record, default[variable], simulated, variable, mask)
        if drawn is not None:
            relative = comparison_of([drawn]).relative_rmse
            (low, high), verdict = relative.interval_90, relative.verdict
    return {
        **{name: metrics[name] for name in ("n", "rmse", "bias", "r", "kge", "nse")},
        "gain": gain,
        "gain_low": low,
        "gain_high": high,
        "verdict": verdict,
        "months": months,
        "kge_monthly": kge(means["simulated"], means["observed"]) if enough else float("nan"),
        "beta_warning": enough and beta_unreliable(means["observed"]),
    }


def _resamples(
    record: SiteRecord, first: np.ndarray, second: np.ndarray, variable: str, mask: np.ndarray
) -> Resamples | None:
    seed = zlib.crc32(record.attributes.name.encode())
    try:
        return resampled_scores(
            record.observations[variable].value, first, second, record.time, mask, seed=seed
        )
    except ValueError:  # a record too short for blocks has no interval
        return None
