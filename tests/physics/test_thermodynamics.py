"""Saturation and density of moist air."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tilth.physics import thermodynamics


def test_saturation_over_water_and_ice():
    temperature = jnp.asarray([263.15, 273.15, 293.15])
    expected = [611.2 * np.exp(22.46 * -10 / 262.62), 611.2, 611.2 * np.exp(17.67 * 20 / 263.5)]
    np.testing.assert_allclose(
        np.asarray(thermodynamics.saturation_vapour_pressure(temperature)), expected, rtol=1e-12
    )
    # Tables give 259.9, 611.2 and 2339 Pa.
    np.testing.assert_allclose(expected, [259.9, 611.2, 2339.0], rtol=2e-3)


def test_humidity_and_vapour_pressure_are_inverse():
    temperature, pressure = jnp.asarray(290.0), jnp.asarray(9e4)
    humidity = thermodynamics.saturation_specific_humidity(temperature, pressure)
    back = thermodynamics.vapour_pressure(humidity, pressure)
    assert float(back) == pytest.approx(
        float(thermodynamics.saturation_vapour_pressure(temperature)), rel=1e-12
    )


def test_moist_air_is_lighter():
    temperature, pressure = jnp.asarray(288.15), jnp.asarray(101325.0)
    dry = thermodynamics.air_density(temperature, jnp.asarray(0.0), pressure)
    moist = thermodynamics.air_density(temperature, jnp.asarray(0.01), pressure)
    assert float(dry) == pytest.approx(1.225, rel=1e-3)
    assert float(moist) == pytest.approx(float(dry) / 1.00608, rel=1e-12)


def test_slope_obeys_clausius_and_clapeyron():
    slope = float(jax.grad(thermodynamics.saturation_vapour_pressure)(293.15))
    expected = 2.45e6 * 2339.0 / (461.5 * 293.15**2)
    assert slope == pytest.approx(expected, rel=0.01)
