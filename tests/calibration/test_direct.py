import jax
import jax.numpy as jnp
import numpy as np
import pytest

from helpers_calibration import TRUTH, BucketModel, twin_record
from helpers_models import SPACE, AnalyticModel
from tilth.calibration.base import Problem, Status, calibrate
from tilth.calibration.descent import Adam, Lbfgs
from tilth.calibration.direct import Direct
from tilth.calibration.generator import GeneratorSettings
from tilth.data.containers import MEASURED, Observation, Sites
from tilth.observations.operators import ClosureFactor
from tilth.observations.splits import split_record

KEY = jax.random.key(0)
QUICK = Direct(descent=Adam(steps=40, learning_rate=0.2), window_days=10.0, prior=0.0)


def problem(*records, **choices):
    return Problem.of(BucketModel(), Sites.of(records or [twin_record()]), **choices)


def learned_positions(result, sites):
    return np.asarray(SPACE.fraction(result.rule(sites)))[0]


def test_adam_recovers_the_parameters_of_a_twin():
    given = problem()
    result = calibrate(given, QUICK, key=KEY)
    assert result.status is Status.SUCCEEDED
    # Forty steps of Adam settle what the fluxes tell; of the drainage, the third, they tell little.
    np.testing.assert_allclose(learned_positions(result, given.sites)[0][:2], TRUTH[:2], atol=0.02)
    np.testing.assert_allclose(learned_positions(result, given.sites)[0][2], TRUTH[2], atol=0.05)
    assert result.history.loss[-1] < 0.02 * result.history.loss[0]


def test_lbfgs_recovers_the_parameters_of_a_twin():
    given = problem()
    method = Direct(descent=Lbfgs(steps=3, iterations=12), window_days=10.0, refresh=1, prior=0.0)
    result = calibrate(given, method, key=KEY)
    np.testing.assert_allclose(learned_positions(result, given.sites)[0], TRUTH, atol=0.02)


def test_observed_radiation_keeps_the_fluxes_from_being_bought_with_it():
    record = twin_record()
    given = problem(record)
    default = given.model.run(given.starts[None], given.sites).outputs["Rnet"][0, 0]
    noise = np.random.default_rng(1).normal(0.0, 3.0, len(record.time))
    measured = Observation(np.asarray(default) + noise, np.zeros(len(record.time), np.int8) + MEASURED)
    record = record.replace(observations={**record.observations, "Rnet": measured})
    inside = split_record(record).calibration

    def error(**choices):
        own = problem(record, **choices)
        learned = calibrate(own, QUICK, key=KEY).rule(own.sites)
        rnet = own.model.run(learned, own.sites).outputs["Rnet"][0, 0]
        return np.sqrt(np.mean((np.asarray(rnet) - measured.value)[inside] ** 2))

    assert error() > 6.0
    assert error(guarded=("Rnet",)) < 1.5 * 3.0


def test_a_guarded_flux_that_was_not_measured_changes_nothing():
    free, guarded = (calibrate(problem(guarded=g), QUICK, key=KEY) for g in ((), ("Rnet",)))
    # Two programs are compiled: their sums may differ by the last digit.
    np.testing.assert_allclose(free.history.loss, guarded.history.loss, rtol=1e-12)


def test_the_history_begins_with_the_loss_of_the_defaults():
    given = problem()
    method = Direct(descent=Adam(steps=3), window_days=10.0)
    result = calibrate(given, method, key=KEY)
    assert result.history.loss.shape == (3,)
    theta = given.mapping.physical(jnp.zeros((1, 3)))[None]
    run = given.model.run(theta, given.sites).outputs
    targets, losses = given.targets, []
    for flux, name in enumerate(("Qle", "Qh")):
        here = targets.fit[flux, 0]
        error = np.asarray(run[name][0, 0])[here] - targets.observed[flux, 0][here]
        losses.append(np.mean(error**2) / targets.deviation[flux, 0] ** 2)
    assert result.history.loss[0] == pytest.approx(np.mean(losses), rel=1e-9)


