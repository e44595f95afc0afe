"""Heat in the soil against closed solutions; what freezing releases."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import erfc

from tilth.constants import DENSITY_WATER, LATENT_HEAT_FUSION
from tilth.physics import soil_heat

DEPTHS = np.cumsum(soil_heat.LAYER_THICKNESS) - 0.5 * np.array(soil_heat.LAYER_THICKNESS)


def layers(value):
    return jnp.asarray(np.broadcast_to(np.asarray(value, float), (6,))[:, None])


def soil(water=0.25, step=1800.0):
    one = jnp.ones(1)
    return soil_heat.conduction(layers(water), 0.45 * one, dry_conductivity=0.25 * one, step=step * one)


def test_properties():
    conduction = soil()
    assert float(soil_heat.heat_conductivity(jnp.asarray(0.25), jnp.asarray(0.25))) == pytest.approx(
        0.25 * (1 + 6 * np.tanh(1.0)), rel=1e-12
    )
    volumetric = 0.55 * 2.2e6 + 1000 * 4200 * 0.25
    np.testing.assert_allclose(
        np.array(conduction.capacity)[:, 0], volumetric * np.array(soil_heat.LAYER_THICKNESS), rtol=1e-12
    )


def test_a_flux_through_the_top_reaches_the_soil_as_in_a_half_space(monkeypatch):
    """On a fine grid the temperature under a constant flux is that of the half space (Carslaw and Jaeger)."""
    monkeypatch.setattr(soil_heat, "LAYER_THICKNESS", (0.02,) * 50)
    one = jnp.ones(1)
    water = jnp.full((50, 1), 0.25)
    conduction = soil_heat.conduction(water, 0.45 * one, dry_conductivity=0.25 * one, step=120.0 * one)
    temperature = jnp.full((50, 1), 280.0)
    conduct = jax.jit(lambda before: soil_heat.conduct(before, conduction, 100.0 * one))
    for _ in range(90):
        temperature = conduct(temperature)
    conductivity = 0.25 * (1 + 6 * np.tanh(1.0))
    diffusivity = conductivity / (0.55 * 2.2e6 + 1000 * 4200 * 0.25)
    depth, time = 0.02 * np.arange(50) + 0.01, 3 * 3600.0
    length = 2 * np.sqrt(diffusivity * time)
    ierfc = np.exp(-((depth / length) ** 2)) / np.sqrt(np.pi) - depth / length * erfc(depth / length)
    np.testing.assert_allclose(
        np.asarray(temperature)[:, 0] - 280.0, 100.0 / conductivity * length * ierfc, atol=0.05
    )


def test_conduction_keeps_its_energy_and_a_uniform_profile():
    conduction = soil()
    start = layers([285.0, 284.0, 281.0, 280.0, 279.0, 279.5])
    after = soil_heat.conduct(start, conduction, jnp.asarray([35.0]))
    gained = sum(c * (b - a) for c, a, b in zip(conduction.capacity, start, after, strict=True)) / 1800.0
    assert float(gained[0]) == pytest.approx(35.0, abs=1e-8)
    uniform = soil_heat.conduct(layers(280.0), conduction, jnp.zeros(1))
    np.testing.assert_allclose(np.asarray(uniform), 280.0, rtol=1e-14)


def test_the_surface_feels_the_soil_as_it_is_after_the_step():
    """The node eliminates the layers below exactly: the flux found from it is that of the solved column."""
    conduction, start = soil(), layers([285.0, 284.0, 281.0, 280.0, 279.0, 279.5])
    conductance = jnp.asarray([50.0])
    node = soil_heat.surface_node(start, conduction, conductance)
    surface = 300.0
    flux = node.conductance * (surface - node.temperature)
    after = soil_heat.conduct(start, conduction, flux)
    assert float(flux[0]) == pytest.approx(float((conductance * (surface - after[0]))[0]), rel=1e-12)


@pytest.mark.parametrize(
    ("temperature", "ice"), [(270.0, 0.05), (276.0, 0.2), (200.0, 0.0), (300.0, 0.25), (280.0, 0.0)]
)
def test_freezing_releases_what_it_stores(temperature, ice):
    capacity = soil().capacity
    start, water, before = layers(temperature), layers(0.3), layers(ice)
    after = soil_heat.freeze(start, water, before, capacity=capacity)
    thickness = np.array(soil_heat.LAYER_THICKNESS)[:, None]
    latent = LATENT_HEAT_FUSION * DENSITY_WATER * thickness * (np.asarray(after.ice) - ice)
    warmed = np.array(capacity) * (np.asarray(after.temperature) - temperature)
    np.testing.assert_allclose(np.asarray(after.released), latent, atol=1e-6)
    np.testing.assert_allclose(warmed, latent, atol=1e-6)
    assert (np.asarray(after.ice) >= 0).all() and (np.asarray(after.ice) <= 0.3).all()
    assert (np.asarray(after.temperature - 273.15) * (temperature - 273.15) >= -1e-9).all()
