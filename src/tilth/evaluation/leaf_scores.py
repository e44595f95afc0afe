"""Scores of leaf simulations with intervals from resampled days, and gains of one over another.

Standard definitions: RMSE = sqrt(mean(e²)), bias = mean(e), NSE = 1 - sum(e²) / sum((o - ō)²), r Pearson's,
with e = s - o. Table 1 of Aboelyazeed et al. 2023 (doi:10.5194/bg-20-2671-2023) prints the mean square error
for the bias and absolute differences in the NSE; its numbers follow the standard definitions.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

MEASURES = ("r", "rmse", "bias", "nse")
"""Columns of scores, in the paper's order."""


def leaf_scores(
    simulated: Mapping[str, np.ndarray],
    observed: np.ndarray,
    days: np.ndarray,
    mask: np.ndarray,
    *,
    resamples: int,
    seed: int,
) -> pd.DataFrame:
    """Scores of every simulation over the points of ``mask``, a row each.

    ``<measure>_low`` and ``<measure>_high`` are the 2.5 and 97.5 percentiles of resamples in which whole
    ``days`` (numbers, ``[point]``) are drawn with replacement: points of a day are not independent.
    """
    rows = []
    for name, series in simulated.items():
        whole, drawn = _resampled(series[mask], observed[mask], days[mask], resamples, seed)
        row: dict[str, object] = {
            "formulation": name,
            "n": int(mask.sum()),
            "days": len(np.unique(days[mask])),
        }
        for measure in MEASURES:
            low, high = np.nanquantile(drawn[measure], (0.025, 0.975))
            row |= {measure: whole[measure], f"{measure}_low": low, f"{measure}_high": high}
        rows.append(row)
    return pd.DataFrame(rows)


def leaf_gains(
    simulated: Mapping[str, np.ndarray],
    reference: str,
    observed: np.ndarray,
    days: np.ndarray,
    mask: np.ndarray,
    *,
    resamples: int,
    seed: int,
) -> pd.DataFrame:
    """Gain of the simulation ``reference`` over each other one in r, RMSE, absolute bias and NSE.

    Positive where ``reference`` is better; all simulations see the same resampled days.
    """
    best_whole, best = _resampled(simulated[reference][mask], observed[mask], days[mask], resamples, seed)
    rows = []
    for name in simulated:
        if name == reference:
            continue
        whole, drawn = _resampled(simulated[name][mask], observed[mask], days[mask], resamples, seed)
        row: dict[str, object] = {"formulation": reference, "over": name}
        for measure in MEASURES:
            gain = _gain(measure, best[measure], drawn[measure])
            low, high = np.nanquantile(gain, (0.025, 0.975))
            row |= {
                measure: float(_gain(measure, np.array(best_whole[measure]), np.array(whole[measure]))),
                f"{measure}_low": low,
                f"{measure}_high": high,
            }
        rows.append(row)
    return pd.DataFrame(rows)


def _gain(measure: str, better: np.ndarray, other: np.ndarray) -> np.ndarray | np.floating:
    if measure == "bias":
        return np.abs(other) - np.abs(better)
    return other - better if measure == "rmse" else better - other


def _resampled(
    simulated: np.ndarray, observed: np.ndarray, days: np.ndarray, resamples: int, seed: int
) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    _, index = np.unique(days, return_inverse=True)
    count = index.max() + 1
    error = simulated - observed
    # Moments about the overall means, so that their differences keep all digits.
    s, o = simulated - simulated.mean(), observed - observed.mean()
    terms = (np.ones_like(o), s, o, s * s, o * o, s * o, error, error**2)
    moments = np.stack([np.bincount(index, weights=term) for term in terms])
    draws = np.random.default_rng(seed).integers(count, size=(resamples, count))
    whole = _measures(moments.sum(axis=1, keepdims=True))
    return {name: float(value[0]) for name, value in whole.items()}, _measures(moments[:, draws].sum(axis=-1))


def _measures(sums: np.ndarray) -> dict[str, np.ndarray]:
    n, s, o, ss, oo, so, e, ee = sums
    variance_o = oo - o * o / n
    spread = (ss - s * s / n) * variance_o
    defined = (spread > 0) & (variance_o > 0)
    root = np.sqrt(np.where(defined, spread, 1.0))
    return {
        "r": np.where(defined, (so - s * o / n) / root, np.nan),
        "rmse": np.sqrt(ee / n),
        "bias": e / n,
        "nse": np.where(variance_o > 0, 1.0 - ee / np.where(variance_o > 0, variance_o, 1.0), np.nan),
    }
