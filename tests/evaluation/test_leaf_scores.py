"""Scores of leaf simulations with intervals from resampled days."""

import numpy as np
import pytest

from tilth.evaluation.leaf_scores import leaf_gains, leaf_scores
from tilth.evaluation.metrics import all_metrics


@pytest.fixture(scope="module")
def case():
    random = np.random.default_rng(0)
    days = np.repeat(np.arange(30), 10)
    observed = 10.0 + random.normal(0, 3, 30)[days] + random.normal(0, 1, 300)
    good = observed + random.normal(0, 1, 300)
    poor = 0.5 * observed + 6.0 + random.normal(0, 3, 300)
    return {"good": good, "poor": poor}, observed, days


def test_scores_are_the_standard_measures(case):
    simulated, observed, days = case
    mask = days > 5
    table = leaf_scores(simulated, observed, days, mask, resamples=50, seed=0).set_index("formulation")
    for name, series in simulated.items():
        expected = all_metrics(series, observed, mask)
        for measure in ("r", "rmse", "bias", "nse"):
            np.testing.assert_allclose(table.loc[name, measure], expected[measure], rtol=1e-10)
            assert table.loc[name, f"{measure}_low"] < expected[measure] < table.loc[name, f"{measure}_high"]
        assert table.loc[name, "n"] == mask.sum()
        assert table.loc[name, "days"] == 24


def test_a_clear_gain_excludes_zero_and_is_its_own_opposite(case):
    simulated, observed, days = case
    everything = np.ones(300, bool)
    gain = leaf_gains(simulated, "good", observed, days, everything, resamples=200, seed=0).iloc[0]
    loss = leaf_gains(simulated, "poor", observed, days, everything, resamples=200, seed=0).iloc[0]
    for measure in ("r", "rmse", "nse", "bias"):
        np.testing.assert_allclose(gain[measure], -loss[measure], rtol=1e-10)
    assert gain["rmse_low"] > 0
    assert gain["r_low"] > 0
