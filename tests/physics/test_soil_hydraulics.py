"""Retention, roots, water stress, evaporation resistance."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tilth.physics import soil_hydraulics
from tilth.physics.soil_heat import LAYER_THICKNESS

STRESS = [
    (0.0, 0.98201), (-33.0, 0.96577), (-100.0, 0.88080), (-150.0, 0.73106), (-200.0, 0.5), (-400.0, 0.01799),
]  # fmt: skip


def stress_at(potential, unit=1.0, saturation=0.5, roots=None):
    layers = np.broadcast_to(np.asarray(potential, float), (6,))[:, None]
    weights = np.full((6, 1), 1 / 6) if roots is None else np.asarray(roots, float)[:, None]
    moist = np.broadcast_to(np.asarray(saturation, float), (6,))[:, None]
    return soil_hydraulics.water_stress(
        jnp.asarray(moist), jnp.asarray(layers), jnp.asarray(weights),
        critical_potential=jnp.asarray([-200.0]), potential_unit=unit,
    )  # fmt: skip


@pytest.mark.parametrize(("potential", "expected"), STRESS)
def test_reference_stress(potential, expected):
    total, weights = stress_at(potential)
    assert float(total[0]) == pytest.approx(expected, abs=6e-6)
    assert float(jnp.sum(weights)) == pytest.approx(1.0, abs=1e-12)


def test_kilopascals_close_stomata_ten_times_earlier():
    assert float(stress_at(-200.0 / 9.80665, unit=9.80665)[0][0]) == pytest.approx(0.5, rel=1e-9)


def test_roots_take_water_where_it_is():
    total, weights = stress_at([-1e4, -1.0, -1e4, -1.0, -1.0, -1.0], roots=[0.5, 0.25, 0.15, 0.06, 0.04, 0.0])
    assert float(total[0]) == pytest.approx(0.35 * 0.9817, rel=1e-3)
    assert float(weights[0, 0] + weights[2, 0]) < 1e-6
    assert float(jnp.sum(weights)) == pytest.approx(1.0, abs=1e-12)


def test_uptake_fades_from_a_layer_that_is_nearly_empty():
    assert float(stress_at(-10.0, saturation=0.02)[0][0]) == 0.0
    assert float(stress_at(-10.0, saturation=0.03)[0][0]) == pytest.approx(0.5 * 0.9781, rel=1e-3)


def test_frozen_or_parched_soil_has_a_finite_slope():
    def total(critical):
        saturation = jnp.full((6, 1), 0.02)
        potential = soil_hydraulics.water_potential(saturation, jnp.asarray(-0.36), jnp.asarray(8.52))
        return soil_hydraulics.water_stress(
            saturation, potential, jnp.full((6, 1), 1 / 6),
            critical_potential=critical, potential_unit=9.80665,
        )[0][0]  # fmt: skip

    assert np.isfinite(np.asarray(jax.grad(total)(jnp.asarray([-50.0])))).all()


def test_retention_and_its_bounds():
    saturation = soil_hydraulics.liquid_saturation(
        jnp.asarray([0.45, 0.2, 0.3, 0.45]), jnp.asarray([0.0, 0.0, 0.3, 0.45]), jnp.asarray([0.45] * 4)
    )
    np.testing.assert_allclose(np.asarray(saturation), [1.0, 0.2 / 0.45, 0.02, 0.02], rtol=1e-12)
    potential = soil_hydraulics.water_potential(saturation, jnp.asarray(-0.15), jnp.asarray(5.39))
    np.testing.assert_allclose(np.asarray(potential)[:2], [-0.15, -0.15 * (0.2 / 0.45) ** -5.39], rtol=1e-12)


@pytest.mark.parametrize(
    ("shallow", "deep", "expected"),
    [
        (7.0, 1.0, (0.172, 0.352, 0.292, 0.117, 0.059, 0.009)),
        (6.0, 3.0, (0.199, 0.453, 0.322, 0.025, 0.001, 0.0)),
    ],
)
def test_root_profiles_of_zeng(shallow, deep, expected):
    roots = soil_hydraulics.root_fractions(jnp.asarray([shallow]), jnp.asarray([deep]))
    np.testing.assert_allclose(np.asarray(roots)[:, 0], expected, atol=6e-4)
    assert float(jnp.sum(roots)) == pytest.approx(1.0, abs=1e-15)
    assert len(LAYER_THICKNESS) == roots.shape[0]


def test_saturated_soil_does_not_resist_evaporation():
    resistance = soil_hydraulics.soil_resistance(jnp.asarray([1.0, 0.6, 0.0]), jnp.asarray(800.0))
    np.testing.assert_allclose(np.asarray(resistance), [0.0, 400.0, 4000.0], rtol=1e-12)


def test_pore_humidity():
    potential, temperature = jnp.asarray([0.0, -1000.0]), jnp.asarray(293.15)
    humidity = soil_hydraulics.pore_humidity(potential, temperature)
    np.testing.assert_allclose(np.asarray(humidity), [1.0, np.exp(-9806.65 / (461.5 * 293.15))], rtol=1e-12)
    assert float(soil_hydraulics.pore_humidity(potential, temperature, 287.04)[1]) < float(humidity[1])


def test_the_last_water_is_out_of_reach():
    saturation = jnp.asarray([0.0, 0.02, 0.03, 0.04, 1.0])
    np.testing.assert_allclose(soil_hydraulics.reachable(saturation), [0.0, 0.0, 0.5, 1.0, 1.0], atol=1e-12)
