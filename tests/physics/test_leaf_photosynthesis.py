"""Golden numbers, gradients and robustness of leaf photosynthesis."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tilth.physics.leaf_kinetics import LeafKinetics, c3_kinetics, c4_kinetics, choose_pathway
from tilth.physics.leaf_photosynthesis import (
    LeafRates,
    LeafStomata,
    LeafSurroundings,
    gross_rate,
    leaf_photosynthesis,
)
from tilth.physics.thermodynamics import saturation_vapour_pressure

PRESSURE = 101325.0


def kinetics_of(v25, temperature, growth, beta, is_c4, pressure=PRESSURE):
    pressure = jnp.broadcast_to(jnp.asarray(pressure), temperature.shape)
    c3 = c3_kinetics(
        v25,
        1.67 * v25,
        temperature=temperature,
        pressure=pressure,
        growth_temperature=growth,
        oxygen_fraction=0.209,
    )
    chosen = choose_pathway(is_c4, c4_kinetics(v25, temperature), c3)
    return eqx.tree_at(lambda k: k.carboxylation, chosen, chosen.carboxylation * beta)


@jax.jit
def solve(
    v25,
    slope,
    g0,
    temperature,
    light,
    beta,
    growth,
    is_c4,
    *,
    pressure=PRESSURE,
    co2=None,
    deficit=None,
    boundary=2e6,
):
    shape = temperature.shape
    pressure = jnp.broadcast_to(jnp.asarray(pressure), shape)
    surroundings = LeafSurroundings(
        temperature=temperature,
        light=light,
        pressure=pressure,
        co2=390e-6 * pressure if co2 is None else co2,
        deficit=0.4 * saturation_vapour_pressure(temperature) if deficit is None else deficit,
        boundary=jnp.broadcast_to(jnp.asarray(boundary), shape),
        growth_temperature=growth,
    )
    kinetics = kinetics_of(v25, temperature, growth, beta, is_c4, pressure)
    return leaf_photosynthesis(kinetics, LeafStomata(slope=slope, intercept=g0 * beta), surroundings, is_c4)


GOLDEN = {
    # v25, g1, g0, T, absorbed PAR [W m-2], beta, t10, C4: Ci, A_n, g_s. Computed independently.
    "warm C3": ((57.7, 4.45, 1e4, 298.15, 300.0, 1.0, 20.0, False), (31.429061, 13.930543, 318103.8)),
    "hot dry C3": ((57.7, 4.45, 1e4, 308.15, 400.0, 0.7, 25.0, False), (29.869195, 7.742698, 137963.6)),
    "cool dim C3": ((62.6, 2.35, 1e4, 285.15, 40.0, 1.0, 12.0, False), (30.528234, 6.857341, 130756.7)),
    "C4": ((51.6, 1.62, 4e4, 303.15, 350.0, 1.0, 25.0, True), (21.511468, 64.075778, 771734.2)),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_numbers(name):
    (v25, slope, g0, temperature, par, beta, growth, is_c4), expected = GOLDEN[name]
    one = lambda value: jnp.asarray([value])  # noqa: E731
    rates = solve(
        one(v25), one(slope), one(g0), one(temperature), one(4.6 * par), one(beta), one(growth), one(is_c4)
    )
    got = [float(rates.intercellular[0]), float(rates.net[0]), float(rates.conductance[0])]
    # The reference used R = 8.31447 J mol-1 K-1, the project's constant differs by 1e-6.
    np.testing.assert_allclose(got, expected, rtol=1e-5)


def test_golden_kinetics():
    one = lambda value: jnp.asarray([value])  # noqa: E731
    k = kinetics_of(one(57.7), one(298.15), one(20.0), one(1.0), one(False))
    np.testing.assert_allclose(
        [float(k.carboxylation[0]), float(k.electron_transport[0]), float(k.respiration[0])],
        [57.7, 96.359, 0.8655],
        rtol=1e-5,
    )
    k = kinetics_of(one(57.7), one(308.15), one(25.0), one(0.7), one(False))
    np.testing.assert_allclose(
        [float(k.carboxylation[0]), float(k.electron_transport[0]), float(k.respiration[0])],
        [75.672479, 138.249626, 0.859053],
        rtol=1e-5,
    )


def random_leaves(count, seed=0):
    random = np.random.default_rng(seed)
    draw = lambda low, high: jnp.asarray(random.uniform(low, high, count))  # noqa: E731
    is_c4 = jnp.asarray(random.random(count) < 0.3)
    beta = draw(0.0, 1.0).at[: count // 50].set(0.0)
    light = draw(0.0, 2500.0).at[count // 50 : count // 25].set(0.0)
    pressure = draw(5e4, 1.05e5)
    arguments = (
        draw(5.0, 200.0),
        draw(1.0, 6.0),
        jnp.where(is_c4, 4e4, 1e4),
        draw(265.0, 323.0),
        light,
        beta,
        draw(-10.0, 40.0),
        is_c4,
    )
    given = {
        "pressure": pressure,
        "co2": draw(150e-6, 1200e-6) * pressure,
        "deficit": draw(0.0, 9000.0),
        "boundary": 10.0 ** draw(5.0, 7.3),
    }
    return arguments, given


def test_hundred_thousand_random_leaves_are_solved():
    arguments, given = random_leaves(100_000)
    rates = solve(*arguments, **given)
    assert all(bool(jnp.all(jnp.isfinite(field))) for field in jax.tree.leaves(rates))
    assert float(jnp.abs(rates.residual).max()) < 1e-6
    assert float(rates.intercellular.min()) > 0.0
    # Respiration is the least and Vcmax the most that a leaf can exchange.
    assert bool(jnp.all(rates.conductance >= 1.0))


def test_gradients_at_random_leaves_are_finite():
    arguments, given = random_leaves(20_000, seed=1)

    def total(v25, beta):
        a = (v25, *arguments[1:5], beta, *arguments[6:])
        return jnp.sum(solve(*a, **given).net)

    gradients = jax.jit(jax.grad(total, argnums=(0, 1)))(arguments[0], arguments[5])
    assert all(bool(jnp.all(jnp.isfinite(g))) for g in gradients)


def test_gradients_match_central_differences():
    is_c4 = jnp.asarray([False] * 4 + [True] * 4)
    cases = jnp.asarray([(1.0, 1800.0), (0.4, 700.0), (0.05, 60.0), (0.8, 0.0)] * 2)
    everywhere = lambda value: jnp.full(8, value)  # noqa: E731
    g0 = jnp.where(is_c4, 4e4, 1e4)

    @jax.jit
    def net(v25, stress, slope, temperature):
        return solve(v25, slope, g0, temperature, cases[:, 1], stress, everywhere(22.0), is_c4).net

    point = (everywhere(60.0), cases[:, 0], everywhere(4.0), everywhere(301.0))
    gradient = jax.grad(lambda *p: jnp.sum(net(*p)), argnums=(0, 1, 2, 3))(*point)
    for position, value in enumerate(point):
        step = 1e-5 * value
        up, down = list(point), list(point)
        up[position], down[position] = value + step, value - step
        numerical = (net(*up) - net(*down)) / (2 * step)
        # Residuals of 4e-9 Pa over steps of 1e-6 leave about 1e-4 of error where gradients are small.
        np.testing.assert_allclose(
            np.asarray(gradient[position]), np.asarray(numerical), rtol=2e-4, atol=1e-6
        )


def test_second_derivative_goes_through_the_root():
    one = lambda value: jnp.asarray([value])  # noqa: E731

    def net(v25):
        return solve(
            one(v25), one(4.0), one(1e4), one(300.0), one(900.0), one(0.7), one(22.0), one(False)
        ).net[0]

    step = 1e-3
    slope = jax.grad(net)
    numerical = (slope(60.0 + step) - slope(60.0 - step)) / (2 * step)
    np.testing.assert_allclose(float(jax.grad(slope)(60.0)), float(numerical), rtol=1e-4)


def test_dry_soil_closes_the_leaf_to_respiration():
    one = lambda value: jnp.asarray([value])  # noqa: E731
    rates = solve(one(60.0), one(4.0), one(1e4), one(300.0), one(900.0), one(0.0), one(22.0), one(False))
    kinetics = kinetics_of(one(60.0), one(300.0), one(22.0), one(0.0), one(False))
    np.testing.assert_allclose(float(rates.net[0]), -float(kinetics.respiration[0]), rtol=1e-12)
    assert float(rates.conductance[0]) == 1.0


def test_supply_and_demand_agree():
    arguments, given = random_leaves(500, seed=2)
    rates: LeafRates = solve(*arguments, **given)
    drop = rates.net * given["pressure"] * (1.4 / given["boundary"] + 1.6 / rates.conductance)
    np.testing.assert_allclose(
        np.asarray(given["co2"] - rates.intercellular), np.asarray(drop), rtol=1e-6, atol=1e-6
    )


def test_conductance_is_the_larger_root_of_the_published_quadratic():
    arguments, given = random_leaves(2000, seed=3)
    rates = solve(*arguments, **given)
    growing = np.asarray(rates.net) > 0.1
    p, gb = np.asarray(given["pressure"]), np.asarray(given["boundary"])
    vpd = np.maximum(np.asarray(given["deficit"]), 50.0) / 1000.0
    g0 = np.maximum(np.asarray(arguments[2] * arguments[5]), 1.0)
    g1, net = np.asarray(arguments[1]), np.asarray(rates.net)
    surface = np.maximum(np.asarray(given["co2"]) - 1.4 * p * net / gb, 1e-6)
    d = 1.6 * net * p / surface
    b = -(2 * (g0 + d) + (g1 * d) ** 2 / (gb * vpd))
    c = g0**2 + (2 * g0 + d * (1 - g1**2 / vpd)) * d
    larger = 0.5 * (-b + np.sqrt(np.maximum(b**2 - 4 * c, 0.0)))
    np.testing.assert_allclose(np.asarray(rates.conductance)[growing], larger[growing], rtol=1e-6)


def test_rate_changes_sign_at_the_compensation_point_smoothly():
    one = lambda value: jnp.asarray([value])  # noqa: E731
    kinetics: LeafKinetics = kinetics_of(one(60.0), one(298.15), one(20.0), one(1.0), one(False))
    surroundings = LeafSurroundings(*(one(v) for v in (298.15, 900.0, PRESSURE, 39.5, 1000.0, 2e6, 20.0)))
    rate = lambda ci: gross_rate(one(ci), kinetics, one(80.0), surroundings, one(False), (0.999, 0.999))[0]  # noqa: E731
    point = float(kinetics.compensation_point[0])
    assert float(rate(point)) == 0.0
    np.testing.assert_allclose(
        float(jax.grad(rate)(point - 1e-9)), float(jax.grad(rate)(point + 1e-9)), rtol=1e-6
    )
