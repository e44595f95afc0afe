"""Whether one simulation is better than another: a bootstrap over blocks of days.

Errors of neighbouring half-hours resemble each other, so that whole blocks are drawn, with replacement
(non-overlapping block bootstrap: Künsch 1989, doi:10.1214/aos/1176347265; Wilks 1997,
doi:10.1175/1520-0442(1997)010<0065:RHTFAF>2.0.CO;2). Both simulations see the same draws.
"""

import dataclasses
from collections.abc import Sequence

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
    draws = resampled_scores(
        observed, first, second, time, mask, block_days=block_days, resamples=resamples, seed=seed
    )
    return comparison_of([draws])


@dataclasses.dataclass(frozen=True, eq=False)
class Resamples:
    """RMSE and correlation of two simulations: ``[simulation]`` over all steps, ``[simulation, resample]``.

    ``n`` counts scored steps and ``blocks`` the blocks that hold any.
    """

    rmse: np.ndarray
    correlation: np.ndarray
    sampled_rmse: np.ndarray
    sampled_correlation: np.ndarray
    n: int
    blocks: int


def resampled_scores(
    observed: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    time: np.ndarray,
    mask: np.ndarray | None = None,
    *,
    block_days: float = BLOCK_DAYS,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Resamples:
    """The scores of both simulations over all steps and over each resample, as :func:`block_bootstrap`."""
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
    moments = [_block_moments(simulated, o, index) for simulated in (s1, s2)]
    sampled = np.array([_rmse_and_correlation(sums[:, draws].sum(-1)) for sums in moments])
    whole = np.array([_rmse_and_correlation(sums[:, everything].sum(-1)) for sums in moments])[..., 0]
    return Resamples(whole[:, 0], whole[:, 1], sampled[:, 0], sampled[:, 1], len(o), len(number))


def comparison_of(records: Sequence[Resamples]) -> Comparison:
    """Gains of the second simulation in the mean over ``records``, each record counting alike.

    Blocks are drawn in each record by itself: give resamples of different seeds. The interval says how sure
    the mean over these very records is, not how another choice of records would come out.
    """
    n, blocks = sum(one.n for one in records), sum(one.blocks for one in records)

    def difference(estimates: Sequence[float], gains: Sequence[np.ndarray]) -> Difference:
        mean = np.mean(gains, axis=0)
        low95, low90, high90, high95 = (float(q) for q in np.quantile(mean, (0.025, 0.05, 0.95, 0.975)))
        return Difference(float(np.mean(estimates)), (low90, high90), (low95, high95), n, blocks)

    return Comparison(
        rmse=difference(
            [one.rmse[0] - one.rmse[1] for one in records],
            [one.sampled_rmse[0] - one.sampled_rmse[1] for one in records],
        ),
        relative_rmse=difference(
            [1.0 - one.rmse[1] / one.rmse[0] for one in records],
            [1.0 - one.sampled_rmse[1] / one.sampled_rmse[0] for one in records],
        ),
        correlation=difference(
            [one.correlation[1] - one.correlation[0] for one in records],
            [one.sampled_correlation[1] - one.sampled_correlation[0] for one in records],
        ),
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
