"""Water on leaves: conservation, interception, drip, phase."""

import jax.numpy as jnp
import numpy as np
import pytest

from tilth.constants import LATENT_HEAT_FUSION
from tilth.physics import canopy_water

STEP = 1800.0


def updated(
    store, frozen, *, rain=0.0, snowfall=0.0, evaporation=0.0, sublimation=0.0, then=None, leaf_area=4.0
):
    arrays = [
        jnp.asarray(np.atleast_1d(np.asarray(a, float)))
        for a in np.broadcast_arrays(
            store,
            frozen,
            rain,
            snowfall,
            evaporation,
            sublimation,
            frozen if then is None else then,
            leaf_area,
        )
    ]
    store, frozen, rain, snowfall, evaporation, sublimation, after, area = arrays
    return canopy_water.update_canopy_water(
        store, frozen, canopy_water.CanopyFluxes(rain, snowfall, evaporation, sublimation),
        frozen_next=after, capacity=2e-4 * area, leaf_area=area, step=jnp.full_like(store, STEP),
    )  # fmt: skip


def test_mass_and_heat_close():
    rng = np.random.default_rng(5)
    count = 2000
    area = rng.uniform(0.01, 8, count)
    store = rng.uniform(0, 1, count) * 2e-4 * area
    frozen, then = rng.uniform(size=count), rng.uniform(size=count)
    given = dict(
        rain=rng.uniform(0, 3e-3, count) * (rng.uniform(size=count) < 0.5),
        snowfall=rng.uniform(0, 1e-3, count) * (rng.uniform(size=count) < 0.5),
        evaporation=rng.uniform(-1, 1, count) * store * (1 - frozen) * 1000 / STEP,
        sublimation=rng.uniform(-1, 1, count) * store * frozen * 1000 / STEP,
    )
    after = updated(store, frozen, then=then, leaf_area=area, **given)
    supply = given["rain"] + given["snowfall"] - given["evaporation"] - given["sublimation"]
    change = (np.asarray(after.store) - store) * 1000 / STEP
    np.testing.assert_allclose(change, supply - np.asarray(after.rain + after.snowfall), atol=1e-15)
    assert (np.asarray(after.store) >= 0).all() and (np.asarray(after.store) <= 2e-4 * area + 1e-15).all()
    assert (np.asarray(after.rain) >= -1e-15).all() and (np.asarray(after.snowfall) >= -1e-15).all()
    ice = np.asarray(after.store) * then * 1000 - store * frozen * 1000
    frozen_now = ice / STEP + np.asarray(after.snowfall) + given["sublimation"] - given["snowfall"]
    np.testing.assert_allclose(np.asarray(after.heat), LATENT_HEAT_FUSION * frozen_now, atol=1e-8)


def test_leaves_catch_what_falls_on_them():
    fraction = canopy_water.intercepted_fraction(jnp.asarray([1e-6, 0.3, 1.0, 8.0]))
    np.testing.assert_allclose(np.asarray(fraction), [1e-6, 0.3, 0.5**0.25, 1.0], rtol=3e-3)
    after = updated(0.0, 0.0, rain=1e-5)
    assert float(after.store[0]) == pytest.approx(1.8e-5, rel=3e-3)


def test_what_leaves_cannot_hold_drips():
    after = updated(8e-4, 0.0, rain=1e-3)
    assert float(after.rain[0]) == pytest.approx(1e-3, rel=1e-3)
    assert float(after.store[0]) == pytest.approx(8e-4, rel=1e-3)


def test_an_empty_canopy_does_not_drip():
    after = updated(0.0, 0.0)
    assert float(after.rain[0]) == 0.0 and float(after.store[0]) == 0.0


def test_freezing_gives_heat():
    after = updated(5e-4, 0.0, then=1.0)
    assert float(after.heat[0]) == pytest.approx(LATENT_HEAT_FUSION * 0.5 / STEP, rel=1e-3)
