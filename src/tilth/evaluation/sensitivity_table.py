"""Tables of a sensitivity analysis: measures, ranks over sites, and how far the methods agree."""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

RANKED = {
    "one-at-a-time": "mean_rmse",
    "morris": "mu_star",
    "sobol": "total_order",
    "gradient": "rms_derivative",
    "loss-gradient": "rmse_gradient",
}
"""The measure by whose size each method ranks parameters."""
COLUMNS = (
    "site", "class", "in_means", "flux", "method", "parameter", "measure", "unit", "value", "half_width_95",
    "rank", "n_used", "n_failed", "n_left_out", "range_source",
)  # fmt: skip
"""Columns of ``sensitivity.csv``; see docs/sensitivity.md."""
RANK_COLUMNS = ("flux", "method", "parameter", "rank_of_mean", "mean_rank", "least", "largest", "sites")
AGREEMENT_COLUMNS = ("site", "flux", "method", "other", "rank_correlation", "n")
OVER_SITES = "mean of ranks"
"""What stands for the site where ranks are means over sites."""


def measure_rows(
    identity: Mapping[str, object],
    parameters: Sequence[str],
    range_sources: Mapping[str, str],
    *,
    measure: str,
    unit: str,
    value: np.ndarray,
    counts: Sequence[np.ndarray],
    half_width: np.ndarray | None = None,
) -> pd.DataFrame:
    """Rows of one measure: ``identity`` holds site, class, in_means, flux and method; arrays are ``[param]``.

    ``counts`` are members used, failed and left out. Rank 1 is the largest; measures that do not rank, and
    values that are not finite, have none.
    """
    ranks = np.full(len(parameters), np.nan)
    if RANKED[str(identity["method"])] == measure:
        ranks = pd.Series(np.abs(value)).rank(ascending=False, method="average").to_numpy()
    used, failed, left_out = counts
    rows = pd.DataFrame(
        {
            **{name: [value] * len(parameters) for name, value in identity.items()},
            "parameter": list(parameters),
            "measure": measure,
            "unit": unit,
            "value": value,
            "half_width_95": np.nan if half_width is None else half_width,
            "rank": ranks,
            "n_used": used,
            "n_failed": failed,
            "n_left_out": left_out,
            "range_source": [range_sources[name] for name in parameters],
        }
    )
    return rows[list(COLUMNS)]


def mean_ranks(table: pd.DataFrame) -> pd.DataFrame:
    """Mean, least and largest rank of each parameter over the sites that enter means, by flux and method.

    A parameter counts at the sites where it has a rank; ``sites`` is their number.
    """
    ranked = table[table["in_means"].astype(bool) & table["rank"].notna()]
    if ranked.empty:
        return pd.DataFrame(columns=list(RANK_COLUMNS))
    groups = ranked.groupby(["flux", "method", "parameter"], sort=False)["rank"]
    found = groups.agg(mean_rank="mean", least="min", largest="max", sites="count").reset_index()
    found["rank_of_mean"] = found.groupby(["flux", "method"])["mean_rank"].rank(method="average")
    ordered = found.sort_values(["flux", "method", "rank_of_mean"], kind="stable", ignore_index=True)
    return ordered[list(RANK_COLUMNS)]


def agreement(table: pd.DataFrame, means: pd.DataFrame) -> pd.DataFrame:
    """Rank correlation (Spearman) of each two methods at every site, and of the mean ranks over sites.

    Over the ``n`` parameters that both methods rank; NaN below three, or where all ranks of one are equal.
    """
    over_sites = means.rename(columns={"mean_rank": "rank"}).assign(site=OVER_SITES)
    ranked = table[table["rank"].notna()]
    rows = []
    for part in (over_sites, ranked):
        for (site, flux), own in part.groupby(["site", "flux"], sort=False):
            wide = own.pivot_table(index="parameter", columns="method", values="rank")
            present = [method for method in RANKED if method in wide.columns]
            for method, other in itertools.combinations(present, 2):
                both = wide[[method, other]].dropna()
                rows.append((site, flux, method, other, _correlation(both.to_numpy()), len(both)))
    return pd.DataFrame(rows, columns=list(AGREEMENT_COLUMNS))


def _correlation(ranks: np.ndarray) -> float:
    if len(ranks) < 3 or np.ptp(ranks, axis=0).min() == 0.0:
        return float("nan")
    return float(spearmanr(ranks[:, 0], ranks[:, 1]).statistic)
