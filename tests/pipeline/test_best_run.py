"""What counts of what was learned through a surrogate, with runs that are linear in one parameter."""

import jax.numpy as jnp
import numpy as np
import pytest

from linear_model import GOAL, SITES, SPACE, START, Line, theta, zeros
from tilth.calibration.base import History, Result, Status
from tilth.calibration.rules import PerSite
from tilth.ensembles.run import run_ensemble
from tilth.pipeline.best_run import FRACTIONS, Judge, best_on_the_way, best_round
from tilth.pipeline.provenance import Stopwatch
from tilth.pipeline.workplace import Workplace

JUDGE = Judge(zeros("Qle"), zeros("Rnet"))


def learned(there, passed=None, status=Status.SUCCEEDED):
    rule, history = PerSite(SITES.names, there), History(np.zeros(1), np.zeros(1))
    return Result(rule, status, history, passed=passed)


def on_the_way(slope, folder, fall=10.0, passed=None):
    """What counts: its place on the way and the remark; and the places that were run."""
    land, goal = Line(slope=slope, fall=fall), learned(GOAL, passed)
    store = run_ensemble(land, np.stack([START, GOAL]), SITES, folder / "store.zarr")
    place = Workplace(folder, Stopwatch())
    result, notes = best_on_the_way(goal, JUDGE, store, START, SITES, land=land, members=2, place=place)
    tried = SPACE.fraction(jnp.asarray(type(store).open(store.path).thetas[2:, 0, 0]))
    where = float(np.asarray(SPACE.fraction(result.rule(SITES)[0])).squeeze())
    assert (result.status is Status.SUCCEEDED) == (where > 0.0)
    return where, notes, np.asarray(tried)


@pytest.mark.parametrize("slope", [-1.0, 0.0])
def test_what_worsens_nothing_measured_counts_whole(slope, tmp_path):
    where, notes, tried = on_the_way(slope, tmp_path)
    assert where == pytest.approx(1.0) and not notes and not tried.size


@pytest.mark.parametrize(
    ("slope", "best"),
    [
        # The loss is (1 - x)² + 3 ((1 + 0.2 slope x)² - 1).
        pytest.param(0.1, 1.0, id="a small loss does not forbid a large gain"),
        pytest.param(1.0, 0.375, id="least at 0.36, of the eighths at 0.375"),
        pytest.param(100.0, 0.0, id="every part is worse than the start"),
    ],
)
def test_a_measured_flux_that_gets_worse_takes_a_part_of_the_way_back(slope, best, tmp_path):
    where, (note,), tried = on_the_way(slope, tmp_path)
    np.testing.assert_allclose(tried, FRACTIONS)
    assert where == pytest.approx(best, abs=1e-6)
    assert (
        f"{100 * best:g} % of the way" in note
        and "worsens a measured flux of the calibration part (Rnet)" in note
    )


def test_what_goes_too_far_goes_back(tmp_path):
    """Qle is right at a third of the way and worse than at the start at its end; Rnet gets better."""
    where, (note,), _ = on_the_way(-1.0, tmp_path, fall=30.0)
    assert where == pytest.approx(0.375) and "or is no better than the start; 37.5 %" in note


def test_a_stage_of_learning_counts_where_the_land_model_finds_it_better(tmp_path):
    """Qle is right at five sixths of the way; nothing measured is worse at its end."""
    passed = np.stack([theta(0.2), theta(0.8), theta(0.6)])
    where, (note,), tried = on_the_way(-1.0, tmp_path, fall=12.0, passed=passed)
    np.testing.assert_allclose(tried, [0.2, 0.8, 0.6], atol=1e-6)
    assert where == pytest.approx(0.8, abs=1e-6)
    assert "the parameters of stage 2 of learning have a lower loss" in note


def test_what_was_learned_counts_where_no_stage_is_better(tmp_path):
    where, notes, _ = on_the_way(-1.0, tmp_path, passed=np.stack([theta(0.2), theta(0.8)]))
    assert where == pytest.approx(1.0) and not notes


def test_a_stage_is_a_gain_where_the_surrogate_saw_none(tmp_path):
    land, nothing = Line(slope=-1.0), learned(START, np.stack([theta(0.5)]), Status.NO_GAIN)
    store = run_ensemble(land, np.stack([START, START]), SITES, tmp_path / "store.zarr")
    place = Workplace(tmp_path, Stopwatch())
    result, _ = best_on_the_way(nothing, JUDGE, store, START, SITES, land=land, members=2, place=place)
    assert result.status is Status.SUCCEEDED
    np.testing.assert_allclose(result.rule(SITES)[0], theta(0.5), rtol=1e-6)


@pytest.mark.parametrize(("slope", "best"), [(0.0, 2), (4.0, 1), (1000.0, 1)])
def test_the_best_of_the_rounds_pays_the_penalty_too(slope, best, tmp_path):
    judged = [START, theta(0.4), GOAL]
    results = [learned(there) for there in judged[1:]]
    store = run_ensemble(Line(slope=slope), np.stack(judged), SITES, tmp_path / "store.zarr")
    result, (note,) = best_round(results, JUDGE, store, judged)
    np.testing.assert_allclose(result.rule(SITES)[0], judged[best])
    assert f"round {best} counts" in note


def test_where_every_run_fails_the_first_round_is_left_to_the_way_back(tmp_path):
    judged = [START, theta(0.4), GOAL]
    store = run_ensemble(Line(fall=np.nan), np.stack(judged), SITES, tmp_path / "store.zarr")
    results = [learned(there) for there in judged[1:]]
    result, _ = best_round(results, JUDGE, store, judged)
    assert result is results[0]