def test_an_interrupted_descent_goes_on_with_identical_results(tmp_path):
    given = problem()
    method = Direct(descent=Adam(steps=7), window_days=10.0, refresh=3, starts=2)
    whole = calibrate(given, method, key=KEY)

    def interrupt(done, total, message):
        assert total == 7
        if done == 4:
            raise KeyboardInterrupt

    path = tmp_path / "direct.state"
    with pytest.raises(KeyboardInterrupt):
        calibrate(given, method, key=KEY, checkpoint=path, progress=interrupt)
    resumed = calibrate(given, method, key=KEY, checkpoint=path)
    np.testing.assert_array_equal(resumed.history.loss, whole.history.loss)
    np.testing.assert_array_equal(resumed.history.validation, whole.history.validation)
    np.testing.assert_array_equal(resumed.rule(given.sites), whole.rule(given.sites))
    with pytest.raises(ValueError, match="belongs to another run"):
        calibrate(given, Direct(window_days=10.0), key=KEY, checkpoint=path)


def test_held_out_fluxes_change_nothing():
    record = twin_record()
    heldout = split_record(record).heldout
    changed = {
        name: Observation(np.where(heldout, 5e3, flux.value), np.where(heldout, 0, flux.quality))
        for name, flux in record.observations.items()
    }
    method = Direct(descent=Adam(steps=3), window_days=10.0)
    one, two = problem(record), problem(record.replace(observations=changed))
    first, second = (calibrate(p, method, key=KEY) for p in (one, two))
    np.testing.assert_array_equal(first.rule(one.sites), second.rule(two.sites))
    np.testing.assert_array_equal(first.history.validation, second.history.validation)


def test_sites_with_free_parameters_do_not_know_of_each_other():
    short, other = twin_record("short", 30), twin_record("other", 40, 1, np.array([0.6, 0.4, 0.5]))
    method = Direct(descent=Adam(steps=12, learning_rate=0.2), window_days=10.0)
    together = problem(short, other)
    alone = problem(short)
    both = calibrate(together, method, key=KEY).rule(together.sites)
    # Adam's steps do not depend on the scale of the gradient but for its 1e-8.
    np.testing.assert_allclose(
        both[0, 0], calibrate(alone, method, key=KEY).rule(alone.sites)[0, 0], rtol=1e-4
    )


def test_one_generator_for_many_sites_through_the_model():
    kept = float(SPACE.fraction(jnp.asarray(SPACE.defaults("grassland")))[2])
    truths = (np.array([0.3, 0.7, kept]), np.array([0.6, 0.4, kept]))
    records = [twin_record(f"s{i}", 40, i, truth) for i, truth in enumerate(truths)]
    given = problem(*records, free=("rlfv", "gradm"))
    method = Direct(
        descent=Adam(steps=60, learning_rate=0.05),
        generator=GeneratorSettings(hidden=8, window=24, windows=16),
        window_days=10.0,
        prior=0.0,
    )
    result = calibrate(given, method, key=KEY)
    assert result.status is Status.SUCCEEDED
    found = learned_positions(result, given.sites)
    # Sixty steps of a float32 network: the sites are told apart, though not to the last digit.
    np.testing.assert_allclose(found[:, :2], [[0.3, 0.7], [0.6, 0.4]], atol=0.08)
    assert result.history.loss[-1] < 0.1 * result.history.loss[0]


def test_a_closure_factor_is_learned_and_the_parameters_are_those_of_a_closed_balance():
    record = twin_record()
    weaker = {n: Observation(0.8 * o.value, o.quality) for n, o in record.observations.items()}
    start = np.asarray(SPACE.from_fraction(jnp.array([[0.3, 0.3, 0.6]])))
    given = problem(
        record.replace(observations=weaker), target=ClosureFactor(), free=("gradm",), starts=start
    )
    result = calibrate(given, QUICK, key=KEY)
    # Forty steps of Adam end within a few hundredths along the valley of factor and conductance.
    assert result.closure_factor == pytest.approx(0.8, abs=0.03)
    assert learned_positions(result, given.sites)[0, 1] == pytest.approx(0.7, abs=0.04)


