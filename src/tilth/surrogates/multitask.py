"""The multi-task network of Xie et al. 2025, section 2.2, equations 5 to 9."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from tilth.networks.gates import Gate
from tilth.networks.lstm import LSTM
from tilth.surrogates.architecture import AbstractSurrogateNetwork
from tilth.surrogates.settings import MultitaskSizes


class LinearHead(eqx.Module):
    """Linear map of a task's hidden states to its output."""

    weight: Float[Array, " hidden"]
    bias: Float[Array, ""]

    def __init__(self, hidden: int, *, key: PRNGKeyArray) -> None:
        limit = hidden**-0.5
        self.weight = jax.random.uniform(key, (hidden,), jnp.float32, -limit, limit)
        self.bias = jnp.zeros((), jnp.float32)

    def __call__(self, hidden: Float[Array, "time batch hidden"]) -> Float[Array, "time batch"]:
        """One number a step."""
        return hidden @ self.weight + self.bias


class MultitaskNetwork(AbstractSurrogateNetwork):
    """A shared LSTM, and for each task a gate, an LSTM of its own and a linear head.

    With ``X`` the combined inputs (equation 6)::

        H = LSTM_shared(X)                  (5)
        g_i = sigmoid(W_i X + b_i)          (7)
        Y_i = Linear_i(LSTM_i(g_i * H))     (8, 9; the linear head is implied by the printed sizes)
    """

    shared: LSTM
    gates: tuple[Gate, ...]
    tasks: tuple[LSTM, ...]
    heads: tuple[LinearHead, ...]

    def __init__(self, features: int, tasks: int, sizes: MultitaskSizes, *, key: PRNGKeyArray) -> None:
        keys = jax.random.split(key, 1 + 3 * tasks)
        self.shared = LSTM(features, sizes.shared_hidden, sizes.shared_layers, key=keys[0])
        self.gates = tuple(Gate(features, sizes.shared_hidden, key=k) for k in keys[1::3])
        self.tasks = tuple(
            LSTM(sizes.shared_hidden, sizes.task_hidden, sizes.task_layers, key=k) for k in keys[2::3]
        )
        self.heads = tuple(LinearHead(sizes.task_hidden, key=k) for k in keys[3::3])

    def __call__(self, combined: Float[Array, "batch time feature"]) -> Float[Array, "batch time task"]:
        """Standardised outputs, each window from zero states."""
        inputs = jnp.swapaxes(combined, 0, 1)
        shared = self.shared(inputs)
        outputs = [
            head(task(gate(inputs, shared)))
            for gate, task, head in zip(self.gates, self.tasks, self.heads, strict=True)
        ]
        return jnp.moveaxis(jnp.stack(outputs), (0, 1, 2), (2, 1, 0))

    @property
    def sizes(self) -> MultitaskSizes:
        """Layers and hidden sizes."""
        return MultitaskSizes(
            shared_layers=len(self.shared.layers),
            shared_hidden=self.shared.layers[0].recurrent_weight.shape[0],
            task_layers=len(self.tasks[0].layers),
            task_hidden=self.tasks[0].layers[0].recurrent_weight.shape[0],
        )

    def rate_groups(self) -> "MultitaskNetwork":
        """Labels ``shared`` and ``task`` for the weights: the shared layers learn at a lower rate."""
        labels = jax.tree.map(lambda _: "task", self)
        return eqx.tree_at(lambda n: n.shared, labels, jax.tree.map(lambda _: "shared", self.shared))
