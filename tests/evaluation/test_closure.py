import numpy as np
import pytest

from tilth.evaluation.closure import energy_closure

RNET = np.linspace(-50.0, 600.0, 200)
QG = 0.1 * RNET + 5.0
EVERY = np.ones(200, bool)


def test_a_closed_balance():
    qle = 0.4 * (RNET - QG)
    found = energy_closure(RNET, qle, RNET - QG - qle, EVERY, QG)
    assert (found.slope, found.ratio) == pytest.approx((1, 1))
    assert (found.intercept, found.residual_rms) == pytest.approx((0, 0), abs=1e-10)
    assert (found.n, found.ground_heat_assumed) == (200, False)


def test_a_tower_that_sees_three_quarters():
    available = RNET - QG
    found = energy_closure(RNET, 0.5 * available, 0.25 * available, EVERY, QG)
    assert (found.slope, found.ratio) == pytest.approx((0.75, 0.75))
    assert found.residual_rms == pytest.approx(0.25 * np.sqrt(np.mean(available**2)))
    assert found.half_residual_rms == pytest.approx(0.5 * found.residual_rms)
    assert found.residual_mean == pytest.approx(0.25 * available.mean())


def test_ground_heat_flux_is_a_tenth_of_net_radiation_where_not_measured():
    found = energy_closure(RNET, 0.5 * RNET, 0.4 * RNET, EVERY)
    assert found.slope == pytest.approx(1)
    assert found.ground_heat_assumed


def test_masked_and_missing_steps_do_not_count():
    qle, mask = 0.5 * RNET, EVERY.copy()
    qle[:10], mask[-20:] = np.nan, False
    assert energy_closure(RNET, qle, 0.4 * RNET, mask).n == 170


def test_too_few_steps_give_no_closure():
    found = energy_closure(RNET, RNET, RNET, np.zeros(200, bool))
    assert found.n == 0
    assert np.isnan([found.slope, found.ratio, found.half_residual_rms]).all()
