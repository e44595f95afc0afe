"""What a surrogate may make of guarded fluxes, with runs that are linear in one parameter."""

import dataclasses

import jax.numpy as jnp
import numpy as np

from linear_model import GOAL, SITES, START, STEPS, Line, zeros
from tilth.ensembles.run import run_ensemble
from tilth.pipeline.promises import LEAST, allowances

GUARDED = zeros("Rnet")


def allowed(folder, slope, promised, guarded=GUARDED):
    """The land model makes 5 W m-2 of Rnet at the start and ``slope`` more at the end, the surrogate this."""
    store = run_ensemble(Line(slope=slope), np.stack([GOAL, START]), SITES, folder / "store.zarr")
    predicted = {"Rnet": jnp.full((2, 1, STEPS), 5.0) + jnp.asarray([promised, 0.0])[:, None, None]}
    return allowances(guarded, predicted, store, [0, 1])["Rnet"]


def test_a_surrogate_that_is_right_may_make_of_it_what_the_land_model_may(tmp_path):
    np.testing.assert_allclose(allowed(tmp_path, 0.5, 0.5), 1.0, rtol=1e-6)


def test_a_surrogate_that_promises_too_much_must_promise_more(tmp_path):
    # It keeps an error of 5 W m-2 where the land model has 5.5: squares of 1 and 1.21 times the start's.
    np.testing.assert_allclose(allowed(tmp_path, 0.5, 0.0), 1.0 / 1.21, rtol=1e-6)


def test_a_surrogate_that_is_far_off_is_not_mended_by_a_limit(tmp_path):
    assert allowed(tmp_path, 5.0, 0.0) == LEAST


def test_a_flux_that_was_not_measured_has_nothing_to_compare(tmp_path):
    nothing = dataclasses.replace(GUARDED, choice=np.zeros_like(GUARDED.choice))
    assert allowed(tmp_path, 5.0, 0.0, nothing) == 1.0
