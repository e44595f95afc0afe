"""Long short-term memory networks for CPU: Hochreiter and Schmidhuber 1997 (doi:10.1162/neco.1997.9.8.1735).

With gates ``i, f, o`` and candidate ``g`` from ``z_t = W x_t + U h_{t-1} + b``::

    c_t = sigmoid(f) c_{t-1} + sigmoid(i) tanh(g),    h_t = sigmoid(o) tanh(c_t)

Derivatives are written by hand. A step of the forward loop, whose numbers are in the cache, keeps what the
backward loop multiplies with instead of gates and cells::

    d h_t = (from above) + U^T d z_{t+1},    d c_t = d c_{t+1} f_{t+1} + d h_t D_t,    D = o (1 - tanh(c)^2)
    d z_t = (d c_t I_t, d c_t F_t, d h_t O_t, d c_t G_t)
    I = g i (1 - i),    F = c_{t-1} f (1 - f),    O = tanh(c) o (1 - o),    G = i (1 - g^2)

with ``i, f, o, g`` after their sigmoids and tanh. The gradients of ``W`` and ``U`` are products of matrices
after the backward loop, with time and batch in one axis: XLA for CPU takes three times as long for the
gradient of the same product of arrays with three axes.
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


LANES = 16
"""Numbers in the widest vectors of CPUs. Rows of whole vectors are read fastest, so layers are computed with
as many idle units, which stay zero, as are missing: 190 units are a fifteenth faster as 192.
"""


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
        hidden = self.recurrent_weight.shape[0]
        idle = -hidden % LANES
        recurrent = jnp.pad(_with_idle(self.recurrent_weight, idle), ((0, idle), (0, 0)))
        input_weight, bias = _with_idle(self.input_weight, idle), _with_idle(self.bias, idle)
        return recurrence(sequence, input_weight, recurrent, bias)[..., :hidden]


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


def _with_idle(weight: Float[Array, "*inputs gates"], idle: int) -> Float[Array, "*inputs more"]:
    """Weights of ``idle`` units more, zero, in each of the four gates."""
    gates = weight.reshape(*weight.shape[:-1], 4, -1)
    return jnp.pad(gates, [(0, 0)] * weight.ndim + [(0, idle)]).reshape(*weight.shape[:-1], -1)


@jax.custom_vjp
def recurrence(
    sequence: Float[Array, "time batch feature"],
    input_weight: Float[Array, "feature gates"],
    recurrent_weight: Float[Array, "hidden gates"],
    bias: Float[Array, " gates"],
) -> Float[Array, "time batch hidden"]:
    """Hidden states of one layer from a zero state. First derivatives in reverse mode only."""
    return _forward(sequence, input_weight, recurrent_weight, bias)[0]


def _forward(sequence: Array, input_weight: Array, recurrent_weight: Array, bias: Array) -> tuple[Array, ...]:
    """Hidden states, and the factors ``D``, ``f``, ``I``, ``F``, ``O`` and ``G`` of the backward loop."""
    hidden = recurrent_weight.shape[0]
    weight = jnp.concatenate([input_weight, recurrent_weight])

    def step(state: tuple[Array, Array], inputs: Array) -> tuple[tuple[Array, Array], tuple[Array, ...]]:
        before, output = state
        total = jnp.concatenate([inputs, output], axis=-1) @ weight + bias.reshape(1, -1)
        into, forget, out = jnp.split(jax.nn.sigmoid(total[:, : 3 * hidden]), 3, axis=-1)
        candidate = jnp.tanh(total[:, 3 * hidden :])
        cell = forget * before + into * candidate
        squashed = jnp.tanh(cell)
        output = out * squashed
        factors = (
            out * (1.0 - squashed * squashed),
            forget,
            candidate * into * (1.0 - into),
            before * forget * (1.0 - forget),
            squashed * out * (1.0 - out),
            into * (1.0 - candidate * candidate),
        )
        return (cell, output), (output, *factors)

    kept: tuple[Array, ...] = lax.scan(step, _zero_state(sequence, hidden), sequence)[1]
    return kept


def _forward_keeping(
    sequence: Array, input_weight: Array, recurrent_weight: Array, bias: Array
) -> tuple[Array, tuple[Array, ...]]:
    outputs, *factors = _forward(sequence, input_weight, recurrent_weight, bias)
    return outputs, (sequence, input_weight, recurrent_weight, outputs, *factors)


def _backward(kept: tuple[Array, ...], cotangent: Array) -> tuple[Array, Array, Array, Array]:
    sequence, input_weight, recurrent_weight, outputs, *factors = kept
    transposed = recurrent_weight.T

    def step(state: tuple[Array, Array], inputs: tuple[Array, ...]) -> tuple[tuple[Array, Array], Array]:
        d_cell, d_output = state
        above, to_cell, forget, of_into, of_forget, of_out, of_candidate = inputs
        d_output = d_output + above
        d_cell = d_cell + d_output * to_cell
        d_total = jnp.concatenate(
            [d_cell * of_into, d_cell * of_forget, d_output * of_out, d_cell * of_candidate], axis=-1
        )
        return (d_cell * forget, d_total @ transposed), d_total

    start = _zero_state(sequence, recurrent_weight.shape[0])
    d_total = _rows(lax.scan(step, start, (cotangent, *factors), reverse=True)[1])
    before = jnp.concatenate([jnp.zeros_like(outputs[:1]), outputs[:-1]])
    return (
        (d_total @ input_weight.T).reshape(sequence.shape),
        _rows(sequence).T @ d_total,
        _rows(before).T @ d_total,
        jnp.sum(d_total, axis=0),
    )


def _zero_state(sequence: Float[Array, "time batch feature"], hidden: int) -> tuple[Array, Array]:
    zero = jnp.zeros((sequence.shape[1], hidden), sequence.dtype)
    return zero, zero


recurrence.defvjp(_forward_keeping, _backward)
