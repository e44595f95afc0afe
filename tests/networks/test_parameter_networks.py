"""Networks for leaf parameters: ranges, shapes, precision and what they depend on."""

import jax
import jax.numpy as jnp
import numpy as np

from tilth.networks.parameter_networks import CategoryNetwork, SoilShapeNetwork, TraitNetwork


def test_category_values_are_in_their_bounds_and_looked_up():
    network = CategoryNetwork(9, jax.random.key(0))
    values = network.values()
    assert values.shape == (9,)
    assert values.dtype == jnp.float32
    assert bool(jnp.all((values > 20.0) & (values < 150.0)))
    index = jnp.asarray([3, 3, 0], jnp.int32)
    np.testing.assert_array_equal(np.asarray(network(index)), np.asarray(values)[[3, 3, 0]])


def test_published_sizes():
    # Hidden size equal to the number of inputs: 9 for Vcmax; 3 soil features and 5 of the embedding for B.
    category = CategoryNetwork(9, jax.random.key(0)).network
    shape = SoilShapeNetwork(3, 9, jax.random.key(0)).network
    assert [layer.weight.shape for layer in category.layers[::2]] == [(9, 9), (1, 9)]
    assert [layer.weight.shape for layer in shape.layers[::2]] == [(8, 8), (1, 8)]


def test_shape_depends_on_soil_and_type_and_stays_between_zero_and_one():
    network = SoilShapeNetwork(3, 4, jax.random.key(1))
    soil = jax.random.uniform(jax.random.key(2), (5, 2, 3))
    one, other = (network(soil, jnp.full((5,), k, jnp.int32)) for k in (0, 1))
    assert one.shape == (5, 2)
    assert bool(jnp.all((one > 0) & (one < 1)))
    assert bool(jnp.all(one != other))


def test_shape_without_type_ignores_it():
    network = SoilShapeNetwork(3, 0, jax.random.key(1))
    soil = jax.random.uniform(jax.random.key(2), (5, 1, 3))
    assert network.embedding is None
    one, other = (network(soil, jnp.full((5,), k, jnp.int32)) for k in (0, 1))
    np.testing.assert_array_equal(np.asarray(one), np.asarray(other))


def test_traits_are_standardised():
    network = TraitNetwork((10.0, 0.5), (4.0, 0.1), jax.random.key(3))
    same = TraitNetwork((0.0, 0.0), (1.0, 1.0), jax.random.key(3))
    traits = jnp.asarray([[14.0, 0.4]])
    np.testing.assert_allclose(
        np.asarray(network(traits)), np.asarray(same(jnp.asarray([[1.0, -1.0]]))), rtol=1e-6
    )
