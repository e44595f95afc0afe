"""Temperature responses, boundary layer, soil stress and the root finder of the leaf model."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tilth.physics.leaf_conductance import boundary_conductance
from tilth.physics.leaf_soil_stress import (
    layer_stress,
    porosity,
    retained_potential,
    retention_exponent,
    root_fractions,
    saturated_potential,
    soil_water_stress,
    wetness,
    wetness_from_potential,
)
from tilth.physics.leaf_temperature import (
    REFERENCE_TEMPERATURE,
    acclimated_entropy,
    arrhenius_factor,
    deactivation_factor,
    doubling_factor,
)
from tilth.physics.monotone_root import increasing_root


def test_responses_are_one_at_25_degrees():
    reference = jnp.asarray(REFERENCE_TEMPERATURE)
    assert float(arrhenius_factor(reference, 72000.0)) == 1.0
    assert float(deactivation_factor(reference, 2e5, jnp.asarray(640.0))) == 1.0
    assert float(doubling_factor(reference)) == 1.0
    assert float(doubling_factor(reference + 10.0)) == 2.0


def test_entropy_is_held_within_the_observed_growth_temperatures():
    entropy = acclimated_entropy(jnp.asarray([0.0, 11.0, 20.0, 35.0, 50.0]), 668.39, 1.07)
    np.testing.assert_allclose(
        np.asarray(entropy), 668.39 - 1.07 * np.array([11, 11, 20, 35, 35]), rtol=1e-14
    )


def test_boundary_layer_follows_the_root_of_wind():
    one = lambda value: jnp.asarray(value)  # noqa: E731
    calm = boundary_conductance(one(1.0), one(298.15), one(101325.0))
    # r_b = sqrt(0.04) / 0.01 = 20 s m-1; P / (R T) = 40.87 mol m-3.
    np.testing.assert_allclose(float(calm), 1e6 * 40.8745 / 20.0, rtol=1e-4)
    np.testing.assert_allclose(float(boundary_conductance(one(4.0), one(298.15), one(101325.0)) / calm), 2.0)


def test_mineral_soil_is_that_of_clm():
    sand, clay, none = jnp.asarray(40.0), jnp.asarray(20.0), jnp.asarray(0.0)
    np.testing.assert_allclose(float(porosity(sand, none)), 0.4386, rtol=1e-12)
    np.testing.assert_allclose(float(retention_exponent(clay, none)), 6.09, rtol=1e-12)
    np.testing.assert_allclose(float(saturated_potential(sand, none)), -10.0 * 10.0**1.356, rtol=1e-12)


def test_peat_is_that_of_letts():
    sand, clay, all_ = jnp.asarray(40.0), jnp.asarray(20.0), jnp.asarray(1.0)
    np.testing.assert_allclose(float(porosity(sand, all_)), 0.9, rtol=1e-12)
    np.testing.assert_allclose(float(retention_exponent(clay, all_)), 2.7, rtol=1e-12)
    np.testing.assert_allclose(float(saturated_potential(sand, all_)), -10.3, rtol=1e-12)


def test_wetness_is_limited_and_inverts_the_retention_curve():
    assert float(wetness(jnp.asarray(0.6), jnp.asarray(0.4))) == 1.0
    assert float(wetness(jnp.asarray(0.0), jnp.asarray(0.4))) == 0.01
    potential = jnp.asarray([-5e2, -5e4, -4e5])
    wet = wetness_from_potential(potential, jnp.asarray(-120.0), jnp.asarray(7.2))
    back = retained_potential(wet, jnp.asarray(-120.0), jnp.asarray(7.2), jnp.asarray(-1e9))
    np.testing.assert_allclose(np.asarray(back), np.asarray(potential), rtol=1e-10)


def test_stress_runs_from_closed_to_open_stomata():
    stress = layer_stress(
        jnp.asarray([-3e5, -255e3, -160.5e3, -66e3, -1e3]), jnp.asarray(-66e3), jnp.asarray(-255e3)
    )
    np.testing.assert_allclose(np.asarray(stress), [0.0, 0.0, 0.5, 1.0, 1.0], atol=1e-12)


def test_learned_form_stays_between_open_and_closed():
    wet = jnp.linspace(0.01, 1.0, 50)
    for exponent in (0.0, 0.3, 1.0):
        potential = retained_potential(wet, jnp.asarray(-66e3), jnp.asarray(exponent), jnp.asarray(-255e3))
        assert float(potential.max()) <= -66e3
        assert float(potential.min()) >= -255e3


def test_roots_of_needleleaf_trees():
    fractions = root_fractions(np.array([7.0, 7.0]), np.array([2.0, 1.0]))
    np.testing.assert_allclose(fractions.sum(axis=-1), 1.0, rtol=1e-12)
    # Published root fractions of needleleaf evergreen trees in the layers 0-10-30-60-100-200 cm.
    np.testing.assert_allclose(fractions[0], [0.342342, 0.322024, 0.177539, 0.089971, 0.068124], atol=2e-6)
    weights = jnp.asarray(fractions[:1])
    np.testing.assert_allclose(float(soil_water_stress(jnp.full((1, 5), 0.4), weights)[0]), 0.4, rtol=1e-12)


@pytest.mark.parametrize("start", [0.0, 0.5, 10.0])
def test_root_of_a_hard_function(start):
    target = jnp.asarray([0.0, 1e-3, 1.0, 50.0])

    def residual(x):
        return jnp.where(x < 2.0, x**3, 8.0 + 1e3 * (x - 2.0)) - target

    everywhere = jnp.full_like(target, start)
    tolerance = jnp.full_like(target, 1e-10)
    root = increasing_root(
        residual,
        lower=everywhere * 0.0 - 1.0,
        upper=everywhere * 0.0 + 10.0,
        start=everywhere,
        tolerance=tolerance,
    )
    assert float(jnp.abs(residual(root)).max()) <= 1e-10


def test_derivatives_of_a_root_are_implicit():
    def root(a):
        one = jnp.ones(1)
        return increasing_root(
            lambda x: x**3 - a, lower=0.0 * one, upper=10.0 * one, start=one, tolerance=1e-13 * one
        )[0]

    np.testing.assert_allclose(float(jax.grad(root)(8.0)), 1.0 / 12.0, rtol=1e-10)
    np.testing.assert_allclose(
        float(jax.grad(jax.grad(root))(8.0)), -2.0 / 9.0 * 8.0 ** (-5.0 / 3.0), rtol=1e-9
    )


def test_a_root_outside_the_bracket_gives_the_nearer_end():
    one = jnp.ones(1)
    root = increasing_root(
        lambda x: x - 20.0, lower=0.0 * one, upper=10.0 * one, start=one, tolerance=1e-9 * one
    )
    np.testing.assert_allclose(float(root[0]), 10.0, rtol=1e-12)
