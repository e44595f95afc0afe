"""The snow pack: conservation in every case, melt, refreezing, cover, ageing."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tilth.constants import HEAT_CAPACITY_ICE, LATENT_HEAT_FUSION
from tilth.physics import snow

STEP = 1800.0


def updated(mass, temperature, *, top=0.0, sublimation=0.0, rain=0.0, snowfall=0.0, soil=272.0, age=0.2):
    numbers = np.broadcast_arrays(mass, temperature, top, sublimation, rain, snowfall, soil, age)
    mass, temperature, top, sublimation, rain, snowfall, soil, age = (
        jnp.asarray(np.atleast_1d(n).astype(float)) for n in numbers
    )
    pack = snow.SnowPack(mass, temperature, age)
    return snow.update_snow(
        pack, snow.SnowForcing(top, sublimation, rain, snowfall), cover=snow.snow_cover(mass),
        soil_temperature=soil, soil_conductance=jnp.full_like(mass, 40.0), step=jnp.full_like(mass, STEP),
    )  # fmt: skip


def test_mass_and_energy_close_in_every_case():
    rng = np.random.default_rng(3)
    count = 3000
    mass = 10.0 ** rng.uniform(-8, 3, count)
    mass[:100] = 0.0
    draws = dict(
        temperature=rng.uniform(230, 273.15, count),
        top=rng.uniform(-400, 200, count) * np.asarray(snow.snow_cover(jnp.asarray(mass))),
        sublimation=np.minimum(rng.uniform(-1e-5, 1e-4, count), 0.99 * mass / STEP),
        rain=rng.uniform(0, 3e-3, count) * (rng.uniform(size=count) < 0.5),
        snowfall=rng.uniform(0, 2e-3, count) * (rng.uniform(size=count) < 0.5),
        soil=rng.uniform(255, 290, count),
    )
    after = updated(mass, **draws)
    change = np.asarray(after.pack.mass) - mass
    expected = (draws["snowfall"] + draws["rain"] - draws["sublimation"] - np.asarray(after.water)) * STEP
    np.testing.assert_allclose(change, expected, atol=1e-10)
    np.testing.assert_allclose(
        np.asarray(after.heat + after.gained),
        -draws["top"],
        atol=1e-9,
        err_msg="heat in is kept or passed on",
    )
    assert (np.asarray(after.pack.mass) >= -1e-12).all()
    assert (np.asarray(after.water) >= 0).all()
    assert np.asarray(after.pack.temperature).max() <= 273.15 + 1e-9
    for leaf in jax.tree.leaves(after):
        assert np.isfinite(np.asarray(leaf)).all()


def test_heat_beyond_the_melting_point_melts():
    after = updated(100.0, 273.15, top=-200.0, soil=273.15)
    # Fully covered: heat goes into the pack and, through its base, into soil at the melting point.
    melted = float(after.water[0]) * STEP
    assert float(after.pack.temperature[0]) == 273.15
    assert melted * LATENT_HEAT_FUSION / STEP + float(after.heat[0]) == pytest.approx(200.0, rel=1e-9)
    assert melted == pytest.approx(100.0 - float(after.pack.mass[0]), rel=1e-9)
    assert melted > 0.5


def test_a_cold_pack_freezes_rain():
    after = updated(100.0, 263.15, rain=1e-4, soil=263.15)
    assert float(after.water[0]) == 0.0
    assert float(after.pack.mass[0]) == pytest.approx(100.18, rel=1e-12)
    warmed = LATENT_HEAT_FUSION * 0.18 / (HEAT_CAPACITY_ICE * 100.18)
    assert 263.15 < float(after.pack.temperature[0]) < 263.15 + 1.1 * warmed


def test_at_most_a_tenth_refreezes():
    after = updated(10.0, 240.0, rain=1e-2, soil=240.0)
    assert float(after.pack.mass[0]) == pytest.approx(11.0, rel=1e-9)


def test_the_last_snow_leaves_and_the_rest_of_the_heat_warms_the_soil():
    after = updated(0.05, 273.15, top=-100.0, soil=273.15)
    assert float(after.pack.mass[0]) == pytest.approx(0.0, abs=1e-12)
    assert float(after.water[0]) * STEP == pytest.approx(0.05, rel=1e-9)
    assert float(after.heat[0]) == pytest.approx(100.0 - 0.05 * LATENT_HEAT_FUSION / STEP, rel=1e-9)


def test_cover_is_the_square_root_of_mass_and_starts_with_a_finite_slope():
    mass = jnp.asarray([0.0, 25.0, 100.0, 500.0])
    np.testing.assert_allclose(np.asarray(snow.snow_cover(mass)), [0.0, 0.5, 1.0, 1.0], atol=0.011)
    slope = jax.vmap(jax.grad(snow.snow_cover))(jnp.asarray([0.0, 1e-5, 1.0]))
    assert np.isfinite(np.asarray(slope)).all()
    thin = snow.mass_per_cover(jnp.asarray(1e-5), snow.snow_cover(jnp.asarray(1e-5)))
    assert float(thin) == pytest.approx(2.0, rel=0.15)


def test_snow_ages_and_new_snow_renews_it():
    aged = updated(50.0, [253.0, 273.15], soil=[253.0, 273.15])
    assert 0.2 < float(aged.pack.age[0]) < float(aged.pack.age[1])
    renewed = updated(50.0, 270.0, snowfall=10.0 / STEP, soil=270.0)
    assert float(renewed.pack.age[0]) == 0.0
    visible, infrared, thermal = snow.albedos(jnp.asarray([0.0, 1.0]), jnp.asarray([0.9, 0.9]))
    np.testing.assert_allclose(np.array([visible, infrared, thermal]), [[0.9, 0.65], [0.7, 0.2], [0.01, 0.1]])


def test_the_surface_feels_the_pack_as_it_is_after_the_step():
    mass, temperature, soil_temperature = (jnp.asarray([x]) for x in (60.0, 265.0, 271.0))
    conductance, step = jnp.asarray([40.0]), jnp.asarray([STEP])
    node = snow.surface_node(
        mass, temperature, soil_temperature=soil_temperature, soil_conductance=conductance, step=step
    )
    flux = node.conductance * (270.0 - node.temperature)
    inertia = HEAT_CAPACITY_ICE * mass / step
    below = snow.base_conductance(mass, conductance)
    after = (inertia * temperature + below * soil_temperature + flux) / (inertia + below)
    felt = snow.surface_conductance(mass) * (270.0 - after)
    assert float(flux[0]) == pytest.approx(float(felt[0]), rel=1e-12)
