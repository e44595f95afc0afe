"""Hillslope runoff: the limits of TOPMODEL."""

import jax.numpy as jnp
import numpy as np
import pytest

from tilth.physics import runoff

CONDUCTIVITY = 7e-6


def slope(saturation, potential):
    column = [jnp.asarray(np.asarray(x, float)[:, None]) for x in (saturation, potential)]
    return runoff.hillslope_runoff(*column, jnp.asarray([CONDUCTIVITY]))


def table_at(depth):
    """A column unsaturated in its top two metres, saturated below, with the water table at ``depth``."""
    saturation = [0.5, 0.5, 0.5, 0.5, 1.0, 1.0]
    # The lowest unsaturated layer spans 1 to 2 m; the table stands above it by its potential.
    return slope(saturation, [-5.0, -5.0, -5.0, -(depth - 1.0), -0.15, -0.15])


def test_base_flow_falls_off_with_the_depth_of_the_water_table():
    """Loam, 7e-6 m/s at 2 m: 0.40 and 0.02 mm a day at 1 and 2 m."""
    for depth, expected in ((1.0, 0.40), (2.0, 0.02)):
        found = table_at(depth)
        assert float(jnp.sum(found.base_flow)) * 86400 == pytest.approx(expected, rel=0.1)
        assert float(found.saturated_fraction[0]) == 0.0


def test_base_flow_leaves_the_layer_of_the_water_table():
    flow = np.asarray(table_at(1.5).base_flow)[:, 0]
    assert flow[3] > 0.99 * flow.sum()


def test_a_full_column_is_saturated_by_one_minus_one_over_e():
    found = slope([1.0] * 6, [-1e-9] * 6)
    assert float(found.saturated_fraction[0]) == pytest.approx(1 - np.exp(-1), abs=0.02)
    assert float(found.base_flow[0, 0]) > 0.0


def test_no_saturated_fraction_from_a_water_table_at_one_over_f():
    top = [-1 / 3 - 1e-6, -5.0, -5.0, -5.0, -5.0, -5.0]
    found = slope([0.5, 1.0, 1.0, 1.0, 1.0, 1.0], [top[0], *[-0.15] * 5])
    # The table cannot be deeper than the lowest unsaturated layer: 5 cm.
    assert float(found.saturated_fraction[0]) == pytest.approx(1 - np.exp(3 * 0.05 - 1), abs=0.02)
    deep = slope([0.5, 0.5, 0.5, 1.0, 1.0, 1.0], [-5.0, -5.0, -(1 / 3 - 0.25), -0.15, -0.15, -0.15])
    assert float(deep.saturated_fraction[0]) == pytest.approx(0.0, abs=1e-12)


def test_an_unsaturated_column_hardly_drains():
    found = slope([0.6] * 6, [-3.0] * 6)
    assert float(jnp.sum(found.base_flow)) * 86400 * 365 < 0.02
    assert float(found.saturated_fraction[0]) == 0.0


def test_runoff_at_the_surface():
    water = jnp.asarray([1e-3, 1e-3, 1e-2, -1e-4])
    saturated = jnp.asarray([0.0, 0.25, 0.0, 0.5])
    flow = runoff.surface_runoff(water, saturated, jnp.full(4, CONDUCTIVITY))
    np.testing.assert_allclose(np.asarray(flow), [0.0, 2.5e-4, 1e-2 - 7e-3, 0.0], atol=1e-15)
