"""Simulated and observed series averaged to a longer step before they are compared."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

MINIMUM_SHARE = 0.8
"""A mean counts where this share of its steps does."""


def block_means(
    values: Float[Array, "time column"], counts: Bool[Array, "time column"], steps: int
) -> tuple[Float[Array, "block column"], Bool[Array, "block column"]]:
    """Means over blocks of ``steps`` native steps from the first one on, and which of them count.

    Only steps where ``counts`` is True enter a mean, so that two series averaged with the same ``counts`` are
    averaged over the same steps; the gradient at the others is zero whatever their values. ``ValueError``
    unless the series is a whole number of blocks.
    """
    if steps < 1 or values.shape[0] % steps:
        raise ValueError(
            f"a series of {values.shape[0]} steps cannot be averaged over blocks of {steps}: "
            "expected windows of a whole number of blocks"
        )
    if steps == 1:
        return jnp.where(counts, values, 0.0), counts
    shape = (values.shape[0] // steps, steps, values.shape[1])
    number = counts.reshape(shape).astype(values.dtype).sum(axis=1)
    total = jnp.where(counts, values, 0.0).reshape(shape).sum(axis=1)
    means = total / jnp.maximum(number, 1.0)
    return means, number >= MINIMUM_SHARE * steps - 1e-6
