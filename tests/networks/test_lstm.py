import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from tilth.networks.lstm import LSTM, LSTMLayer, recurrence


def textbook(projected, weight):
    """The equations of the module's docstring, step by step, left to automatic differentiation."""
    output = cell = jnp.zeros((projected.shape[1], weight.shape[0]), projected.dtype)
    outputs = []
    for inputs in projected:
        into, forget, out, candidate = jnp.split(inputs + output @ weight, 4, axis=-1)
        cell = jax.nn.sigmoid(forget) * cell + jax.nn.sigmoid(into) * jnp.tanh(candidate)
        output = jax.nn.sigmoid(out) * jnp.tanh(cell)
        outputs.append(output)
    return jnp.stack(outputs)


def test_recurrence_and_its_gradients_are_those_of_the_textbook() -> None:
    random = np.random.default_rng(0)
    projected = jnp.asarray(random.normal(size=(7, 3, 20)))
    weight = jnp.asarray(random.normal(size=(5, 20)))
    mask = jnp.asarray(random.normal(size=(7, 3, 5)))

    def loss(function):
        return lambda p, w: jnp.sum(mask * function(p, w))

    np.testing.assert_allclose(recurrence(projected, weight), textbook(projected, weight), rtol=1e-12)
    ours = jax.grad(loss(recurrence), argnums=(0, 1))(projected, weight)
    theirs = jax.grad(loss(textbook), argnums=(0, 1))(projected, weight)
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-13)


def test_layers_are_stacked_and_start_from_zero_states() -> None:
    network = LSTM(4, 6, 3, key=jax.random.key(0))
    sequence = jax.random.normal(jax.random.key(1), (9, 2, 4), jnp.float32)
    expected = sequence
    for layer in network.layers:
        projected = expected @ layer.input_weight + layer.bias[None, None]
        expected = textbook(projected, layer.recurrent_weight)
    # float32: sums in another order
    np.testing.assert_allclose(network(sequence), expected, atol=1e-6)
    assert network(sequence).dtype == jnp.float32
    np.testing.assert_array_equal(network(sequence)[:5], network(sequence[:5]))


def test_layer_sizes_and_forget_bias() -> None:
    layer = LSTMLayer(4, 6, key=jax.random.key(0))
    sizes = [leaf.shape for leaf in jax.tree.leaves(eqx.filter(layer, eqx.is_array))]
    assert sizes == [(4, 24), (6, 24), (24,)]
    np.testing.assert_array_equal(layer.bias.reshape(4, 6)[1], np.ones(6))
    assert float(jnp.abs(layer.recurrent_weight).max()) <= 6**-0.5
