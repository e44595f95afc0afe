"""Whether one simulation is better than another: a bootstrap over blocks of days.

Errors of neighbouring half-hours resemble each other, so that whole blocks are drawn, with replacement
(non-overlapping block bootstrap: Künsch 1989, doi:10.1214/aos/1176347265; Wilks 1997,
doi:10.1175/1520-0442(1997)010<0065:RHTFAF>2.0.CO;2). Both simulations see the same draws.
"""

import dataclasses

import numpy as np

from tilth.evaluation.metrics import scored_pairs

BLOCK_DAYS = 7.0
"""Length of a block [d]."""
RESAMPLES = 1000
"""Number of resamples."""


@dataclasses.dataclass(frozen=True)
class Difference:
    """A difference between two simulations, with its intervals; positive where the second is better.

    ``estimate`` comes from all scored steps, ``interval_90`` and ``interval_95`` are percentiles of the
    resamples; ``n`` counts scored steps and ``blocks`` the blocks that hold any.
    """

    estimate: float
    interval_90: tuple[float, float]
    interval_95: tuple[float, float]
    n: int
    blocks: int

    @property
    def verdict(self) -> str:
        """``better`` or ``worse`` where the 90 % interval excludes zero, else ``not distinguishable``.

        ``unknown`` where a simulation that failed leaves no interval.
        """
        low, high = self.interval_90
        if not (np.isfinite(low) and np.isfinite(high)):
            return "unknown"
        return "better" if low > 0 else "worse" if high < 0 else "not distinguishable"


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Gains of a second simulation over a first one.

    ``rmse`` is ΔRMSE = RMSE(first) - RMSE(second), in the unit of the variable; ``relative_rmse`` that
    divided by RMSE(first) [-]; ``correlation`` is ΔR = R(second) - R(first) [-].
    """

    rmse: Difference
    relative_rmse: Difference
    correlation: Difference


def block_bootstrap(
    observed: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    time: np.ndarray,
    mask: np.ndarray | None = None,
    *,
    block_days: float = BLOCK_DAYS,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Comparison:
    """Gain in RMSE and correlation of ``second`` over ``first``, with intervals from resampled blocks.

    ``time`` [datetime64] places the steps in blocks of ``block_days`` [d] counted from its first entry; as
    many blocks are drawn as hold scored steps. Raises ``ValueError`` where fewer than two blocks do.
    """
    if mask is None:
        mask = np.ones(np.shape(observed), bool)
    s1, o = scored_pairs(first, observed, mask)
    s2, _ = scored_pairs(second, observed, mask)
    since = (time - time[0]).astype("timedelta64[s]").astype(float)[mask & np.isfinite(observed)]
    number, index = np.unique(since // (block_days * 86400.0), return_inverse=True)
    if len(number) < 2:
        raise ValueError(
            f"a bootstrap needs at least 2 blocks of {block_days:g} days with scored steps, "
            f"got {len(number)}; give a longer record or shorter blocks"
        )
    draws = np.random.default_rng(seed).integers(len(number), size=(resamples, len(number)))
    everything = np.arange(len(number))[None]
    sampled, whole = [], []
    for simulated in (s1, s2):
        moments = _block_moments(simulated, o, index)
        sampled.append(_rmse_and_correlation(moments[:, draws].sum(-1)))
        whole.append(_rmse_and_correlation(moments[:, everything].sum(-1)))

    def difference(gain: np.ndarray, estimate: np.ndarray) -> Difference:
        low95, low90, high90, high95 = (float(q) for q in np.quantile(gain, (0.025, 0.05, 0.95, 0.975)))
        return Difference(float(estimate[0]), (low90, high90), (low95, high95), len(o), len(number))

    (rmse1, r1), (rmse2, r2) = sampled
    (all_rmse1, all_r1), (all_rmse2, all_r2) = whole
    return Comparison(
        rmse=difference(rmse1 - rmse2, all_rmse1 - all_rmse2),
        relative_rmse=difference(1.0 - rmse2 / rmse1, 1.0 - all_rmse2 / all_rmse1),
        correlation=difference(r2 - r1, all_r2 - all_r1),
    )


def _block_moments(simulated: np.ndarray, observed: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Sums over each block ``[moment, block]`` of 1, s, o, s², o², so and e², about the overall means."""
    s, o = simulated - simulated.mean(), observed - observed.mean()
    terms = (np.ones_like(o), s, o, s * s, o * o, s * o, (simulated - observed) ** 2)
    return np.stack([np.bincount(index, weights=term) for term in terms])


def _rmse_and_correlation(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """RMSE and Pearson correlation of resamples from their summed moments; NaN where a series is constant."""
    n, s, o, ss, oo, so, ee = sums
    spread = (ss / n - (s / n) ** 2) * (oo / n - (o / n) ** 2)
    covariance = so / n - s * o / n**2
    defined = spread > 0
    root = np.sqrt(np.where(defined, spread, 1.0))
    return np.sqrt(ee / n), np.where(defined, covariance / root, np.nan)
