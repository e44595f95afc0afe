import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tilth.observations.averaging import block_means


def test_means_take_the_steps_that_count_and_need_four_fifths_of_them():
    values = jnp.arange(20.0).reshape(10, 2)
    counts = np.ones((10, 2), bool)
    counts[1, 0] = counts[6:8, 1] = False
    means, enough = block_means(values, jnp.asarray(counts), 5)
    np.testing.assert_allclose(means, [[4.5, 5.0], [14.0, 47.0 / 3.0]])
    np.testing.assert_array_equal(enough, [[True, True], [True, False]])


def test_one_step_is_left_as_it_is_and_steps_that_do_not_count_have_no_gradient():
    values, counts = jnp.array([[1.0], [jnp.nan]]), jnp.array([[True], [False]])
    means, enough = block_means(values, counts, 1)
    np.testing.assert_array_equal(means, [[1.0], [0.0]])
    np.testing.assert_array_equal(enough, counts)
    for steps in (1, 2):
        gradient = jax.grad(lambda v, steps=steps: block_means(v, counts, steps)[0].sum())(values)
        np.testing.assert_array_equal(gradient, [[1.0], [0.0]])


def test_half_a_block_is_refused():
    with pytest.raises(ValueError, match="10 steps cannot be averaged over blocks of 4"):
        block_means(jnp.zeros((10, 1)), jnp.ones((10, 1), bool), 4)
