import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from tilth.networks.lstm import LSTM, LSTMLayer, recurrence


def textbook(sequence, input_weight, recurrent_weight, bias):
    """The equations of the module's docstring, step by step, left to automatic differentiation."""
    output = cell = jnp.zeros((sequence.shape[1], recurrent_weight.shape[0]), sequence.dtype)
    outputs = []
    for inputs in sequence:
        total = inputs @ input_weight + output @ recurrent_weight + bias[None]
        into, forget, out, candidate = jnp.split(total, 4, axis=-1)
        cell = jax.nn.sigmoid(forget) * cell + jax.nn.sigmoid(into) * jnp.tanh(candidate)
        output = jax.nn.sigmoid(out) * jnp.tanh(cell)
        outputs.append(output)
    return jnp.stack(outputs)


def test_recurrence_and_its_gradients_are_those_of_the_textbook() -> None:
    random = np.random.default_rng(0)
    shapes = ((7, 3, 4), (4, 20), (5, 20), (20,))
    given = tuple(jnp.asarray(random.normal(size=shape)) for shape in shapes)
    mask = jnp.asarray(random.normal(size=(7, 3, 5)))

    def loss(function):
        return lambda *arrays: jnp.sum(mask * function(*arrays))

    np.testing.assert_allclose(recurrence(*given), textbook(*given), rtol=1e-12)
    ours = jax.grad(loss(recurrence), argnums=(0, 1, 2, 3))(*given)
    theirs = jax.grad(loss(textbook), argnums=(0, 1, 2, 3))(*given)
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-13)


def test_layers_are_stacked_and_start_from_zero_states() -> None:
    network = LSTM(4, 6, 3, key=jax.random.key(0))
    sequence = jax.random.normal(jax.random.key(1), (9, 2, 4), jnp.float32)
    expected = sequence
    for layer in network.layers:
        expected = textbook(expected, layer.input_weight, layer.recurrent_weight, layer.bias)
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


def test_idle_units_leave_no_trace_in_gradients() -> None:
    layer = LSTMLayer(4, 6, key=jax.random.key(0))
    sequence = jax.random.normal(jax.random.key(1), (9, 2, 4), jnp.float32)

    def reference(layer, sequence):
        return textbook(sequence, layer.input_weight, layer.recurrent_weight, layer.bias)

    ours, theirs = (
        eqx.filter_grad(lambda given, states=states: jnp.sum(jnp.square(states(*given))))((layer, sequence))
        for states in (LSTMLayer.__call__, reference)
    )
    for one, other in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-4, atol=1e-6)
