"""Every choice of the land model keeps its precision under strict promotion; nothing is compiled or run."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tilth.data.containers import Sites
from tilth.data.weather import synthetic_site
from tilth.models.matsiro.model import Matsiro
from tilth.models.matsiro.options import MatsiroOptions
from tilth.models.matsiro.state import initial_state
from tilth.parameters.space import ParameterSpace
from tilth.parameters.tables import CALIBRATED

OTHER_CHOICES = {
    "vgcov_scope": "all",
    "par_mode": "incident",
    "pathway": "sib2",
    "kelvin": "dry",
    "runoff": "free",
    "freezing": False,
    "conductivity": "upwind",
    "psicr_unit": "kPa",
}


@pytest.mark.parametrize(
    "choices",
    [pytest.param({}, id="default"), pytest.param(OTHER_CHOICES, id="other", marks=pytest.mark.slow)],
)
def test_series_states_and_gradients_keep_their_precision(choices):
    dtype = jnp.float32  # the precision that a stray default would widen
    record = synthetic_site("XX-Wod", plant_class="woodland", climate="continental", years=0.02, seed=1)
    sites = Sites.of([record], dtype=dtype)
    model = Matsiro(ParameterSpace.select(CALIBRATED), MatsiroOptions(**choices))
    windows = model.cut_windows(sites, 96)
    count = len(windows.start)
    default = jnp.asarray(model.space.defaults("woodland"), dtype)
    thetas = jnp.broadcast_to(default, (count, len(CALIBRATED)))
    column = model.columns(thetas, sites, np.asarray(windows.site), np.arange(count))
    state = initial_state(jnp.full((count,), 280.0, dtype), column.parameters["soil_porosity"])

    def mean_flux(values):
        outputs, last = model.run_windows(values, sites, windows, state)
        return jnp.mean(outputs["Qle"] + outputs["Qh"]), (outputs, last)

    gradient, everything = jax.eval_shape(jax.grad(mean_flux, has_aux=True), thetas)
    assert {leaf.dtype for leaf in jax.tree.leaves((gradient, everything))} == {jnp.dtype(dtype)}
