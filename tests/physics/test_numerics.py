"""Roots without cancellation, draining stores, elimination."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tilth.physics.numerics import draining, larger_root, smaller_root, tridiagonal


def test_smaller_root_solves_its_quadratic_and_tends_to_the_minimum():
    a, b = jnp.asarray([3.0, 1e-6, 20.0]), jnp.asarray([5.0, 30.0, 20.0])
    root = np.asarray(smaller_root(0.95, a, b))
    residual = 0.95 * root**2 - np.asarray(a + b) * root + np.asarray(a * b)
    np.testing.assert_allclose(residual, 0.0, atol=1e-9)
    np.testing.assert_allclose(np.asarray(smaller_root(1.0, a, b)), np.minimum(a, b), rtol=1e-9)


def test_smaller_root_has_a_slope_at_zero():
    slope = jax.grad(lambda a: smaller_root(0.98, a, 0.0))(0.0)
    assert np.isfinite(float(slope))


def test_larger_root_does_not_cancel():
    linear, constant = jnp.asarray([1e8, -3.0, 0.0]), jnp.asarray([-1.0, -4.0, -9.0])
    np.testing.assert_allclose(np.asarray(larger_root(linear, constant)), [1e-8, 4.0, 3.0], rtol=1e-12)


def test_draining_never_empties_the_store_and_its_slope_is_right():
    x = jnp.asarray([-2.0, 0.0, 1e-5, 9.9e-4, 1.01e-3, 0.5, 30.0])
    value, slope = draining(x)
    positive = np.maximum(np.asarray(x), 1e-300)
    np.testing.assert_allclose(np.asarray(value), -np.expm1(-positive) / positive, rtol=1e-9)
    assert bool(jnp.all(value * jnp.maximum(x, 0.0) < 1.0 + 1e-12))
    for k in (2, 4, 5):
        h = 1e-6 if k > 2 else 1e-7
        difference = (draining(x[k] + h)[0] - draining(x[k] - h)[0]) / (2 * h)
        assert float(slope[k]) == pytest.approx(float(difference), rel=1e-3)


def test_tridiagonal_solves():
    rng = np.random.default_rng(1)
    lower, upper = rng.uniform(-1, 0, (6, 3)), rng.uniform(-1, 0, (6, 3))
    diagonal, right = rng.uniform(2.5, 4, (6, 3)), rng.normal(size=(6, 3))
    rows = ([jnp.asarray(row) for row in a] for a in (lower, diagonal, upper, right))
    solution = np.array(tridiagonal(*rows))
    for j in range(3):
        matrix = np.diag(diagonal[:, j]) + np.diag(lower[1:, j], -1) + np.diag(upper[:-1, j], 1)
        np.testing.assert_allclose(solution[:, j], np.linalg.solve(matrix, right[:, j]), rtol=1e-12)
