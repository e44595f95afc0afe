import numpy as np
import pytest

from tilth.evaluation.metrics import correlation, rmse
from tilth.evaluation.significance import block_bootstrap, comparison_of, resampled_scores

RNG = np.random.default_rng(3)
TIME = np.datetime64("2008-01-01", "s") + np.arange(48 * 140) * np.timedelta64(1800, "s")
OBSERVED = RNG.normal(100, 60, TIME.size)
GOOD = OBSERVED + RNG.normal(0, 20, TIME.size)
POOR = OBSERVED + RNG.normal(0, 30, TIME.size)


def test_estimates_are_the_plain_differences():
    found = block_bootstrap(OBSERVED, POOR, GOOD, TIME)
    gain = rmse(POOR, OBSERVED) - rmse(GOOD, OBSERVED)
    assert found.rmse.estimate == pytest.approx(gain, rel=1e-10)
    assert found.relative_rmse.estimate == pytest.approx(gain / rmse(POOR, OBSERVED), rel=1e-10)
    assert found.correlation.estimate == pytest.approx(
        correlation(GOOD, OBSERVED) - correlation(POOR, OBSERVED), rel=1e-8
    )
    assert (found.rmse.n, found.rmse.blocks) == (TIME.size, 20)


def test_words_follow_the_interval():
    assert block_bootstrap(OBSERVED, POOR, GOOD, TIME).rmse.verdict == "better"
    assert block_bootstrap(OBSERVED, GOOD, POOR, TIME).rmse.verdict == "worse"
    twin = OBSERVED + RNG.normal(0, 20, TIME.size)
    assert block_bootstrap(OBSERVED, GOOD, twin, TIME).rmse.verdict == "not distinguishable"


def test_interval_95_holds_the_interval_90_and_the_estimate():
    found = block_bootstrap(OBSERVED, POOR, GOOD, TIME).rmse
    assert (
        found.interval_95[0]
        < found.interval_90[0]
        < found.estimate
        < found.interval_90[1]
        < found.interval_95[1]
    )


def test_interval_of_independent_errors_has_the_width_of_theory():
    # Var of the mean squared error of n normal errors is 2 sigma⁴ / n, of the RMSE hence sigma² / (2 n). Both
    # errors are independent: the standard error of the gain is sqrt((900 + 400) / (2 n)) = 0.311. With 20
    # blocks the bootstrap estimate of a width scatters by 1 / sqrt(2 * 20) = 16 %; twice that is allowed.
    low, high = block_bootstrap(OBSERVED, POOR, GOOD, TIME).rmse.interval_90
    expected = 2 * 1.645 * np.sqrt((30**2 + 20**2) / (2 * TIME.size))
    assert high - low == pytest.approx(expected, rel=0.32)


def test_same_seed_same_interval_and_other_seed_another():
    first = block_bootstrap(OBSERVED, POOR, GOOD, TIME, seed=1)
    assert first == block_bootstrap(OBSERVED, POOR, GOOD, TIME, seed=1)
    assert first.rmse.interval_90 != block_bootstrap(OBSERVED, POOR, GOOD, TIME, seed=2).rmse.interval_90


def test_masked_and_missing_steps_do_not_count():
    observed = OBSERVED.copy()
    observed[:336] = np.nan
    mask = np.ones(TIME.size, bool)
    mask[-336:] = False
    found = block_bootstrap(observed, POOR, GOOD, TIME, mask)
    assert (found.rmse.n, found.rmse.blocks) == (TIME.size - 672, 18)


def test_a_failed_simulation_cannot_be_judged():
    failed = GOOD.copy()
    failed[100] = np.nan
    assert block_bootstrap(OBSERVED, POOR, failed, TIME).rmse.verdict == "unknown"


def test_one_block_is_too_few():
    with pytest.raises(
        ValueError, match="at least 2 blocks of 7 days with scored steps, got 1; give a longer"
    ):
        block_bootstrap(OBSERVED[:300], POOR[:300], GOOD[:300], TIME[:300])


def test_the_mean_over_records_is_that_of_their_gains_and_surer_than_each():
    series = [made_pair(seed) for seed in range(4)]
    drawn = [resampled_scores(*one, seed=seed) for seed, one in enumerate(series)]
    alone = [comparison_of([one]) for one in drawn]
    mean = comparison_of(drawn)
    assert mean.relative_rmse.estimate == pytest.approx(np.mean([c.relative_rmse.estimate for c in alone]))
    width = [c.rmse.interval_90[1] - c.rmse.interval_90[0] for c in alone]
    low, high = mean.rmse.interval_90
    assert 0.3 < (high - low) / np.mean(width) < 0.7
    assert mean.rmse.n == sum(c.rmse.n for c in alone)


def made_pair(seed):
    rng = np.random.default_rng(seed)
    n = 48 * 200
    observed = rng.normal(0.0, 50.0, n)
    time = np.datetime64("2001-01-01", "s") + np.arange(n) * np.timedelta64(1800, "s")
    return observed, observed + rng.normal(0, 30, n), observed + rng.normal(0, 28, n), time
