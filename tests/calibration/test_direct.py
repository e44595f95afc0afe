import jax
import numpy as np
import pytest
from helpers_calibration import TRUTH, BucketModel, twin_record
from helpers_models import SPACE, AnalyticModel

from tilth.calibration.base import Problem, Status, calibrate
from tilth.calibration.descent import Adam, Lbfgs
from tilth.calibration.direct import Direct
from tilth.data.containers import Observation, Sites
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
    # Noise of 0.5 W m-2 leaves a few thousandths of the range, and a hundredth of that of the drainage.
    np.testing.assert_allclose(learned_positions(result, given.sites)[0], TRUTH, atol=0.02)
    assert result.history.loss[-1] < 0.02 * result.history.loss[0]


def test_lbfgs_recovers_the_parameters_of_a_twin():
    given = problem()
    method = Direct(descent=Lbfgs(steps=3, iterations=12), window_days=10.0, refresh=1, prior=0.0)
    result = calibrate(given, method, key=KEY)
    np.testing.assert_allclose(learned_positions(result, given.sites)[0], TRUTH, atol=0.02)
