"""Gradients of multi-day runs against central differences, in unconstrained space, for every parameter."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from matsiro_cases import defaults, season

from tilth.data.containers import Sites
from tilth.models.matsiro.integrate import in_pieces
from tilth.models.matsiro.model import SECONDS_PER_PIECE, Matsiro
from tilth.models.matsiro.options import MatsiroOptions
from tilth.models.matsiro.state import initial_state
from tilth.parameters.space import ParameterSpace
from tilth.parameters.tables import CALIBRATED

DAYS = SECONDS_PER_PIECE // 86400
"""A piece of a run, so that differences take the code of small runs."""
OTHERS = ("lai_scale", "soil_b", "soil_conductivity", "soil_resistance", "snow_albedo_visible", "emissivity")
VARYING = ("vmax0.seasonal_cos", "vmax0.seasonal_sin", "gradm.lai_slope")
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

    def losses(self, unconstrained):
        """Mean square of both fluxes of every column, and the least share of converged steps."""
        thetas = SPACE.to_physical(unconstrained)
        outputs, _ = self.model.run_windows(thetas, self.sites, self.windows, self.state)
        return loss(outputs), outputs["converged"].min()

    def losses_of_a_run(self, unconstrained):
        """The same without derivative, by the code that all small runs share."""
        six = np.arange(6)
        column = self.model.columns(SPACE.to_physical(unconstrained), self.sites, six, six)
        names = ("Qle", "Qh", "converged")
        outputs, _ = in_pieces(
            column, self.state, self.windows.forcing, self.model.options, names=names, piece=DAYS * 48
        )
        assert outputs["converged"].min() == 1.0
        return np.asarray(loss(outputs))

    def differences(self):
        """Central differences ``[column, param]`` with one and two steps."""
        count = len(SPACE.names)
        shifts = np.concatenate([k * STEP * np.eye(count) for k in (1, -1, 2, -2)])
        losses = [self.losses_of_a_run(jnp.asarray(np.asarray(self.centre) + shift)) for shift in shifts]
        up, down, up_twice, down_twice = np.stack(losses).reshape(4, count, 6)
        return (up - down).T / (2 * STEP), (up_twice - down_twice).T / (4 * STEP)


def loss(outputs):
    return jnp.mean(outputs["Qle"] ** 2 + outputs["Qh"] ** 2, axis=0)


@pytest.fixture(scope="module")
def case():
    return Case()


def test_gradients_are_central_differences(case):
    def total(unconstrained):
        losses, converged = case.losses(unconstrained)
        return losses.sum(), (losses, converged)

    (_, (losses, converged)), gradient = jax.value_and_grad(total, has_aux=True)(case.centre)
    assert float(converged) == 1.0
    np.testing.assert_allclose(np.asarray(losses), case.losses_of_a_run(case.centre), rtol=1e-9)
    gradient = np.asarray(gradient)
    single, double = case.differences()
    expected = (4.0 * single - double) / 3.0  # the error in the square of the step cancels
    scale = np.maximum(np.abs(expected), 1e-3 * np.abs(expected).max(axis=1, keepdims=True))
    assert (np.abs(double - single) / scale).max() < 1e-3, "the differences agree with themselves"
    error = np.abs(gradient - expected) / scale
    worst = np.unravel_index(error.argmax(), error.shape)
    assert error.max() < 1e-4, (SPACE.names[worst[1]], worst)
