import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from helpers_calibration import BucketModel, twin_record
from helpers_models import SPACE
from tilth.calibration.base import Problem, calibrate
from tilth.calibration.descent import Adam
from tilth.calibration.direct import Direct
from tilth.calibration.generator import GeneratorSettings
from tilth.calibration.rules import PerClass, Shared, mean_theta
from tilth.data.containers import Observation, Sites

KEY = jax.random.key(0)
QUICK = Adam(steps=12, learning_rate=0.3)
A, B = twin_record("a", 24, 0), twin_record("b", 24, 1, np.array([0.5, 0.5, 0.6]))


def of_class(record, plant_class):
    return record.replace(attributes=dataclasses.replace(record.attributes, plant_class=plant_class))


def test_a_class_has_its_vector_also_at_sites_never_seen():
    theta = np.asarray(SPACE.from_fraction(jnp.asarray([[0.2, 0.3, 0.4], [0.6, 0.7, 0.8]])))
    rule = PerClass(("woodland", "grassland"), theta)
    new = Sites.of([of_class(A, "grassland"), of_class(B, "woodland")])
    np.testing.assert_array_equal(np.asarray(rule(new))[0], theta[[1, 0]])
    with pytest.raises(ValueError, match="no parameters were learned for the class evergreen: expected"):
        rule(Sites.of([of_class(A, "evergreen")]))


def test_means_are_of_unconstrained_values_and_keep_what_all_share():
    middle = np.asarray(SPACE.from_fraction(jnp.asarray([[0.2, 0.5, 0.0], [0.8, 0.5, 0.0]])))
    position = np.asarray(SPACE.fraction(jnp.asarray(mean_theta(SPACE, middle))[None]))[0]
    np.testing.assert_allclose(position, [0.5, 0.5, 0.0], atol=1e-12)
    assert mean_theta(SPACE, middle)[2] == middle[0, 2]


def test_sites_that_share_parameters_get_one_vector_between_their_own():
    problem = Problem.of(BucketModel(), Sites.of([A, B]))
    shared = calibrate(problem, Direct(descent=QUICK, shared=True, window_days=10.0, prior=0.0), key=KEY)
    own = calibrate(problem, Direct(descent=QUICK, window_days=10.0, prior=0.0), key=KEY)
    assert isinstance(shared.rule, Shared)
    theta = np.asarray(shared.rule(problem.sites))[0]
    assert np.array_equal(theta[0], theta[1])
    own_theta = np.asarray(own.rule(problem.sites))[0]
    conductance = np.asarray(SPACE.fraction(jnp.asarray(np.vstack([own_theta, theta[:1]]))))[:, 1]
    assert conductance[1] < conductance[2] < conductance[0]
    assert shared.history.loss.min() > own.history.loss.min()


def test_sites_that_share_parameters_must_start_alike():
    starts = np.asarray(SPACE.from_fraction(jnp.asarray([[0.5, 0.5, 0.5], [0.4, 0.5, 0.5]])))
    problem = Problem.of(BucketModel(), Sites.of([A, B]), starts=starts)
    with pytest.raises(ValueError, match="the same starting parameters at all sites"):
        calibrate(problem, Direct(descent=QUICK, shared=True), key=KEY)
    with pytest.raises(ValueError, match="shared parameters or a generator, got both"):
        Direct(shared=True, generator=GeneratorSettings())


def test_a_rule_without_fluxes_knows_new_sites_by_forcing_and_attributes_only():
    problem = Problem.of(BucketModel(), Sites.of([A, B]))
    blind = GeneratorSettings(hidden=4, window=24, sees_fluxes=False)
    steps = Adam(steps=4, learning_rate=0.05)
    rule = calibrate(problem, Direct(descent=steps, generator=blind, window_days=10.0), key=KEY).rule
    new = twin_record("new", 24, 2)
    starts = np.asarray(SPACE.from_fraction(jnp.full((1, 3), 0.4)))
    rule = rule.starting_at(("new",), starts)
    theta = np.asarray(rule(Sites.of([new])))
    unseen = {n: Observation(o.value * 3.0 - 50.0, o.quality) for n, o in new.observations.items()}
    assert np.array_equal(np.asarray(rule(Sites.of([new.replace(observations=unseen)]))), theta)
    assert np.array_equal(np.asarray(rule(Sites.of([new.replace(observations={})]))), theta)
    assert not np.array_equal(theta[0, 0], np.asarray(rule(problem.sites))[0, 0])
    # It moves from the given starts, not from those of the class.
    assert np.abs(np.asarray(SPACE.fraction(jnp.asarray(theta)))[0, 0] - 0.4).max() < 0.2
