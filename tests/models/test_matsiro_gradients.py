"""Gradients of multi-day runs against central differences, in unconstrained space, for every parameter."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from matsiro_cases import defaults, season

from tilth.data.containers import Sites
from tilth.models.matsiro.model import Matsiro, Windows
from tilth.models.matsiro.options import MatsiroOptions
from tilth.models.matsiro.state import initial_state
from tilth.parameters.space import ParameterSpace
from tilth.parameters.tables import CALIBRATED

DAYS = 6
OTHERS = ("lai_scale", "soil_b", "soil_conductivity", "soil_resistance", "snow_albedo_visible", "emissivity")
VARYING = ("vmax0.seasonal_cos", "gradm.seasonal_sin", "rlfn.lai_slope")
SPACE = ParameterSpace.select((*CALIBRATED, *OTHERS, *VARYING))
STEP = 4e-5
"""Smaller ones drown in the round-off of a run of days, larger ones meet the curvature of the loss."""


class Case:
    """Six columns: wet, frozen, snowing, thawing, dry and calm; a run of days from a state of its own."""

    def __init__(self):
        records = [
            season("temperate", "cultivation", 160, DAYS),
            season("continental", "woodland", 5, DAYS),
            season("temperate", "woodland", 20, DAYS),
            season("continental", "grassland", 95, DAYS),
            season("semi-arid", "grassland", 200, DAYS),
            season("tropical", "evergreen", 100, DAYS),
        ]
        calm = dict(records[5].forcing, wind_speed=np.full(len(records[5].time), 0.05))
        records[5] = records[5].replace(forcing=calm)
        self.sites = Sites.of(records)
        self.model = Matsiro(SPACE, MatsiroOptions(spin_up_years=0))
        self.windows = self.model.cut_windows(self.sites, DAYS * 48)
        theta = jnp.asarray(defaults(SPACE, self.sites))
        self.centre = SPACE.to_unconstrained(theta)
        porosity = self.model.columns(theta, self.sites, np.arange(6), np.arange(6)).parameters[
            "soil_porosity"
        ]
        mean = jnp.mean(self.windows.forcing.air_temperature, axis=0)
        self.state = initial_state(mean, porosity)
        self.state = eqx.tree_at(
            lambda state: (state.soil_water, state.snow.mass),
            self.state,
            (
                self.state.soil_water.at[:3, 4].set(0.12),
                self.state.snow.mass.at[jnp.asarray([1, 3])].set(jnp.asarray([8.0, 1.6])),
            ),
        )

    def losses(self, unconstrained, copies=1):
        """Mean square of both fluxes of every column, and the least share of converged steps."""
        columns = np.tile(np.arange(6), copies)
        windows = Windows(
            jax.tree.map(lambda a: a[:, columns], self.windows.forcing),
            self.windows.site[columns], self.windows.start[columns], self.windows.valid[:, columns],
            self.windows.first[columns],
        )  # fmt: skip
        state = jax.tree.map(lambda a: a[..., columns], self.state)
        outputs, _ = self.model.run_windows(SPACE.to_physical(unconstrained), self.sites, windows, state)
        return jnp.mean(outputs["Qle"] ** 2 + outputs["Qh"] ** 2, axis=0), outputs["converged"].min()

    def differences(self):
        """Central differences ``[column, param]`` with one and two steps, all in one batch."""
        count = len(SPACE.names)
        shifts = np.concatenate([k * STEP * np.eye(count) for k in (1, -1, 2, -2)])
        points = np.asarray(self.centre) + shifts[:, None, :]
        losses, converged = self.losses(jnp.asarray(points.reshape(-1, count)), len(shifts))
        assert float(converged) == 1.0
        up, down, up_twice, down_twice = np.asarray(losses).reshape(4, count, 6)
        return (up - down).T / (2 * STEP), (up_twice - down_twice).T / (4 * STEP)


@pytest.fixture(scope="module")
def case():
    return Case()


def test_gradients_are_central_differences(case):
    value, gradient = jax.value_and_grad(lambda x: case.losses(x)[0].sum())(case.centre)
    assert np.isfinite(float(value))
    gradient = np.asarray(gradient)
    single, double = case.differences()
    expected = (4.0 * single - double) / 3.0  # the error in the square of the step cancels
    scale = np.maximum(np.abs(expected), 1e-3 * np.abs(expected).max(axis=1, keepdims=True))
    assert (np.abs(double - single) / scale).max() < 1e-3, "the differences agree with themselves"
    error = np.abs(gradient - expected) / scale
    worst = np.unravel_index(error.argmax(), error.shape)
    assert error.max() < 1e-4, (SPACE.names[worst[1]], worst)
