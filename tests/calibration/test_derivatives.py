from typing import ClassVar

import jax.numpy as jnp
import numpy as np
import pytest

from helpers_calibration import BucketModel, twin_record
from helpers_models import SPACE, AnalyticModel, small_record
from tilth.calibration.derivatives import REPEATS, rms_derivative, rmse_gradient, series_derivatives
from tilth.data.containers import Sites
from tilth.parameters.space import INSIDE, ParameterSpace

FRACTIONS = np.array([[0.3, 0.6, 0.4], [0.7, 0.2, 1.0]])
THETAS = np.stack([np.asarray(SPACE.from_fraction(jnp.asarray(f)[None]))[0] for f in FRACTIONS])


@pytest.fixture(scope="module")
def sites():
    return Sites.of([twin_record(f"site-{seed}", days=6, seed=seed) for seed in range(2)], float)


@pytest.fixture(scope="module")
def found(sites):
    return series_derivatives(BucketModel(), [SPACE, SPACE], THETAS, sites, ("Qle", "Qh"))


def run_twice(sites, fractions):
    """The second pass over the record, from the state that spin-up has at the values differentiated at."""
    model = BucketModel()
    held = SPACE.from_fraction(jnp.asarray(np.clip(FRACTIONS, INSIDE, 1 - INSIDE)))
    length = sites.valid.shape[1]
    windows = model.cut_windows(sites, length)
    _, state = model.trajectories(held[None], sites, length)
    for _ in range(REPEATS):
        outputs, state = model.run_windows(SPACE.from_fraction(jnp.asarray(fractions)), sites, windows, state)
    return {name: np.asarray(outputs[name]).T for name in ("Qle", "Qh")}


def test_derivatives_are_those_of_central_differences(found, sites):
    inside = np.clip(FRACTIONS, INSIDE, 1 - INSIDE)
    for name, series in run_twice(sites, inside).items():
        np.testing.assert_allclose(found.series[name], series, rtol=1e-12)
    step = 1e-5
    for parameter in range(3):
        shift = step * np.eye(3)[parameter]
        upper, lower = run_twice(sites, inside + shift), run_twice(sites, inside - shift)
        for name in ("Qle", "Qh"):
            difference = (upper[name] - lower[name]) / (2 * step)
            scale = np.abs(difference).max()
            np.testing.assert_allclose(
                found.derivatives[name][:, parameter], difference, rtol=1e-6, atol=1e-7 * scale
            )


def test_a_value_on_its_bound_is_differentiated_inside(found):
    assert found.derivatives["Qle"].shape == (2, 3, 144)
    assert np.abs(found.derivatives["Qle"][1, 2]).max() > 0.0 and found.converged.all()


def test_a_range_of_half_the_width_halves_the_derivatives(found, sites):
    first, *others = SPACE.parameters
    narrow = ParameterSpace((first.within(0.1, 0.225), *others))
    halved = series_derivatives(BucketModel(), [narrow, SPACE], THETAS, sites, ("Qle",))
    np.testing.assert_allclose(
        halved.derivatives["Qle"][0, 0], 0.5 * found.derivatives["Qle"][0, 0], rtol=1e-9, atol=1e-12
    )
    np.testing.assert_allclose(halved.derivatives["Qle"][1], found.derivatives["Qle"][1], rtol=1e-9)


def test_records_that_are_not_alike_are_refused():
    unequal = Sites.of([small_record("short", 3), small_record("long", 4)], float)
    with pytest.raises(ValueError, match="expected records of one length and step without a break"):
        series_derivatives(BucketModel(), [SPACE, SPACE], THETAS, unequal, ("Qle",))


def test_a_model_without_derivatives_or_windows_is_refused(sites):
    class Closed(BucketModel):
        differentiable: ClassVar[bool] = False

    for model in (AnalyticModel(), Closed()):
        with pytest.raises(TypeError, match=f"with derivatives, got {type(model).__name__}"):
            series_derivatives(model, [SPACE, SPACE], THETAS, sites, ("Qle",))


def test_the_rms_derivative_counts_only_the_given_steps():
    slopes = np.array([[3.0, 4.0, 100.0], [0.0, 1.0, np.nan]])
    counted = np.array([True, True, False])
    np.testing.assert_allclose(rms_derivative(slopes, counted), [np.sqrt(12.5), np.sqrt(0.5)])
    assert np.isnan(rms_derivative(slopes, ~counted & counted)).all()


def test_the_gradient_of_the_rmse_is_that_of_central_differences():
    random = np.random.default_rng(0)
    slopes, observed = random.normal(size=(2, 50)), random.normal(size=50)
    counted = random.random(50) < 0.7
    observed[~counted] = np.nan

    def series(fraction):
        return np.sin(np.arange(50)) + fraction @ slopes

    def rmse(fraction):
        return np.sqrt(np.mean((series(fraction) - observed)[counted] ** 2))

    at, step = np.array([0.4, 0.6]), 1e-6
    expected = [(rmse(at + step * e) - rmse(at - step * e)) / (2 * step) for e in np.eye(2)]
    np.testing.assert_allclose(rmse_gradient(series(at), slopes, observed, counted), expected, rtol=1e-7)
    assert np.isnan(rmse_gradient(series(at), slopes, observed, np.zeros(50, bool))).all()
