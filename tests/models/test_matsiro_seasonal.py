"""Parameters that vary over the year: exact where they do not, inside the bounds, with true derivatives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from matsiro_cases import defaults, season

from tilth.data.containers import Sites
from tilth.models.matsiro.model import SECONDS_PER_PIECE, Matsiro
from tilth.models.matsiro.options import MatsiroOptions
from tilth.models.matsiro.seasonal import Variation, depends_on_season, season_angle, shifted
from tilth.parameters.space import ParameterSpace
from tilth.parameters.tables import parameter_table

BASE = ("vmax0", "gradm")
VARYING = (*BASE, "vmax0.seasonal_cos", "vmax0.seasonal_sin", "gradm.lai_slope")
DAYS = SECONDS_PER_PIECE // 86400
"""As long as a piece of a run, whose code is that of other small runs."""
PLAIN, SEASONAL = ParameterSpace.select(BASE), ParameterSpace.select(VARYING)


@pytest.mark.parametrize("name", ["vmax0", "gradm", "vegh"])
def test_a_shift_is_that_of_the_bijection(name):
    space = ParameterSpace.select((name,))
    parameter = space.parameters[0]
    mean = np.asarray(space.from_fraction(jnp.linspace(0.02, 0.98, 7)[:, None]))
    for shift in (-3.0, -0.2, 0.7, 3.0):
        expected = np.asarray(space.to_physical(space.to_unconstrained(jnp.asarray(mean)) + shift))
        found = shifted(parameter, jnp.asarray(mean[:, 0]), jnp.full(7, shift))
        np.testing.assert_allclose(np.asarray(found), expected[:, 0], rtol=1e-12)


def test_no_shift_is_no_change_and_no_shift_leaves_the_bounds():
    for parameter in parameter_table().values():
        means = jnp.asarray([parameter.lower, 0.7 * parameter.lower + 0.3 * parameter.upper, parameter.upper])
        assert (np.asarray(shifted(parameter, means, jnp.zeros(3))) == np.asarray(means)).all()
        for shift in (-9.0, 9.0):
            moved = np.asarray(shifted(parameter, means, jnp.full(3, shift)))
            slack = 1e-12 * abs(parameter.upper)
            assert (moved >= parameter.lower - slack).all() and (moved <= parameter.upper + slack).all()


def test_the_angle_goes_round_once_a_year_of_any_length():
    time = np.array(["2003-01-01", "2003-12-31T23:59:59", "2004-01-01", "2004-07-02"], "datetime64[s]")
    angle = season_angle(time)
    np.testing.assert_allclose(angle, [0.0, 2 * np.pi, 0.0, np.pi], atol=1e-6)


def test_leaf_area_shifts_from_the_mean_of_the_site():
    sites = Sites.of([season("temperate", "cultivation", 160, 2)])
    values = {name: jnp.asarray([v]) for name, v in zip(VARYING, (5e-5, 9.0, 0.0, 0.0, 0.5), strict=True)}
    variation = Variation.of(SEASONAL, values, sites, np.array([0]))
    mean = np.mean(sites.records[0].forcing["leaf_area_index"])
    base = {"vmax0": values["vmax0"], "gradm": values["gradm"]}
    given = {"leaf_area_index": jnp.asarray([mean + 1.0]), "season": jnp.asarray([1.0])}
    now = variation.applied(base, given)
    assert float(now["vmax0"][0]) == float(values["vmax0"][0])
    unit = PLAIN.to_unconstrained(jnp.asarray([[float(now[name][0]) for name in BASE]]))
    before = PLAIN.to_unconstrained(jnp.asarray([[5e-5, 9.0]]))
    np.testing.assert_allclose(np.asarray(unit - before)[0], [0.0, 0.5], atol=1e-9)


class Runs:
    """Two columns with the defaults and with an annual cosine of vmax0; batches of the same shape."""

    def __init__(self):
        self.sites = Sites.of(
            [season("temperate", "cultivation", 160, DAYS), season("semi-arid", "grassland", 200, DAYS)]
        )
        self.start = defaults(SEASONAL, self.sites)
        moved = self.start.copy()
        moved[:, 2] = 1.0
        self.varying = self.run(SEASONAL, np.stack([self.start, moved]))

    def run(self, space, thetas):
        model = Matsiro(space, MatsiroOptions(spin_up_years=0))
        outputs = model.run(jnp.asarray(thetas), self.sites).outputs
        return {name: np.asarray(outputs[name]) for name in ("Qle", "Qh")}

    def of_the_day(self):
        """Values that the varying parameters have in the middle of these days."""
        fixed = self.start[:, :2].copy()
        for index, record in enumerate(self.sites.records):
            angle = np.cos(season_angle(record.time).mean())
            middle = PLAIN.to_unconstrained(jnp.asarray(self.start[index : index + 1, :2]))
            fixed[index] = np.asarray(PLAIN.to_physical(middle + jnp.asarray([[angle, 0.0]])))[0]
        return fixed


def test_runs_without_amplitude_are_the_same_and_others_follow_the_season():
    assert depends_on_season(SEASONAL) and not depends_on_season(PLAIN)
    runs = Runs()
    plain = runs.run(PLAIN, np.stack([runs.start[:, :2], runs.of_the_day()]))
    for name, varying in runs.varying.items():
        np.testing.assert_allclose(plain[name][0], varying[0], rtol=0.0, atol=1e-6)
        assert np.abs(varying[1] - varying[0]).max() > 2.0
        # Over five days the cosine changes by less than a tenth.
        assert np.abs(plain[name][1] - varying[1]).max() < 1.0


def test_derivatives_of_amplitudes_are_differences():
    """Of the values of a step; those of whole runs are in the test of gradients."""
    sites = Sites.of([season("temperate", "cultivation", 160, 2)])
    given = {"leaf_area_index": jnp.asarray([2.5]), "season": jnp.asarray([0.8])}

    def value(amplitudes):
        everything = jnp.concatenate([jnp.asarray([5e-5, 9.0]), amplitudes])
        values = {name: everything[i : i + 1] for i, name in enumerate(VARYING)}
        now = Variation.of(SEASONAL, values, sites, np.array([0])).applied(values, given)
        return now["vmax0"][0] * 1e5 + now["gradm"][0]

    for point in (jnp.zeros(3), jnp.asarray([0.4, -1.0, 0.6])):
        gradient = np.asarray(jax.grad(value)(point))
        for index in range(3):
            step = 1e-5 * np.eye(3)[index]
            difference = (float(value(point + step)) - float(value(point - step))) / 2e-5
            assert gradient[index] == pytest.approx(difference, rel=1e-7)
        assert (gradient != 0.0).all()
