import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tilth.observations.losses import LOSSES, flux_moments, mean_over_fluxes, named_loss

RANDOM = np.random.default_rng(3)
OBSERVED = RANDOM.normal(30.0, 80.0, (200, 3))
SIMULATED = 0.8 * OBSERVED + RANDOM.normal(12.0, 30.0, OBSERVED.shape)
COUNTS = RANDOM.random(OBSERVED.shape) < 0.7
COLUMN_SITE = np.array([0, 1, 0])


def losses(name, simulated=SIMULATED, observed=OBSERVED, counts=COUNTS):
    mean = np.array([OBSERVED[:, COLUMN_SITE == s][counts[:, COLUMN_SITE == s]].mean() for s in (0, 1)])
    spread = np.array([OBSERVED[:, COLUMN_SITE == s][counts[:, COLUMN_SITE == s]].std() for s in (0, 1)])
    moments = flux_moments(
        jnp.asarray(simulated),
        jnp.asarray(observed),
        jnp.asarray(counts),
        column_site=jnp.asarray(COLUMN_SITE),
        mean=jnp.asarray(mean),
        deviation=jnp.asarray(spread),
    )
    return named_loss(name)(moments)


def pair(site):
    here = COUNTS & (COLUMN_SITE == site)[None]
    return SIMULATED[here], OBSERVED[here]


@pytest.mark.parametrize("site", [0, 1])
def test_losses_are_those_of_the_textbook(site):
    simulated, observed = pair(site)
    square = np.mean((simulated - observed) ** 2) / observed.var()
    r = np.corrcoef(simulated, observed)[0, 1]
    alpha = simulated.std() / observed.std()
    bias = (simulated.mean() - observed.mean()) / observed.std()
    # Sums of a few hundred numbers in float64.
    assert float(losses("mse")[site]) == pytest.approx(square, rel=1e-11)
    assert float(losses("mse-correlation")[site]) == pytest.approx(square + 0.5 * (1 - r), rel=1e-10)
    kge = np.sqrt((r - 1) ** 2 + (alpha - 1) ** 2 + bias**2)
    assert float(losses("kge")[site]) == pytest.approx(kge, rel=1e-9)


@pytest.mark.parametrize("name", list(LOSSES))
def test_a_perfect_simulation_has_no_loss_and_a_finite_gradient(name):
    gradient = jax.grad(lambda s: losses(name, simulated=s).sum())(jnp.asarray(OBSERVED))
    # The Kling-Gupta loss is rounded off by the square root of 1e-12.
    assert float(losses(name, simulated=OBSERVED).max()) < 1.1e-6
    assert jnp.isfinite(gradient).all()


@pytest.mark.parametrize("name", list(LOSSES))
def test_what_does_not_count_has_no_influence_even_if_it_is_nan(name):
    simulated = np.where(COUNTS, SIMULATED, np.nan)
    observed = np.where(COUNTS, OBSERVED, np.inf)
    np.testing.assert_array_equal(losses(name, simulated, observed), losses(name))
    gradient = jax.grad(lambda s: losses(name, s, observed).sum())(jnp.asarray(simulated))
    assert jnp.isfinite(gradient).all()
    assert (gradient[~COUNTS] == 0.0).all()


@pytest.mark.parametrize("name", list(LOSSES))
def test_a_constant_simulation_and_no_data_at_all_have_finite_gradients(name):
    flat = jax.grad(lambda s: losses(name, simulated=s).sum())(jnp.full(OBSERVED.shape, 5.0))
    assert jnp.isfinite(flat).all()
    nothing = np.zeros_like(COUNTS)

    def empty(simulated):
        ones = jnp.ones(2)
        moments = flux_moments(
            simulated, jnp.asarray(OBSERVED), jnp.asarray(nothing),
            column_site=jnp.asarray(COLUMN_SITE), mean=0.0 * ones, deviation=ones,
        )  # fmt: skip
        return named_loss(name)(moments).sum()

    assert jnp.isfinite(jax.grad(empty)(jnp.asarray(SIMULATED))).all()


@pytest.mark.parametrize("name", list(LOSSES))
def test_gradients_are_those_of_finite_differences(name):
    direction = RANDOM.normal(size=OBSERVED.shape)

    def along(distance):
        return losses(name, simulated=jnp.asarray(SIMULATED) + distance * direction).sum()

    width = 1e-3
    difference = (along(width) - along(-width)) / (2 * width)
    # Central differences of width 1e-3 W m-2: the third derivative times width squared is below 1e-8.
    assert float(jax.grad(along)(0.0)) == pytest.approx(float(difference), rel=1e-6)


def test_fluxes_of_a_site_have_equal_weights_and_absent_ones_none():
    values = jnp.array([[1.0, 4.0, jnp.nan], [3.0, jnp.nan, jnp.nan]])
    counts = jnp.array([[5.0, 9.0, 0.0], [500.0, 0.0, 0.0]])
    np.testing.assert_array_equal(mean_over_fluxes(values, counts), [2.0, 4.0, 0.0])


def test_unknown_losses_are_refused():
    with pytest.raises(ValueError, match="unknown loss 'mae': expected one of mse, mse-correlation, kge"):
        named_loss("mae")
