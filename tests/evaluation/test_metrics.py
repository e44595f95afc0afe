import numpy as np
import pytest

from tilth.evaluation import metrics

OBSERVED = np.array([1.0, 2.0, 3.0, 4.0])
SIMULATED = np.array([2.0, 2.0, 4.0, 4.0])


def test_hand_values():
    # e = (1, 0, 1, 0); ō = 2.5, s̄ = 3; sigma_o² = 1.25, sigma_s² = 1; covariance = 1.
    r, alpha, beta = 1 / np.sqrt(1.25), 1 / np.sqrt(1.25), 1.2
    found = metrics.all_metrics(SIMULATED, OBSERVED)
    expected = {
        "n": 4,
        "rmse": np.sqrt(0.5),
        "bias": 0.5,
        "std_obs": np.sqrt(1.25),
        "std_sim": 1.0,
        "r": r,
        "kge": 1 - np.sqrt((r - 1) ** 2 + (alpha - 1) ** 2 + (beta - 1) ** 2),
        "nse": 1 - 2 / 5,
        "nme": 2 / 4,
    }
    assert list(found) == list(expected)
    assert found == pytest.approx(expected, rel=1e-14)


def test_perfect_simulation():
    found = metrics.all_metrics(OBSERVED, OBSERVED)
    assert (found["rmse"], found["bias"], found["nme"]) == (0, 0, 0)
    assert (found["r"], found["kge"], found["nse"]) == pytest.approx((1, 1, 1), abs=1e-14)


def test_error_decomposition_closes():
    rng = np.random.default_rng(1)
    o = rng.normal(50, 80, 500)
    s = 0.7 * o + rng.normal(10, 30, 500)
    m = metrics.all_metrics(s, o)
    parts = m["bias"] ** 2 + m["std_sim"] ** 2 + m["std_obs"] ** 2 - 2 * m["r"] * m["std_sim"] * m["std_obs"]
    assert m["rmse"] ** 2 == pytest.approx(parts, rel=1e-12)


def test_observed_mean_is_the_zero_of_nse_and_the_one_of_nme():
    mean = np.full(4, OBSERVED.mean())
    assert metrics.nse(mean, OBSERVED) == pytest.approx(0)
    assert metrics.nme(mean, OBSERVED) == pytest.approx(1)
    assert np.isnan(metrics.correlation(mean, OBSERVED))
    assert np.isnan(metrics.kge(mean, OBSERVED))


def test_mask_and_missing_observations_are_left_out():
    observed = np.array([1.0, np.nan, 3.0, 100.0])
    mask = np.array([True, True, True, False])
    assert metrics.rmse(np.array([2.0, 9.0, 3.0, 9.0]), observed, mask) == pytest.approx(np.sqrt(0.5))
    assert metrics.all_metrics(observed, observed, mask)["n"] == 2


def test_a_failed_simulation_gets_no_score():
    simulated = np.array([1.0, np.nan, 3.0, 4.0])
    assert np.isnan(metrics.rmse(simulated, OBSERVED))
    assert np.isnan(metrics.nme(simulated, OBSERVED))


def test_nothing_to_score_is_nan():
    found = metrics.all_metrics(OBSERVED, np.full(4, np.nan))
    assert found.pop("n") == 0
    assert all(np.isnan(value) for value in found.values())


def test_constant_observation_has_no_efficiency():
    constant = np.ones(4)
    assert metrics.rmse(OBSERVED, constant) == pytest.approx(np.sqrt(14 / 4))
    assert np.isnan(metrics.nse(OBSERVED, constant))
    assert np.isnan(metrics.nme(OBSERVED, constant))


def test_different_shapes_are_refused():
    with pytest.raises(ValueError, match=r"must have one shape: got \(4,\), \(3,\) and \(3,\); align them"):
        metrics.rmse(SIMULATED, OBSERVED[:3])


def test_mask_must_be_boolean():
    with pytest.raises(TypeError, match=r"mask must be Boolean .* got int64"):
        metrics.rmse(SIMULATED, OBSERVED, np.array([1, 0, 1, 0]))
