"""Means over sites of what transfer gains and of monthly KGE: Table 4 of Xie et al. 2025."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from tilth.evaluation.significance import Resamples, comparison_of
from tilth.evaluation.transfer import WHOLE

CLASS_COLUMNS = (
    "method", "class", "over", "rule", "variable", "sites", "names", "kge_sites", "kge_monthly_mean",
    "kge_monthly_std", "beta_warnings", "rmse", "gain", "gain_low", "gain_high", "verdict",
)  # fmt: skip
"""Columns of ``classes.csv``. Means over the ``sites`` that have the rule, of a class or of ``all``, and over
either all sites or those that enter means; the standard deviation has divisor n - 1."""
ALL = "all"


def class_means(
    scores: pd.DataFrame, samples: Mapping[tuple[str, str, str, str], Resamples | None]
) -> pd.DataFrame:
    """Means over the sites of each class and over all, on the whole record.

    ``scores`` are rows of ``transfer.csv``; ``samples[method, rule, variable, site]`` resampled scores, from
    which the interval of the mean gain comes.
    """
    whole = scores[scores["split"] == WHOLE]
    classes = [*dict.fromkeys(whole["class"]), ALL]
    rows = []
    for (method, rule, variable), group in whole.groupby(["method", "rule", "variable"], sort=False):
        for plant_class in classes:
            members = group if plant_class == ALL else group[group["class"] == plant_class]
            for over, chosen in (("all", members), ("in means", members[members["in_means"]])):
                if len(chosen):
                    drawn = [
                        samples.get((str(method), str(rule), str(variable), name)) for name in chosen["site"]
                    ]
                    means = _means(chosen, drawn)
                    rows.append((method, plant_class, over, rule, variable, *means))
    return pd.DataFrame(rows, columns=list(CLASS_COLUMNS))


def _means(chosen: pd.DataFrame, drawn: list[Resamples | None]) -> tuple[object, ...]:
    gain = chosen["gain"].mean()
    low = high = float("nan")
    verdict = "" if np.isnan(gain) else "unknown"
    known = [samples for samples in drawn if samples is not None]
    if known and len(known) == len(drawn):
        relative = comparison_of(known).relative_rmse
        (low, high), verdict = relative.interval_90, relative.verdict
    monthly = chosen["kge_monthly"]
    return (
        len(chosen),
        " ".join(chosen["site"]),
        int(monthly.notna().sum()),
        monthly.mean(),
        monthly.std(ddof=1),
        int(chosen["beta_warning"].sum()),
        chosen["rmse"].mean(),
        gain,
        low,
        high,
        verdict,
    )
