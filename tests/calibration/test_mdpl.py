import dataclasses
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from helpers_calibration import BucketModel, twin_record
from helpers_models import SPACE
from perfect_surrogate import POSITIONS, PerfectSurrogate, observed_record
from tilth.calibration.base import Problem, Status, calibrate
from tilth.calibration.generator import GeneratorSettings
from tilth.calibration.generator_inputs import GeneratorEncoder
from tilth.calibration.guard import STEEP
from tilth.calibration.mdpl import Mdpl
from tilth.calibration.mdpl_loss import MdplLoss, guarded_at_start
from tilth.calibration.mdpl_windows import MdplSource
from tilth.data.containers import Observation, Sites
from tilth.networks.training import TrainingSettings
from tilth.observations.operators import ClosureFactor
from tilth.observations.splits import split_record

KEY = jax.random.key(1)


def settings(epochs=40, **choices):
    training = TrainingSettings(
        epochs=epochs, windows_per_epoch=256, batch_size=32, learning_rate=0.01, schedule="cosine"
    )
    return Mdpl(
        generator=GeneratorSettings(hidden=8, window=24, windows=12),
        training=training,
        drawn_windows=4,
        prior=0.0,
        **choices,
    )


def problem(*records, **choices):
    return Problem.of(PerfectSurrogate(), Sites.of(records or [observed_record()]), **choices)


def test_one_generator_recovers_the_parameters_behind_the_observations_of_each_site():
    other = np.array([0.7, 0.3, 0.6])
    given = problem(observed_record("a", 0), observed_record("b", 1, other))
    result = calibrate(given, settings(50), key=KEY)
    assert result.status is Status.SUCCEEDED
    found = np.asarray(SPACE.fraction(result.rule(given.sites)))[0]
    # A float32 network trained on sampled windows; the sites differ in latitude, fluxes and weather.
    np.testing.assert_allclose(found, [POSITIONS, other], atol=0.06)
    assert result.history.loss[-1] < 0.05 * result.history.loss[0]
    assert result.history.loss.shape == result.history.validation.shape == (50,)
    # The rule knows sites that it has not seen, and those without fluxes.
    unseen = observed_record("c", 2).replace(observations={})
    assert np.isfinite(result.rule(Sites.of([unseen]))).all()


def test_a_generator_is_trained_from_each_point():
    truth = np.asarray(SPACE.from_fraction(jnp.asarray(POSITIONS[None])))
    given = problem(further=truth[None])
    result = calibrate(given, settings(1), key=KEY)
    assert result.status is Status.SUCCEEDED
    found = np.asarray(SPACE.fraction(result.rule(given.sites)))[0]
    np.testing.assert_allclose(found, [POSITIONS], atol=0.03)
    # One stage of the best training and what the other led to, which is still near the default.
    assert result.passed is not None and len(result.passed) == 2
    np.testing.assert_allclose(SPACE.fraction(jnp.asarray(result.passed[0])), [POSITIONS], atol=0.03)
    assert np.abs(np.asarray(SPACE.fraction(jnp.asarray(result.passed[1])))[0] - POSITIONS).max() > 0.1


class Counted(PerfectSurrogate):
    """Notes how often it is traced."""

    traced: ClassVar[list[int]] = []

    def predict_windows(self, theta, features):
        self.traced.append(1)
        return super().predict_windows(theta, features)


def test_sites_share_compiled_code():
    traced = []
    for seed in (0, 1):
        given = Problem.of(Counted(), Sites.of([observed_record("s", seed)]), guarded=("Qle",))
        calibrate(given, settings(1, relative=True), key=KEY, throw=False)
        traced.append(len(Counted.traced))
    assert traced[0] > 0 and traced[1] == traced[0]


def test_an_interrupted_training_goes_on_with_identical_results(tmp_path):
    given, method = problem(), settings(4)
    whole = calibrate(given, method, key=KEY)

    def interrupt(done, total, message):
        if done == 2:
            raise KeyboardInterrupt

    path = tmp_path / "generator.state"
    with pytest.raises(KeyboardInterrupt):
        calibrate(given, method, key=KEY, checkpoint=path, progress=interrupt)
    resumed = calibrate(given, method, key=KEY, checkpoint=path)
    np.testing.assert_array_equal(resumed.history.loss, whole.history.loss)
    np.testing.assert_array_equal(resumed.history.validation, whole.history.validation)
    np.testing.assert_array_equal(resumed.rule(given.sites), whole.rule(given.sites))


