from typing import ClassVar

import jax.numpy as jnp
import numpy as np
import pytest

from helpers_models import SPACE, AnalyticModel, small_sites
from tilth.ensembles.run import run_ensemble
from tilth.ensembles.sensitivity import LEVELS, indices, responses, sensitivity_design
from tilth.models.base import AbstractLandModel, EnsembleOutputs
from tilth.parameters.space import ParameterSpace

METHODS = ("one-at-a-time", "morris", "sobol")
SLOPES = np.array([3.0, -7.0, 0.5])
MIDDLE = np.asarray(SPACE.from_fraction(jnp.full((1, 3), 0.5)))[0]


def design(samples=4, trajectories=4, seed=0, methods=METHODS, default=MIDDLE):
    return sensitivity_design(SPACE, default, methods, trajectories=trajectories, samples=samples, seed=seed)


def linear(members):
    """The response of a linear function of the positions in the ranges, for all members."""
    return np.asarray(SPACE.fraction(jnp.asarray(members.thetas))) @ SLOPES + 10.0


def ishigami(fractions):
    """Ishigami and Homma 1990, a = 7, b = 0.1; positions in the ranges stand for -pi to pi."""
    x = (2.0 * fractions - 1.0) * np.pi
    return np.sin(x[..., 0]) + 7.0 * np.sin(x[..., 1]) ** 2 + 0.1 * x[..., 2] ** 4 * np.sin(x[..., 0])


FIRST, TOTAL = np.array([0.3139, 0.4424, 0.0]), np.array([0.5576, 0.4424, 0.2437])
"""Analytic indices of the Ishigami function (Saltelli et al. 2008, Global Sensitivity Analysis, eq. 4.34)."""
LOWEST = np.array([0.25, 0.5, 0.0])
"""Where it has its minimum, so that the difference from there is the function but for a constant."""


class IshigamiModel(AbstractLandModel):
    """Qle is the Ishigami function at all steps; fails where the second parameter is near its upper bound."""

    space: ParameterSpace = SPACE
    differentiable: ClassVar[bool] = False

    def run(self, thetas, sites):
        fractions = SPACE.fraction(thetas)
        value = jnp.where(fractions[..., 1] > 0.97, jnp.nan, jnp.asarray(ishigami(np.asarray(fractions))))
        series = jnp.broadcast_to(value[..., None], (len(thetas), len(sites.records), sites.valid.shape[1]))
        return EnsembleOutputs({"Qle": series}, jnp.isfinite(value))


def test_a_design_begins_with_the_default_and_has_the_published_sizes():
    made = design(samples=8, trajectories=5)
    np.testing.assert_allclose(made.thetas[0], MIDDLE)
    sizes = {name: part.stop - part.start for name, part in made.parts.items()}
    assert sizes == {"one-at-a-time": 3 * LEVELS, "morris": 5 * 4, "sobol": 8 * 5}
    assert len(made.thetas) == 1 + sum(sizes.values())
    for name, part in made.parts.items():
        positions = SPACE.fraction(jnp.asarray(made.thetas[part]))
        np.testing.assert_allclose(positions, made.fractions[name], atol=1e-9)
    SPACE.check(made.thetas)


def test_the_same_seed_gives_the_same_members_and_intervals_and_another_does_not():
    first, again, other = design(seed=0), design(seed=0), design(seed=1)
    np.testing.assert_array_equal(first.thetas, again.thetas)
    assert (first.thetas[13:] != other.thetas[13:]).any()
    for method in ("morris", "sobol"):
        one, two = (indices(d, method, linear(d), seed=0) for d in (first, again))
        for name, width in one.half_widths.items():
            np.testing.assert_array_equal(width, two.half_widths[name])


def test_an_unknown_method_is_refused():
    with pytest.raises(ValueError, match="unknown methods \\['fast'\\]: expected some of one-at-a-time"):
        design(methods=("fast",))


def test_a_linear_response_has_its_slopes_as_elementary_effects():
    made = design()
    found = indices(made, "morris", linear(made), seed=0)
    np.testing.assert_allclose(found.measures["mu_star"], np.abs(SLOPES), rtol=1e-9)
    np.testing.assert_allclose(found.measures["sigma"], 0.0, atol=1e-9)


def test_a_linear_response_has_the_squares_of_its_slopes_as_sobol_indices():
    made = design(samples=1024, methods=("sobol",))
    found = indices(made, "sobol", linear(made), seed=0)
    shares = SLOPES**2 / np.sum(SLOPES**2)
    np.testing.assert_allclose(found.measures["total_order"], shares, atol=0.01)
    np.testing.assert_allclose(found.measures["first_order"], shares, atol=0.01)


