"""Elementary functions against those of NumPy and SciPy, and their slopes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import expit

from tilth.physics.dual import Dual, computed_once
from tilth.physics.elementary import arctan, power, sigmoid

EVERYWHERE = np.concatenate([-np.logspace(2, -8, 400), [0.0], np.logspace(-8, 2, 401)])


@pytest.mark.parametrize(("function", "reference"), [(sigmoid, expit), (arctan, np.arctan)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_functions_are_the_known_ones(function, reference, dtype):
    x = EVERYWHERE.astype(dtype)
    found = np.asarray(function(jnp.asarray(x)))
    assert found.dtype == dtype
    np.testing.assert_allclose(
        found, reference(x.astype(np.float64)), rtol=8 * np.finfo(dtype).eps, atol=1e-37
    )


@pytest.mark.parametrize("function", [sigmoid, arctan])
def test_ends_are_finite_and_nan_stays(function):
    ends = np.asarray(function(jnp.asarray([-np.inf, np.inf, np.nan])))
    assert np.isfinite(ends[:2]).all() and np.isnan(ends[2])


@pytest.mark.parametrize(
    ("function", "slope"),
    [(sigmoid, lambda x: expit(x) * expit(-x)), (arctan, lambda x: 1.0 / (1.0 + x * x))],
)
def test_slopes_are_the_known_ones(function, slope):
    x = EVERYWHERE[np.abs(EVERYWHERE) < 20.0]
    found = jax.vmap(jax.grad(function))(jnp.asarray(x))
    np.testing.assert_allclose(np.asarray(found), slope(x), rtol=1e-7)


def test_powers():
    x = np.logspace(-6, 6, 200)
    for exponent in (-2.2, 0.15, 1.1):
        np.testing.assert_allclose(np.asarray(power(jnp.asarray(x), exponent)), x**exponent, rtol=1e-13)


def test_what_is_computed_once_is_the_same_to_the_last_bit():
    x = jnp.asarray([-np.inf, -3.3, -0.0, 3e-308, 1e307, np.inf, np.nan])
    same = computed_once((x, (x > 0.0), Dual(x, (None, 2.0 * x))))
    assert np.array_equal(np.asarray(same[0]), np.asarray(x), equal_nan=True)
    assert np.signbit(np.asarray(same[0]))[2] and same[1].dtype == bool
    assert same[2].partials[0] is None
    assert np.array_equal(np.asarray(same[2].partials[1]), 2.0 * np.asarray(x), equal_nan=True)
    assert float(jax.grad(lambda y: computed_once(y) ** 2)(3.0)) == 6.0