def test_what_was_learned_is_the_best_epoch_on_the_inner_blocks(tmp_path):
    given = problem()
    wild = Mdpl(
        generator=GeneratorSettings(hidden=8, window=24, windows=12),
        training=TrainingSettings(epochs=8, windows_per_epoch=64, batch_size=32, learning_rate=0.3),
        drawn_windows=4,
    )
    result = calibrate(given, wild, key=KEY)
    best = np.argmin(result.history.validation)
    shorter = Mdpl(
        generator=wild.generator,
        training=TrainingSettings(
            epochs=int(best) + 1, windows_per_epoch=64, batch_size=32, learning_rate=0.3
        ),
        drawn_windows=4,
    )
    np.testing.assert_array_equal(
        calibrate(given, shorter, key=KEY).rule(given.sites), result.rule(given.sites)
    )


def test_held_out_fluxes_change_nothing():
    record = observed_record()
    heldout = split_record(record).heldout
    changed = {
        n: Observation(np.where(heldout, 1e3 - o.value, o.value), o.quality)
        for n, o in record.observations.items()
    }
    one, two = problem(record), problem(record.replace(observations=changed))
    first, second = (calibrate(p, settings(1), key=KEY).rule(p.sites) for p in (one, two))
    np.testing.assert_array_equal(first, second)


def test_a_closure_factor_is_learned_and_fixed_parameters_keep_their_values_exactly():
    record = observed_record()
    weaker = {n: Observation(0.8 * o.value, o.quality) for n, o in record.observations.items()}
    given = problem(record.replace(observations=weaker), target=ClosureFactor(), free=("gradm",))
    result = calibrate(given, settings(20), key=KEY)
    assert result.closure_factor is not None
    assert 0.5 < result.closure_factor[0] < 0.95
    theta = result.rule(given.sites)
    np.testing.assert_array_equal(theta[0][:, [0, 2]], given.starts[:, [0, 2]])
    assert not np.array_equal(theta[0][:, 1], given.starts[:, 1])


def test_a_model_that_is_no_surrogate_or_lacks_a_flux_is_refused():
    given = Problem.of(BucketModel(), Sites.of([twin_record()]))
    with pytest.raises(TypeError, match="mdpl learns through a trained surrogate, got BucketModel"):
        calibrate(given, settings(1), key=KEY)
    single = Problem.of(PerfectSurrogate(tasks=("Qh",)), Sites.of([observed_record()]))
    with pytest.raises(ValueError, match="the surrogate simulates Qh, the problem needs Qle too"):
        calibrate(single, settings(1), key=KEY)


def test_settings_out_of_range_are_refused():
    with pytest.raises(ValueError, match="drawn_windows must be at least 1, prior and spread_prior not"):
        Mdpl(drawn_windows=0)
    with pytest.raises(ValueError, match="layers, hidden, window and windows must be at least 1"):
        GeneratorSettings(hidden=0)


def test_status_of_a_run_that_is_not_finite_is_an_error_unless_told_otherwise():
    class Broken(PerfectSurrogate):
        def predict_windows(self, theta, features):
            return super().predict_windows(theta, features) * jnp.nan

    given = Problem.of(Broken(), Sites.of([observed_record()]))
    with pytest.raises(FloatingPointError, match="stopped being finite at mdpl after 1 steps"):
        calibrate(given, settings(1), key=KEY)
    assert calibrate(given, settings(1), key=KEY, throw=False).status is Status.NOT_FINITE


def test_methods_with_gradients_refuse_models_without():
    class Opaque(PerfectSurrogate):
        differentiable: ClassVar[bool] = False

    given = Problem.of(Opaque(), Sites.of([observed_record()]))
    with pytest.raises(ValueError, match="Mdpl needs derivatives, which Opaque does not have"):
        calibrate(given, settings(1), key=KEY)


def source_of(problem, encoder):
    features = problem.model.features(problem.sites)
    at_start = guarded_at_start(problem, problem.model, features)
    return MdplSource.of(problem, features, at_start, window=24, encoder=encoder, generator_count=2)


