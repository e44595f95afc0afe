"""Leaf gas exchange: reference numbers, the slow solver against the equations, limits."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tilth.physics.photosynthesis import Leaf, gross_assimilation, kinetics
from tilth.physics.stomata import Stomata, gas_exchange, internal_co2_by_bisection
from tilth.physics.thermodynamics import saturation_vapour_pressure

PRESSURE = 1e5
REFERENCE = [
    ("C3", 800.0, 298.15, 1.0, 0.7, 28.31829, 15.71587, 0.293015),
    ("C3", 100.0, 293.15, 0.9, 0.7, 29.14753, 5.09014, 0.095858),
    ("C3", 0.0, 288.15, 0.9, 0.9, 45.30388, -0.40923, 0.009000),
    ("C3", 800.0, 303.15, 0.3, 0.4, 22.60466, 4.03883, 0.042760),
    ("C3", 800.0, 313.15, 1.0, 0.3, 21.61507, 4.08673, 0.040616),
    ("C4", 800.0, 298.15, 1.0, 0.7, 19.21134, 29.38408, 0.280989),
]
"""Pathway, quanta, temperature, stress, relative humidity; internal CO2, net assimilation, conductance."""


def case(pathway, quanta, temperature, stress, humidity):
    c4 = pathway == "C4"
    number = jnp.asarray
    leaf = Leaf(
        number(60.0 * stress), number(0.05 if c4 else 0.08), number(quanta), number(313.0), number(288.0),
        number(0.025 if c4 else 0.015), number(0.80 if c4 else 0.98), number(0.95), number(c4),
    )  # fmt: skip
    saturated = saturation_vapour_pressure(number(temperature)) / PRESSURE
    stomata = Stomata(
        number(4.0 if c4 else 9.0), number((0.04 if c4 else 0.01) * stress), number(380e-6),
        humidity * saturated, number(1.0), number(PRESSURE),
    )  # fmt: skip
    rates = kinetics(leaf, number(temperature), number(PRESSURE))
    around = dict(boundary_conductance=number(2.0), saturated_vapour=saturated)
    return leaf, stomata, rates, around


@pytest.mark.parametrize("row", REFERENCE)
def test_reference_numbers(row):
    leaf, stomata, rates, around = case(*row[:5])
    co2 = internal_co2_by_bisection(leaf, stomata, rates, **around)
    found = gas_exchange(leaf, stomata, rates, internal_co2=co2, **around)
    assert float(co2) == pytest.approx(row[5], rel=1e-5)
    assert float(found.net) == pytest.approx(row[6], rel=1e-5)
    assert float(found.conductance) == pytest.approx(row[7], rel=2e-5)
    assert abs(float(found.residual)) < 1e-9


def test_reference_respiration():
    _, _, rates, _ = case(*REFERENCE[0][:5])
    assert float(rates.respiration) == pytest.approx(0.90941, rel=1e-5)


def test_conductance_is_that_of_ball_and_berry():
    leaf, stomata, rates, around = case(*REFERENCE[3][:5])
    co2 = internal_co2_by_bisection(leaf, stomata, rates, **around)
    found = gas_exchange(leaf, stomata, rates, internal_co2=co2, **around)
    g, net, boundary = float(found.conductance), 1e-6 * float(found.net), 2.0
    saturated = float(around["saturated_vapour"])
    surface_vapour = (boundary * 0.4 * saturated + g * saturated) / (boundary + g)
    surface_co2 = 380e-6 - 1.4 * net / boundary
    assert g == pytest.approx(9.0 * net / surface_co2 * surface_vapour / saturated + 0.003, rel=1e-9)
    assert float(co2) == pytest.approx(PRESSURE * (surface_co2 - 1.6 * net / g), rel=1e-9)


def test_at_night_leaves_respire_through_their_minimum_conductance():
    leaf, stomata, rates, around = case("C3", 0.0, 288.15, 0.9, 0.9)
    co2 = internal_co2_by_bisection(leaf, stomata, rates, **around)
    found = gas_exchange(leaf, stomata, rates, internal_co2=co2, **around)
    assert float(found.gross) < 1e-9
    assert float(found.net) == pytest.approx(-float(rates.respiration), rel=1e-9)
    assert float(found.conductance) == pytest.approx(0.009, rel=1e-9)


def test_internal_over_ambient_co2_without_intercept():
    """With no intercept and no boundary layer ci/ca = 1 - 1.6/(m h)."""
    leaf, stomata, rates, around = case("C3", 800.0, 298.15, 1.0, 0.7)
    stomata = stomata._replace(intercept=jnp.asarray(1e-9))
    around = around | {"boundary_conductance": jnp.asarray(1e6)}
    co2 = internal_co2_by_bisection(leaf, stomata, rates, **around, iterations=90)
    assert float(co2) / 38.0 == pytest.approx(1 - 1.6 / (9.0 * 0.7), rel=1e-4)


@pytest.mark.parametrize("pathway", ["C3", "C4"])
def test_curvatures_of_one_give_the_least_rate(pathway):
    leaf, _, rates, _ = case(pathway, 300.0, 296.0, 1.0, 0.7)
    leaf = leaf._replace(colimitation_ce=jnp.asarray(1.0), colimitation_ps=jnp.asarray(1.0))
    co2 = jnp.asarray(25.0)
    if pathway == "C3":
        above = 25.0 - rates.compensation
        limits = [
            rates.rubisco * above / (25.0 + rates.michaelis),
            0.08 * 300.0 * above / (25.0 + 2.0 * rates.compensation),
            rates.sink,
        ]
    else:
        limits = [rates.rubisco, jnp.asarray(0.05 * 300.0), rates.sink * 25.0]
    expected = min(float(x) for x in limits)
    assert float(gross_assimilation(leaf, rates, co2)) == pytest.approx(expected, rel=1e-6)


def test_assimilation_stops_below_the_compensation_point():
    leaf, _, rates, _ = case("C3", 800.0, 298.15, 1.0, 0.7)
    value, slope = jax.value_and_grad(lambda c: gross_assimilation(leaf, rates, c))(0.5 * rates.compensation)
    assert abs(float(value)) < 1e-9
    assert np.isfinite(float(slope))


def test_heat_and_cold_inhibit():
    leaf, *_ = case("C3", 800.0, 298.15, 1.0, 0.7)
    pressure = jnp.asarray(PRESSURE)
    best, hot, cold = (kinetics(leaf, jnp.asarray(t), pressure) for t in (300.0, 325.0, 270.0))
    assert float(hot.rubisco) < 0.3 * float(best.rubisco)
    assert float(cold.sink) < 0.1 * float(best.sink)
