"""Long short-term memory networks for CPU: Hochreiter and Schmidhuber 1997 (doi:10.1162/neco.1997.9.8.1735).

With gates ``i, f, o`` and candidate ``g`` from ``z_t = W x_t + U h_{t-1} + b``::

    c_t = sigmoid(f) c_{t-1} + sigmoid(i) tanh(g),    h_t = sigmoid(o) tanh(c_t)

``W x`` is one matrix product over all steps, outside the loop over time; the gradient of ``U`` is one too,
taken from the stored gates after the backward loop instead of being summed up inside it. Both are products of
matrices, with time and batch in one axis: XLA for CPU takes three times as long for the gradient of the same
product of arrays with three axes.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, PRNGKeyArray


def affine(
    sequence: Float[Array, "time batch feature"],
    weight: Float[Array, "feature output"],
    bias: Float[Array, " output"],
) -> Float[Array, "time batch output"]:
    """``weight`` applied to every step, plus ``bias``, as one product of two matrices."""
    product = _rows(sequence) @ weight + bias.reshape(1, -1)
    return product.reshape(*sequence.shape[:2], -1)


def _rows(series: Float[Array, "time batch feature"]) -> Float[Array, "row feature"]:
    return series.reshape(-1, series.shape[-1])


class LSTMLayer(eqx.Module):
    """One layer; the four gates lie side by side in the order input, forget, output, candidate."""

    input_weight: Float[Array, "feature gates"]
    recurrent_weight: Float[Array, "hidden gates"]
    bias: Float[Array, " gates"]

    def __init__(self, features: int, hidden: int, *, key: PRNGKeyArray) -> None:
        limit = hidden**-0.5
        first, second = jax.random.split(key)
        self.input_weight = jax.random.uniform(first, (features, 4 * hidden), jnp.float32, -limit, limit)
        self.recurrent_weight = jax.random.uniform(second, (hidden, 4 * hidden), jnp.float32, -limit, limit)
        self.bias = jnp.zeros(4 * hidden, jnp.float32).at[hidden : 2 * hidden].set(1.0)

    def __call__(self, sequence: Float[Array, "time batch feature"]) -> Float[Array, "time batch hidden"]:
        """Hidden states from a zero state at the first step."""
        projected = affine(sequence, self.input_weight, self.bias)
        return recurrence(projected, self.recurrent_weight)


class LSTM(eqx.Module):
    """Stacked layers, each reading the hidden states of the one below. The forget gates' bias starts at 1."""

    layers: tuple[LSTMLayer, ...]

    def __init__(self, features: int, hidden: int, layers: int, *, key: PRNGKeyArray) -> None:
        sizes = (features,) + (hidden,) * (layers - 1)
        keys = jax.random.split(key, layers)
        self.layers = tuple(LSTMLayer(size, hidden, key=k) for size, k in zip(sizes, keys, strict=True))

    def __call__(self, sequence: Float[Array, "time batch feature"]) -> Float[Array, "time batch hidden"]:
        """Hidden states of the last layer, from zero states at the first step; time is the leading axis."""
        for layer in self.layers:
            sequence = layer(sequence)
        return sequence


@jax.custom_vjp
def recurrence(
    projected: Float[Array, "time batch gates"], recurrent_weight: Float[Array, "hidden gates"]
) -> Float[Array, "time batch hidden"]:
    """Hidden states for inputs that are already projected onto the gates, from a zero state.

    First derivatives in reverse mode only.
    """
    return _forward(projected, recurrent_weight)[0]


def _forward(projected: Array, weight: Array) -> tuple[Array, Array, Array]:
    hidden = weight.shape[0]

    def step(state: tuple[Array, Array], inputs: Array) -> tuple[tuple[Array, Array], tuple[Array, ...]]:
        cell, output = state
        total = inputs + output @ weight
        gates = jax.nn.sigmoid(total[:, : 3 * hidden])
        candidate = jnp.tanh(total[:, 3 * hidden :])
        cell = gates[:, hidden : 2 * hidden] * cell + gates[:, :hidden] * candidate
        output = gates[:, 2 * hidden :] * jnp.tanh(cell)
        return (cell, output), (output, cell, jnp.concatenate([gates, candidate], axis=-1))

    zero = jnp.zeros((projected.shape[1], hidden), projected.dtype)
    outputs, cells, kept = lax.scan(step, (zero, zero), projected)[1]
    return outputs, cells, kept


def _forward_keeping(projected: Array, weight: Array) -> tuple[Array, tuple[Array, ...]]:
    outputs, cells, gates = _forward(projected, weight)
    return outputs, (outputs, cells, gates, weight)


def _backward(kept: tuple[Array, ...], cotangent: Array) -> tuple[Array, Array]:
    outputs, cells, gates, weight = kept
    transposed = weight.T

    def step(state: tuple[Array, Array], inputs: tuple[Array, ...]) -> tuple[tuple[Array, Array], Array]:
        d_cell, d_output = state
        above, cell, cell_before, gate = inputs
        into, forget, out, candidate = jnp.split(gate, 4, axis=-1)
        squashed = jnp.tanh(cell)
        d_output = d_output + above
        d_cell = d_cell + d_output * out * (1.0 - squashed * squashed)
        d_total = jnp.concatenate(
            [
                d_cell * candidate * into * (1.0 - into),
                d_cell * cell_before * forget * (1.0 - forget),
                d_output * squashed * out * (1.0 - out),
                d_cell * into * (1.0 - candidate * candidate),
            ],
            axis=-1,
        )
        return (d_cell * forget, d_total @ transposed), d_total

    zero = jnp.zeros_like(outputs[0])
    series = (cotangent, cells, _before(cells), gates)
    d_projected = lax.scan(step, (zero, zero), series, reverse=True)[1]
    d_weight = _rows(_before(outputs)).T @ _rows(d_projected)
    return d_projected, d_weight


def _before(series: Float[Array, "time batch hidden"]) -> Float[Array, "time batch hidden"]:
    return jnp.concatenate([jnp.zeros_like(series[:1]), series[:-1]])


recurrence.defvjp(_forward_keeping, _backward)
