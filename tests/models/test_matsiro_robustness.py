"""Draws of parameters and weather far beyond any tower: nothing may become NaN, in value or gradient."""

import os

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from matsiro_cases import BUDGETS, box, defaults, season

from tilth.data.containers import Sites
from tilth.data.weather import synthetic_site
from tilth.models.matsiro.integrate import integrate
from tilth.models.matsiro.model import Matsiro
from tilth.models.matsiro.options import MatsiroOptions
from tilth.models.matsiro.state import ColumnForcing, initial_state

DRAWS = int(os.environ.get("TILTH_DRAWS", "100000"))
BATCH = 2000
STEPS = 3


def drawn_weather(rng, count):
    """From the polar night to the desert noon, ``[time, column]``, each column a day part of its own."""
    mean = rng.uniform(225.0, 322.0, count)
    temperature = mean + rng.normal(0.0, 1.0, (STEPS, count)).cumsum(axis=0)
    saturation = 611.2 * np.exp(17.67 * (temperature - 273.15) / (temperature - 29.65))
    cosine = rng.uniform(-1.0, 1.0, (1, count)) + np.zeros((STEPS, 1))
    clear = rng.uniform(0.05, 0.85, (STEPS, count))
    emissivity = rng.uniform(0.55, 1.05, (STEPS, count))
    wet = rng.uniform(size=(STEPS, count)) < 0.3
    pressure = np.broadcast_to(rng.uniform(6e4, 1.04e5, count), (STEPS, count))
    return {
        "air_temperature": temperature,
        "specific_humidity": 0.622 * saturation * rng.uniform(0.02, 1.02, (STEPS, count)) / pressure,
        "wind_speed": rng.exponential(3.0, (STEPS, count)) * (rng.uniform(size=(STEPS, count)) > 0.1),
        "surface_pressure": pressure,
        "shortwave_down": 1361.0 * np.maximum(cosine, 0.0) * clear,
        "longwave_down": emissivity * 5.67e-8 * temperature**4,
        "precipitation": wet * rng.exponential(5e-4, (STEPS, count)),
        "co2": np.broadcast_to(rng.uniform(2.8e-4, 1e-3, count), (STEPS, count)),
        "leaf_area_index": np.broadcast_to(rng.choice([0.0, 0.01, 1.0, 8.0], count), (STEPS, count)),
        "cos_zenith": cosine,
        "water_input": np.zeros((STEPS, count)),
    }


def drawn_state(rng, column, temperature):
    """Soil from parched to full, frozen where it is cold, with and without snow and wet leaves."""
    count = len(temperature)
    porosity = column.parameters["soil_porosity"]
    state = initial_state(jnp.asarray(temperature), porosity)
    water = porosity[None] * jnp.asarray(rng.uniform(0.03, 1.0, (6, count)))
    cold = jnp.asarray(temperature < 273.15)
    ice = jnp.where(cold, water * jnp.asarray(rng.uniform(0.0, 1.0, (6, count))), 0.0)
    mass = jnp.asarray(10.0 ** rng.uniform(-7.0, 2.7, count) * (rng.uniform(size=count) < 0.5))
    pack = jnp.minimum(jnp.asarray(temperature), 273.15)
    return eqx.tree_at(
        lambda s: (s.soil_water, s.soil_ice, s.snow.mass, s.snow.temperature, s.canopy_water),
        state,
        (water, ice, mass, pack, jnp.asarray(rng.uniform(0.0, 3e-4, count))),
    )


