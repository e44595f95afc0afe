"""Scaling of features and targets to zero mean and unit standard deviation."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float


class Normalisation(eqx.Module):
    """Mean and standard deviation of each feature, in the feature's unit."""

    mean: Float[Array, " feature"]
    deviation: Float[Array, " feature"]

    @classmethod
    def of(cls, values: np.ndarray) -> "Normalisation":
        """That of values ``[..., feature]``; a feature that does not vary is only centred."""
        flat = np.asarray(values, dtype=np.float64).reshape(-1, values.shape[-1])
        mean, deviation = flat.mean(axis=0), flat.std(axis=0)
        constant = deviation <= 1e-6 * np.maximum(np.abs(mean), 1e-30)
        deviation = np.where(constant, 1.0, deviation)
        return cls(jnp.asarray(mean, jnp.float32), jnp.asarray(deviation, jnp.float32))

    def apply(self, values: Float[Array, "... feature"]) -> Float[Array, "... feature"]:
        """Values without unit, mean 0 and standard deviation 1 over what :meth:`of` has seen."""
        return (values - _like(self.mean, values)) / _like(self.deviation, values)

    def restore(self, values: Float[Array, "... feature"]) -> Float[Array, "... feature"]:
        """Values in their unit again."""
        return values * _like(self.deviation, values) + _like(self.mean, values)


def _like(row: Float[Array, " feature"], values: Float[Array, "... feature"]) -> Float[Array, "... feature"]:
    return row.astype(values.dtype).reshape((1,) * (values.ndim - 1) + row.shape)