def test_the_prior_holds_what_the_fluxes_do_not_tell():
    given = problem()
    held = calibrate(given, Direct(descent=Adam(steps=20), window_days=10.0, prior=100.0), key=KEY)
    # A penalty of a hundred times the mean square offset leaves no room for the loss, which is below one.
    default = np.asarray(SPACE.fraction(given.mapping.physical(jnp.zeros((1, 3)))))
    np.testing.assert_allclose(learned_positions(held, given.sites), default, atol=0.03)


def test_a_further_point_is_begun_at_too_and_the_default_is_what_counts_as_no_gain():
    truth = np.asarray(SPACE.from_fraction(jnp.asarray(TRUTH[None])))
    method = Direct(descent=Adam(steps=2, learning_rate=0.01), window_days=10.0, prior=0.0)
    found = calibrate(problem(further=truth[None]), method, key=KEY)
    assert found.status is Status.SUCCEEDED
    given = problem()
    np.testing.assert_allclose(learned_positions(found, given.sites)[0], TRUTH, atol=0.01)
    worse = calibrate(problem(starts=truth, further=given.starts[None]), method, key=KEY)
    np.testing.assert_allclose(learned_positions(worse, given.sites)[0], TRUTH, atol=0.01)
    with pytest.raises(ValueError, match="further starts must have the shape"):
        problem(further=np.stack([truth, truth], axis=1))


def test_a_start_that_is_best_already_is_kept():
    truth = np.asarray(SPACE.from_fraction(jnp.asarray(TRUTH[None])))
    given = problem(starts=truth)
    method = Direct(descent=Adam(steps=2, learning_rate=3.0), window_days=10.0)
    result = calibrate(given, method, key=KEY)
    assert result.status is Status.NO_GAIN
    np.testing.assert_allclose(result.rule(given.sites)[0], truth, rtol=1e-12)


def test_a_loss_that_is_not_finite_is_an_error_unless_told_otherwise():
    given = Problem.of(BucketModel(broken=True), Sites.of([twin_record()]))
    method = Direct(descent=Adam(steps=2), window_days=10.0)
    with pytest.raises(FloatingPointError, match="stopped being finite at twin after 1 steps"):
        calibrate(given, method, key=KEY)
    assert calibrate(given, method, key=KEY, throw=False).status is Status.NOT_FINITE


def test_what_was_found_before_a_loss_is_not_finite_is_kept(monkeypatch):
    calls, advance = [], Adam.advance

    def lost(self, candidates, *given):
        calls.append(1)
        moved, memory = advance(self, candidates, *given)
        return (moved if len(calls) < 9 else jax.tree.map(lambda a: a * jnp.nan, moved)), memory

    def method(steps):
        return Direct(descent=Adam(steps=steps, schedule="constant"), window_days=10.0)

    whole = calibrate(problem(), method(8), key=KEY)
    monkeypatch.setattr(Adam, "advance", lost)
    given = problem()
    result = calibrate(given, method(20), key=KEY)
    assert result.status is Status.CUT_SHORT and result.status.gained and len(result.history.loss) == 10
    np.testing.assert_array_equal(result.rule(given.sites), whole.rule(given.sites))


def test_a_model_without_windows_is_refused():
    given = Problem.of(AnalyticModel(), Sites.of([twin_record()]))
    with pytest.raises(TypeError, match="runs windows side by side, got AnalyticModel"):
        calibrate(given, QUICK, key=KEY)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Direct(window_days=0.5), r"window_days must be from 1 to 366 d, got 0\.5"),
        (lambda: Direct(refresh=0), "refresh, starts and patience must be at least 1"),
        (lambda: Adam(schedule="linear"), "schedule must be cosine or constant, got 'linear'"),
        (lambda: Adam(steps=0), "steps and learning_rate must be positive, got 0"),
        (lambda: Lbfgs(iterations=0), "steps and iterations must be positive, got 4, 0"),
    ],
)
def test_settings_out_of_range_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()