@pytest.mark.slow
def test_no_draw_becomes_nan():
    """Cold starts: every batch from states that no run has prepared."""
    space = box()
    sites = Sites.of([season("temperate", c, 0, 1) for c in ("woodland", "grassland")])
    model = Matsiro(space, MatsiroOptions(spin_up_years=0))
    unconverged, residual, steps = 0, 0.0, 0
    closed = dict.fromkeys(BUDGETS[1:], 0.0)

    def columns(x, kinds):
        return model.columns(space.to_physical(x), sites, kinds, np.arange(BATCH))

    @eqx.filter_jit
    def evaluate(x, forcing, state):
        def loss(x):
            names = (*BUDGETS, "Qle", "Qh", "GPP", "RadT", "converged")
            outputs, last = integrate(columns(x, kinds), state, forcing, model.options, names=names)
            return jnp.sum(outputs["Qle"] + outputs["Qh"]), (outputs, last)

        return jax.value_and_grad(loss, has_aux=True)(x)

    kinds = np.arange(BATCH) % 2
    for batch in range(-(-DRAWS // BATCH)):
        rng = np.random.default_rng([11, batch])
        fractions = rng.uniform(size=(BATCH, len(space.names)))
        # A fifth of the draws on a corner of the box.
        corner = rng.uniform(size=(BATCH, 1)) < 0.2
        fractions = np.clip(np.where(corner, fractions > 0.5, fractions), 1e-4, 1 - 1e-4)
        x = jnp.asarray(np.log(fractions / (1 - fractions)))
        weather = drawn_weather(rng, BATCH)
        soil = weather["air_temperature"][0] + rng.normal(0.0, 5.0, BATCH)
        state = drawn_state(rng, columns(x, kinds), soil)
        forcing = ColumnForcing(**{name: jnp.asarray(series) for name, series in weather.items()})
        (_, (outputs, last)), gradient = evaluate(x, forcing, state)
        for leaf in jax.tree.leaves((outputs, last, gradient)):
            assert np.isfinite(np.asarray(leaf)).all(), f"batch {batch}"
        converged = np.asarray(outputs["converged"]) > 0.5
        unconverged += int((~converged).sum())
        steps += converged.size
        residual = max(residual, float(np.abs(np.asarray(outputs["SurfaceResidual"])[converged]).max()))
        for name in closed:
            closed[name] = max(closed[name], float(np.abs(np.asarray(outputs[name])).max()))
    print(f"\n{DRAWS} draws: {unconverged} of {steps} steps did not converge; {closed}")
    assert residual < 1e-6
    assert closed["WaterResidual"] < 1e-9
    assert closed["EnergyResidual"] < 1e-6
    assert unconverged < 1e-3 * steps


@pytest.mark.slow
def test_whole_cold_years_have_finite_gradients():
    """A year from frost to thaw to frost, with its gradient, at the defaults and at drawn parameters."""
    climates, plants = ("polar", "continental", "continental"), ("grassland", "woodland", "cultivation")
    records = [
        synthetic_site(f"{climate}-{plant}", plant_class=plant, climate=climate, years=1.0, seed=3)
        for climate, plant in zip(climates, plants, strict=True)
    ]
    sites = Sites.of(records)
    space = box()
    model = Matsiro(space, MatsiroOptions(spin_up_years=1))
    length = len(records[0].time)
    windows = model.cut_windows(sites, length)
    theta = jnp.asarray(defaults(space, sites))
    state = model.trajectories(theta[None], sites, length)[1]

    def loss(x):
        names = ("Qle", "Qh", "SWE", *BUDGETS)
        outputs, last = model.run_windows(space.to_physical(x), sites, windows, state, names)
        return jnp.mean(outputs["Qle"] ** 2 + outputs["Qh"] ** 2), (outputs, last)

    (_, (outputs, last)), gradient = jax.value_and_grad(loss, has_aux=True)(space.to_unconstrained(theta))
    for leaf in jax.tree.leaves((outputs, last, gradient)):
        assert np.isfinite(np.asarray(leaf)).all()
    assert float(outputs["SWE"].max()) > 10.0 and float(outputs["SWE"][10000].min()) < 1.0
    assert float(outputs["converged"].mean()) > 0.9999
    assert float(jnp.abs(outputs["EnergyResidual"]).max()) < 1e-6
    assert float(jnp.abs(outputs["WaterResidual"]).max()) < 1e-9
    assert bool(jnp.any(gradient != 0.0))