def test_sobol_indices_of_the_ishigami_function_are_the_analytic_ones():
    made = design(samples=2048, methods=("sobol",))
    found = indices(made, "sobol", np.concatenate([[0.0], ishigami(made.fractions["sobol"])]), seed=0)
    # The error of 2 048 base samples is below 0.02 for each index (half widths are about 0.05).
    np.testing.assert_allclose(found.measures["first_order"], FIRST, atol=0.03)
    np.testing.assert_allclose(found.measures["total_order"], TOTAL, atol=0.03)
    assert (found.half_widths["total_order"] < 0.1).all()


def test_one_at_a_time_takes_the_mean_over_the_levels():
    made = design()
    difference = np.abs(linear(made) - linear(made)[0])
    found = indices(made, "one-at-a-time", difference, seed=0)
    # Levels 0, 1/3, 2/3 and 1 around 1/2: mean distance 1/3.
    np.testing.assert_allclose(found.measures["mean_rmse"], np.abs(SLOPES) / 3.0, rtol=1e-9)
    assert not found.failed.any() and (found.used == LEVELS).all()


def test_failed_members_leave_their_group_and_are_counted():
    made = design()
    response = linear(made)
    for method in METHODS:
        response[made.parts[method].start + 1] = np.nan
    once = indices(made, "one-at-a-time", np.abs(response - response[0]), seed=0)
    assert list(once.failed) == [1, 0, 0] and list(once.used) == [3, 4, 4]
    # Without the level at 1/3, the first parameter is left with distances 1/2, 1/6 and 1/2.
    np.testing.assert_allclose(once.measures["mean_rmse"][0], 3.0 * (0.5 + 1 / 6 + 0.5) / 3, rtol=1e-9)
    trajectories = indices(made, "morris", response, seed=0)
    np.testing.assert_allclose(trajectories.measures["mu_star"], np.abs(SLOPES), rtol=1e-9)
    assert (trajectories.used[0], trajectories.failed[0], trajectories.left_out[0]) == (12, 1, 4)
    blocks = indices(made, "sobol", response, seed=0)
    assert np.isfinite(blocks.measures["total_order"]).all()
    assert (blocks.used[0], blocks.failed[0], blocks.left_out[0]) == (15, 1, 5)


@pytest.mark.parametrize("method", METHODS)
def test_without_members_that_succeeded_indices_are_unknown(method):
    made = design()
    found = indices(made, method, np.full(len(made.thetas), np.nan), seed=0)
    assert all(np.isnan(value).all() for value in found.measures.values())
    assert not found.used.any() and found.failed.all()


def test_a_response_that_does_not_vary_has_no_shares_of_variance():
    made = design()
    found = indices(made, "sobol", np.ones(len(made.thetas)), seed=0)
    assert np.isnan(found.measures["total_order"]).all()


def test_an_ensemble_of_a_land_model_gives_the_indices_and_its_failures(tmp_path):
    lowest = np.asarray(SPACE.from_fraction(jnp.asarray(LOWEST)[None]))[0]
    made = design(samples=32, methods=("sobol",), default=lowest)
    store = run_ensemble(IshigamiModel(), made.thetas, small_sites(1), tmp_path / "store.zarr")
    response = responses(store, "Qle")
    failing = np.concatenate([[False], made.fractions["sobol"][:, 1] > 0.97])
    assert failing.any() and (np.isnan(response) == failing).all()
    expected = ishigami(made.fractions["sobol"]) - ishigami(LOWEST)
    # The store keeps float32.
    np.testing.assert_allclose(response[1:][~failing[1:]], expected[~failing[1:]], rtol=1e-5, atol=1e-5)
    found = indices(made, "sobol", response, seed=0)
    assert found.failed[0] == failing.sum() and found.left_out[0] % 5 == 0
    assert found.measures["total_order"].argmin() == 2


def test_responses_are_rms_differences_at_converged_steps(tmp_path):
    class Partly(AnalyticModel):
        def run(self, thetas, sites):
            ensemble = super().run(thetas, sites)
            latent = ensemble.outputs["Qle"]
            converged = jnp.ones_like(latent).at[1, :, 5].set(0.0)
            return EnsembleOutputs({**ensemble.outputs, "converged": converged}, ensemble.succeeded)

    made = design(methods=("one-at-a-time",))
    sites = small_sites(2)
    store = run_ensemble(Partly(), made.thetas, sites, tmp_path / "store.zarr", chunk=len(made.thetas))
    series = np.asarray(AnalyticModel().run(jnp.asarray(made.thetas)[:, None], sites).outputs["Qh"][:, 0])
    squares = (series - series[0]) ** 2
    squares[1, 5] = np.nan
    np.testing.assert_allclose(responses(store, "Qh"), np.sqrt(np.nanmean(squares, axis=1)), rtol=1e-4)


def test_a_default_run_that_fails_is_an_error(tmp_path):
    made = design(methods=("one-at-a-time",))
    model = AnalyticModel(fails_above=0.5 * float(MIDDLE[0]))
    store = run_ensemble(model, made.thetas, small_sites(1), tmp_path / "store.zarr")
    with pytest.raises(FloatingPointError, match="site-0: the run with default parameters failed"):
        responses(store, "Qle")
