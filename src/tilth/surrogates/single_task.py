"""The single-task network of dPL: one trunk for all fluxes, as Xie et al. 2025 compare with (section 2.4.3).

Differentiable parameter learning after Tsai et al. 2021 (doi:10.1038/s41467-021-26107-z) with one network
of forcing and parameters for all outputs: no gates, no layers of a flux's own.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from tilth.networks.lstm import LSTM, affine
from tilth.surrogates.architecture import AbstractSurrogateNetwork
from tilth.surrogates.settings import SingleTaskSizes


class SingleTaskNetwork(AbstractSurrogateNetwork):
    """A stacked LSTM and a linear map of its hidden states to one output a task.

    With ``X`` the combined inputs (equation 6): ``Y = Linear(LSTM(X))``.
    """

    trunk: LSTM
    weight: Float[Array, "hidden task"]
    bias: Float[Array, " task"]

    def __init__(self, features: int, tasks: int, sizes: SingleTaskSizes, *, key: PRNGKeyArray) -> None:
        first, second = jax.random.split(key)
        self.trunk = LSTM(features, sizes.hidden, sizes.layers, key=first)
        limit = sizes.hidden**-0.5
        self.weight = jax.random.uniform(second, (sizes.hidden, tasks), jnp.float32, -limit, limit)
        self.bias = jnp.zeros(tasks, jnp.float32)

    @property
    def sizes(self) -> SingleTaskSizes:
        """Layers and hidden size."""
        return SingleTaskSizes(len(self.trunk.layers), self.trunk.layers[0].recurrent_weight.shape[0])

    def __call__(self, combined: Float[Array, "batch time feature"]) -> Float[Array, "batch time task"]:
        """Standardised outputs, each window from zero states."""
        hidden = self.trunk(jnp.swapaxes(combined, 0, 1))
        return jnp.swapaxes(affine(hidden, self.weight, self.bias), 0, 1)

    def rate_groups(self) -> "SingleTaskNetwork":
        """The label ``task`` for all weights: there is nothing that learns at another rate."""
        return jax.tree.map(lambda _: "task", self)
