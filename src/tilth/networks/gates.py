"""Gates that let a task take what it needs from shared features."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray


class Gate(eqx.Module):
    """Sigmoid gate on shared features: Xie et al. 2025, equations 7 and 8."""

    weight: Float[Array, "feature hidden"]
    bias: Float[Array, " hidden"]

    def __init__(self, features: int, hidden: int, *, key: PRNGKeyArray) -> None:
        limit = features**-0.5
        self.weight = jax.random.uniform(key, (features, hidden), jnp.float32, -limit, limit)
        self.bias = jnp.zeros(hidden, jnp.float32)

    def __call__(
        self, combined: Float[Array, "*axes feature"], shared: Float[Array, "*axes hidden"]
    ) -> Float[Array, "*axes hidden"]:
        """``shared`` times the sigmoid of a linear map of ``combined``."""
        rows = combined.reshape(-1, combined.shape[-1]) @ self.weight + self.bias.reshape(1, -1)
        return jax.nn.sigmoid(rows.reshape(shared.shape)) * shared