def test_relative_losses_are_those_of_the_start_at_each_site():
    problem = Problem.of(PerfectSurrogate(), Sites.of([observed_record("a", 0), observed_record("b", 1)]))
    encoder = GeneratorEncoder.of(problem.sites.records, (), window=24, limit=4)
    found = MdplLoss.of(problem, problem.model, 0.0).relative_to_start(source_of(problem, encoder)).unit
    targets = problem.targets
    for site, features in enumerate(problem.model.features(problem.sites)):
        series = problem.model.predict_windows(problem.starts[site][None], jnp.asarray(features)[None])[0]
        expected = []
        for flux, name in enumerate(targets.variables):
            counted = targets.choice[flux, site]
            error = np.asarray(series)[:, problem.model.tasks.index(name)] - targets.observed[flux, site]
            expected.append(np.mean(error[counted] ** 2) / targets.deviation[flux, site] ** 2)
        assert float(found[site]) == pytest.approx(np.mean(expected), rel=1e-4)
    brief = dataclasses.replace(settings(epochs=1), relative=True)
    history = calibrate(problem, brief, key=KEY).history
    assert 0.5 < history.loss[0] < 1.5, "an untrained generator is almost the start"


class Radiating(PerfectSurrogate):
    """Net radiation too, of which a lower albedo absorbs more."""

    tasks: tuple[str, ...] = eqx.field(static=True, default=("Qh", "Qle", "Rnet"))

    def predict_windows(self, theta, features):
        absorbed = (1.0 - 0.5 * self.space.fraction(theta)[:, :1].astype(jnp.float32)) * features[..., 0]
        return jnp.concatenate([super().predict_windows(theta, features), absorbed[..., None]], axis=-1)


def guarded_problem(guarded=("Rnet",)):
    """The fluxes are those of other parameters, net radiation is that of the start, 10 W m-2 off."""
    record, surrogate = observed_record(), Radiating()
    sites = Sites.of([record])
    start = np.array([[0.25, 9.0, 6e-5]])
    series = surrogate.predict_windows(jnp.asarray(start), jnp.asarray(surrogate.features(sites)[0])[None])
    radiation = Observation(np.asarray(series[0, :, 2], float) + 10.0, record.observations["Qle"].quality)
    record = record.replace(observations={**record.observations, "Rnet": radiation})
    return Problem.of(surrogate, Sites.of([record]), starts=start, guarded=guarded)


def radiation_error(problem, theta):
    """Mean square error of net radiation on the calibration part."""
    record = problem.sites.records[0]
    features = jnp.asarray(problem.model.features(problem.sites)[0])[None]
    series = problem.model.predict_windows(jnp.asarray(theta), features)[0, :, 2]
    counted = record.scored("Rnet") & split_record(record).calibration
    return float(np.mean((np.asarray(series) - record.observations["Rnet"].value)[counted] ** 2))


def test_a_guarded_flux_costs_what_its_error_exceeds_that_of_the_start():
    given, start = guarded_problem(), guarded_problem().starts
    encoder = GeneratorEncoder.of(given.sites.records, (), window=24, limit=4)
    batch = jax.tree.map(jnp.asarray, source_of(given, encoder).everywhere())
    minding = MdplLoss.of(given, given.model, 0.0)
    bare = MdplLoss.of(dataclasses.replace(given, guarded=guarded_problem(()).guarded), given.model, 0.0)
    moved = SPACE.from_fraction(jnp.asarray(POSITIONS))[None].astype(start.dtype)
    costs = [
        minding.per_site(at, None, batch, STEEP)[0] - bare.per_site(at, None, batch, STEEP)[0]
        for at in (start, moved)
    ]
    excess = radiation_error(given, moved) / radiation_error(given, start) - 1.0
    assert excess > 0.5
    np.testing.assert_allclose(costs, [[0.0], [STEEP * excess]], rtol=1e-4, atol=1e-6)


def test_what_is_learned_through_a_surrogate_minds_the_guard():
    errors = []
    for guarded in ((), ("Rnet",)):
        given = guarded_problem(guarded)
        theta = calibrate(given, settings(20), key=KEY).rule(given.sites)[0]
        errors.append(radiation_error(given, theta) / radiation_error(given, given.starts))
    assert errors[0] > 1.5, "the fluxes alone want radiation that the site does not have"
    assert errors[1] < 1.1
