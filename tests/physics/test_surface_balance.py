"""The solved surface balance: reference numbers, melting snow, implicit derivatives, hard starts."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from surface_cases import CROP, DAY, EVERGREEN, NIGHT, WET, surface_column

from tilth.constants import GAS_CONSTANT
from tilth.physics.photosynthesis import kinetics
from tilth.physics.stomata import internal_co2_by_bisection
from tilth.physics.surface_balance import solve_surface
from tilth.physics.surface_fluxes import internal_co2_guess
from tilth.physics.surface_newton import Unknowns
from tilth.physics.surface_search import SolverSettings
from tilth.physics.thermodynamics import saturation_vapour_pressure

CASES = {
    "evergreen day": (EVERGREEN, DAY, 1.0),
    "evergreen night": (EVERGREEN, NIGHT, 1.0),
    "evergreen wet": (EVERGREEN, WET, 1.0),
    "crop day": (CROP, DAY, 1.0),
    "crop night": (CROP, NIGHT, 1.0),
    "crop wet": (CROP, WET, 1.0),
    "crop half covered": (CROP, DAY, 0.5),
}
QUANTITIES = (
    "Ts", "Tc", "C_M", "C_Hs", "C_Hc", "ci", "net", "g_s", "GPP", "Qh", "Qle", "soil", "transpiration",
    "interception", "G", "Rnet",
)  # fmt: skip
REFERENCE = """
296.36997 300.33858 .0858923 2.86041e-4 .0362189 27.3561 3.65668 .0581371 19.4863 222.091 223.855 11.0964 212.758 0 58.5584 504.505
289.77465 287.85132 .0512014 2.87321e-4 .0226032 39.8245 -.101238 .009 0 -60.1736 10.1146 5.40189 4.71267 0 -18.0168 -68.0759
295.87353 297.96762 .0525215 2.85016e-4 .0230616 30.6474 3.69145 .0917154 19.4778 -53.5062 203.565 -1.4571 25.1021 179.92 34.7293 184.788
297.93098 302.15850 .0136839 8.39616e-4 .00770504 26.1124 4.91603 .0813069 16.0247 105.850 216.435 28.2479 188.187 0 133.487 455.772
289.37021 285.63997 .00655977 8.62265e-4 .00347854 40.5352 -.135422 .009 0 -29.7743 9.24922 9.5107 -.2615 0 -37.4297 -57.9548
296.62973 298.65606 .0105667 8.23474e-4 .00565007 28.4589 5.40182 .138008 17.2069 3.43621 90.1659 1.04198 24.2749 64.8491 71.0268 164.629
300.42492 299.55576 .0120463 8.59531e-4 .00660681 26.8078 5.27738 .099988 16.898 37.2556 194.096 40.34 153.75 0 253.196 484.547
"""  # noqa: E501
"""Rows as CASES, columns as QUANTITIES: temperatures [K], coefficients, ci [Pa], rates, fluxes [W m-2]."""
SHORTWAVE = {
    "evergreen day": (45.2261, 538.66),
    "crop day": (142.918, 401.564),
    "crop half covered": (311.595, 248.438),
}


def stacked(cases):
    made = [surface_column(v, w, cover) for v, w, cover in cases]
    return jax.tree.map(lambda *a: jnp.stack(a), *made)


def cold_start(column):
    air = column.turbulence.air_temperature
    return Unknowns(air, air, internal_co2_guess(column))


@pytest.fixture(scope="module")
def solver():
    """One compiled solver for every test: seven columns."""
    compiled = jax.jit(lambda column, guess: solve_surface(column, guess, settings=SolverSettings()))
    # A weak type would be other code.
    return lambda *given: compiled(*jax.tree.map(lambda a: jnp.asarray(a, a.dtype), given))


@pytest.fixture(scope="module")
def column():
    return stacked(CASES.values())


@pytest.fixture(scope="module")
def solution(solver, column):
    return solver(column, cold_start(column))


def test_every_surface_converges(solution):
    assert bool(jnp.all(solution.converged))
    for name in ("ground_residual", "canopy_residual", "co2_residual"):
        assert float(jnp.max(jnp.abs(getattr(solution.fluxes, name)))) < 1e-8


@pytest.mark.parametrize("row", range(7), ids=list(CASES))
def test_reference_surfaces(solution, column, row):
    expected = [float(x) for x in REFERENCE.split()][16 * row : 16 * row + 16]
    f = solution.fluxes
    latent = [f.ground_evaporation, f.transpiration, f.canopy_evaporation + f.canopy_sublimation]
    latent = [2.5e6 * x for x in latent]
    net = f.shortwave + column.longwave_down - f.longwave_up
    found = [
        solution.unknowns.ground, solution.unknowns.canopy, f.exchange.momentum, f.exchange.ground,
        f.exchange.canopy, solution.unknowns.co2, f.net_assimilation, f.stomatal_conductance,
        f.gross_assimilation, f.sensible_ground + f.sensible_canopy, sum(latent), *latent,
        -f.ground_heat, net,
    ]  # fmt: skip
    digits = [text.lstrip("-").split("e")[0] for text in REFERENCE.split()[16 * row : 16 * row + 16]]
    for name, value, reference, text in zip(QUANTITIES, found, expected, digits, strict=True):
        exponent = float(f"{reference:e}".split("e")[1]) if reference else 0.0
        shown = len(text.replace(".", "").lstrip("0"))
        last_digit = 10.0 ** (exponent - shown + 1) if reference else 1e-6
        tolerance = max(1e-5 * abs(reference), 0.51 * last_digit)
        assert float(value[row]) == pytest.approx(reference, abs=tolerance), name


@pytest.mark.parametrize("name", SHORTWAVE)
def test_reference_shortwave(column, name):
    row = list(CASES).index(name)
    ground, canopy = SHORTWAVE[name]
    assert float(column.shortwave_ground[row]) == pytest.approx(ground, rel=1e-5)
    assert float(column.shortwave_canopy[row]) == pytest.approx(canopy, rel=1e-5)


def test_internal_co2_is_that_of_bisection(solution, column):
    canopy = solution.unknowns.canopy
    molar = column.pressure / (GAS_CONSTANT * canopy)
    speed = solution.fluxes.exchange.canopy * column.turbulence.wind
    slow = internal_co2_by_bisection(
        column.leaf,
        column.stomata,
        kinetics(column.leaf, canopy, column.pressure),
        boundary_conductance=molar * speed / column.leaf_area,
        saturated_vapour=saturation_vapour_pressure(canopy) / column.pressure,
    )
    np.testing.assert_allclose(np.asarray(solution.unknowns.co2), np.asarray(slow), rtol=1e-9)


def test_a_better_guess_changes_nothing(solver, solution, column):
    again = solver(column, solution.unknowns)
    for a, b in zip(jax.tree.leaves(again.fluxes), jax.tree.leaves(solution.fluxes), strict=True):
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-9, atol=1e-9)


def test_wild_guesses_find_the_same_balance(solver, solution, column):
    wild = Unknowns(
        column.turbulence.air_temperature + jnp.linspace(-40.0, 40.0, 7),
        column.turbulence.air_temperature + jnp.linspace(30.0, -30.0, 7),
        jnp.linspace(0.1, 200.0, 7),
    )
    found = solver(column, wild)
    assert bool(jnp.all(found.converged))
    np.testing.assert_allclose(
        np.asarray(found.unknowns.canopy), np.asarray(solution.unknowns.canopy), atol=1e-8
    )


def test_melting_snow_stays_at_the_melting_point_and_pays_with_melt(solver, column):
    snow = column._replace(
        melts=jnp.ones(7, bool), ice_fraction=jnp.ones(7), soil_humidity=jnp.ones(7),
        deposition_humidity=jnp.ones(7), soil_resistance=jnp.zeros(7), ground_temperature=jnp.full(7, 272.0),
    )  # fmt: skip
    found = solver(snow, cold_start(snow))
    assert bool(jnp.all(found.converged))
    melting = np.asarray(found.melt) > 0.0
    assert melting.any()
    np.testing.assert_array_equal(np.asarray(found.unknowns.ground)[melting], 273.15)
    assert float(jnp.max(found.unknowns.ground)) <= 273.15
    f = found.fluxes
    net = f.shortwave + snow.longwave_down - f.longwave_up
    turbulent = (
        f.sensible_ground + f.sensible_canopy + 2.834e6 * (f.ground_sublimation + f.canopy_sublimation)
        + 2.5e6 * (f.ground_evaporation + f.transpiration + f.canopy_evaporation)
    )  # fmt: skip
    np.testing.assert_allclose(np.asarray(net - turbulent + f.ground_heat - found.melt), 0.0, atol=1e-8)


def test_derivatives_are_implicit(column, solver):
    """Through the balance, not through the iterations: against differences of the converged solution."""

    def shifted(x):
        return column._replace(
            longwave_down=column.longwave_down + x[0],
            leaf=column.leaf._replace(capacity=column.leaf.capacity * (1.0 + x[1])),
            soil_resistance=column.soil_resistance * (1.0 + x[2]),
        )

    def outputs(x):
        found = solver(shifted(x), cold_start(column))
        f = found.fluxes
        return jnp.stack(
            [
                f.sensible_ground + f.sensible_canopy,
                1e6 * f.transpiration,
                f.longwave_up,
                found.unknowns.canopy,
            ]
        )

    exact = jax.jacfwd(outputs)(jnp.zeros(3))
    for index, h in enumerate((1e-2, 1e-4, 1e-4)):
        e = jnp.zeros(3).at[index].set(h)
        difference = (outputs(e) - outputs(-e)) / (2 * h)
        scale = np.abs(np.asarray(difference)).max()
        np.testing.assert_allclose(
            np.asarray(exact[..., index]), np.asarray(difference), rtol=1e-5, atol=1e-6 * scale
        )


def test_one_column_in_many_finds_what_it_finds_alone(solution, column):
    """Late columns go on in a small batch; that changes no number."""
    many = jax.tree.map(lambda a: jnp.concatenate([a] * 40), column)
    found = jax.jit(lambda c: solve_surface(c, cold_start(c), settings=SolverSettings()))(many)
    assert bool(jnp.all(found.converged))
    np.testing.assert_allclose(
        np.asarray(found.unknowns.ground).reshape(40, 7),
        np.tile(solution.unknowns.ground, (40, 1)),
        atol=1e-8,
    )


def test_a_lost_column_is_flagged_and_changes_no_other(solver):
    column = stacked(CASES.values())
    start = cold_start(column)
    lost = start._replace(ground=start.ground.at[2].set(jnp.nan))
    whole, found = solver(column, start), solver(column, lost)
    assert not found.converged[2] and np.isnan(found.unknowns.ground[2])
    others = np.arange(7) != 2
    assert found.converged[others].all()
    np.testing.assert_allclose(
        found.unknowns.canopy[others], whole.unknowns.canopy[others], rtol=0, atol=1e-9
    )
