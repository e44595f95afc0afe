"""A parched soil gives no vapour, whatever its retention curve."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from tilth.models.matsiro.options import MatsiroOptions
from tilth.models.matsiro.state import initial_state
from tilth.models.matsiro.surface import ground_influence
from tilth.parameters.tables import parameter_table


def test_air_in_parched_pores_is_dry_where_suction_is_weak():
    exponents = jnp.asarray([2.5, 2.5, 2.5, 5.39])
    wetness = jnp.asarray([0.02, 0.03, 0.05, 0.5])
    parameters = {name: jnp.full(4, p.default("grassland", "sand")) for name, p in parameter_table().items()}
    parameters["soil_b"] = exponents
    state = initial_state(jnp.full(4, 300.0), parameters["soil_porosity"])
    water = state.soil_water.at[0].set(wetness * parameters["soil_porosity"])
    state = eqx.tree_at(lambda s: s.soil_water, state, water)
    roots = jnp.full((6, 4), 1.0 / 6.0)
    ground = ground_influence(parameters, state, roots, step=jnp.full(4, 1800.0), options=MatsiroOptions())
    # The retention curve alone would leave the first at 95 %.
    np.testing.assert_allclose(ground.humidity[:2], [0.0, 0.49], atol=0.01)
    assert (ground.humidity[2:] > 0.98).all()
