"""Forward derivatives of the land model's series against central differences."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from matsiro_cases import box, defaults, season

from tilth.calibration.derivatives import REPEATS, rms_derivative, series_derivatives
from tilth.data.containers import Sites
from tilth.models.matsiro.model import Matsiro, Windows
from tilth.models.matsiro.options import MatsiroOptions
from tilth.parameters.space import INSIDE

DAYS = 2
STEP = 1e-4


@pytest.mark.slow
def test_series_derivatives_are_central_differences():
    space = box()
    sites = Sites.of([season("temperate", "cultivation", 160, DAYS)])
    model = Matsiro(space, MatsiroOptions(spin_up_years=1))
    thetas = defaults(space, sites)
    found = series_derivatives(model, [space], thetas, sites, ("Qle", "Qh"))
    centre = np.clip(np.asarray(space.fraction(jnp.asarray(thetas))), INSIDE, 1 - INSIDE)
    length = sites.valid.shape[1]
    state = model.trajectories(space.from_fraction(jnp.asarray(centre))[None], sites, length)[1]
    count = len(space.names)
    points = centre + np.concatenate([STEP * np.eye(count), -STEP * np.eye(count)])
    one = model.cut_windows(sites, length)
    copies = np.zeros(len(points), int)
    windows = Windows(
        jax.tree.map(lambda a: a[:, copies], one.forcing),
        one.site[copies], one.start[copies], one.valid[:, copies], one.first[copies],
    )  # fmt: skip
    state = jax.tree.map(lambda a: a[..., copies], state)
    for _ in range(REPEATS):
        outputs, state = model.run_windows(space.from_fraction(jnp.asarray(points)), sites, windows, state)
    assert float(outputs["converged"].min()) == 1.0
    everywhere = np.ones(length, bool)
    for name in ("Qle", "Qh"):
        up, down = np.asarray(outputs[name]).T.reshape(2, count, length)
        expected = (up - down) / (2 * STEP)
        size = rms_derivative(expected, everywhere)
        error = rms_derivative(found.derivatives[name][0] - expected, everywhere)
        # Curvature over the step and round-off of the solver leave some 1e-4.
        assert (error < 2e-3 * np.maximum(size, 1e-2 * size.max())).all(), dict(
            zip(space.names, error / size, strict=True)
        )
