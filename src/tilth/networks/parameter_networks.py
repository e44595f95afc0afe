"""Networks from what is known of a leaf to its parameters (Aboelyazeed et al. 2023, section 2.5.2).

One hidden layer; sigmoids on the hidden layer and on the output, so that a parameter stays inside its
range. Networks are float32 whatever the precision of the physics.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

CARBOXYLATION_RANGE = (20.0, 150.0)
"""Range of the learned Vcmax at 25 °C [umol m-2 s-1]."""


def sigmoid_network(inputs: int, hidden: tuple[int, ...], key: PRNGKeyArray) -> eqx.nn.Sequential:
    """A network with one output in 0..1; sigmoids after every layer."""
    sizes = (inputs, *hidden, 1)
    keys = jax.random.split(key, len(sizes) - 1)
    layers: list[eqx.nn.Linear | eqx.nn.Lambda] = []
    for size_in, size_out, layer_key in zip(sizes[:-1], sizes[1:], keys, strict=True):
        layers += [
            eqx.nn.Linear(size_in, size_out, key=layer_key, dtype=jnp.float32),
            eqx.nn.Lambda(jax.nn.sigmoid),
        ]
    return eqx.nn.Sequential(layers)


class CategoryNetwork(eqx.Module):
    """A parameter of each category (plant type or species): one-hot in, a value within ``bounds`` out."""

    network: eqx.nn.Sequential
    categories: int = eqx.field(static=True)
    bounds: tuple[float, float] = eqx.field(static=True)

    def __init__(
        self,
        categories: int,
        key: PRNGKeyArray,
        *,
        hidden: tuple[int, ...] | None = None,
        bounds: tuple[float, float] = CARBOXYLATION_RANGE,
    ):
        self.network = sigmoid_network(categories, hidden or (categories,), key)
        self.categories, self.bounds = categories, bounds

    def values(self) -> Float[Array, " category"]:
        """The parameter of every category, in its unit."""
        low, high = self.bounds
        position = jax.vmap(self.network)(jnp.eye(self.categories, dtype=jnp.float32))[:, 0]
        return low + (high - low) * position

    def __call__(self, index: Int[Array, " point"]) -> Float[Array, " point"]:
        """The parameter of each point by its category."""
        return self.values()[index]


class TraitNetwork(eqx.Module):
    """A parameter from continuous traits, standardised with the stated ``mean`` and ``scale``."""

    network: eqx.nn.Sequential
    mean: tuple[float, ...] = eqx.field(static=True)
    scale: tuple[float, ...] = eqx.field(static=True)
    bounds: tuple[float, float] = eqx.field(static=True)

    def __init__(
        self,
        mean: tuple[float, ...],
        scale: tuple[float, ...],
        key: PRNGKeyArray,
        *,
        hidden: tuple[int, ...] | None = None,
        bounds: tuple[float, float] = CARBOXYLATION_RANGE,
    ):
        self.network = sigmoid_network(len(mean), hidden or (max(4, len(mean)),), key)
        self.mean, self.scale, self.bounds = mean, scale, bounds

    def __call__(self, traits: Float[Array, "point trait"]) -> Float[Array, " point"]:
        """The parameter of each point."""
        low, high = self.bounds
        mean, scale = jnp.asarray(self.mean, traits.dtype), jnp.asarray(self.scale, traits.dtype)
        inputs = ((traits - mean[None]) / scale[None]).astype(jnp.float32)
        return low + (high - low) * jax.vmap(self.network)(inputs)[:, 0]


class SoilShapeNetwork(eqx.Module):
    """Shape B of the soil-water stress, 0 to 1, from soil features and an embedding of the plant type.

    ``embedding`` is None where the type is left out (synthetic experiments).
    """

    network: eqx.nn.Sequential
    embedding: Float[Array, "category width"] | None

    def __init__(
        self,
        features: int,
        categories: int,
        key: PRNGKeyArray,
        *,
        width: int = 5,
        hidden: tuple[int, ...] = (8,),
    ):
        first, second = jax.random.split(key)
        width = width if categories else 0
        self.embedding = jax.random.normal(first, (categories, width), jnp.float32) if categories else None
        self.network = sigmoid_network(features + width, hidden, second)

    def __call__(
        self, features: Float[Array, "point layer feature"], index: Int[Array, " point"]
    ) -> Float[Array, "point layer"]:
        """The shape at each point and layer."""
        inputs = features.astype(jnp.float32)
        if self.embedding is not None:
            vectors = self.embedding[index][:, None, :]
            shape = (*inputs.shape[:2], vectors.shape[-1])
            inputs = jnp.concatenate([inputs, jnp.broadcast_to(vectors, shape)], axis=-1)
        return jax.vmap(jax.vmap(self.network))(inputs)[..., 0]
