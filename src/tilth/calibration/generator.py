"""The parameter generator: from forcing, observed fluxes and attributes to a site's parameters.

``g_z`` of Xie et al. 2025 (egusphere-2025-3301), equation 2. Here its outputs are offsets from the site's
default parameters in unconstrained space, averaged over windows, so that a site has one parameter vector and
an untrained generator gives its defaults but for small random numbers.
"""

import dataclasses
from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from tilth.calibration.generator_inputs import GeneratorInputs
from tilth.networks.lstm import LSTM

SMALL = 0.01
"""Scale of the last layer's weights before training."""


@dataclasses.dataclass(frozen=True)
class GeneratorSettings:
    """Layers and hidden units, steps of a window, and most windows of a site that are averaged over.

    ``sees_fluxes``: whether it reads observed fluxes beside forcing and attributes.
    """

    layers: int = 1
    hidden: int = 32
    window: int = 48
    windows: int = 128
    sees_fluxes: bool = True

    def __post_init__(self) -> None:
        if min(self.layers, self.hidden, self.window, self.windows) < 1:
            raise ValueError(f"layers, hidden, window and windows must be at least 1, got {self}")

    def read(self, variables: Sequence[str]) -> tuple[str, ...]:
        """Those of the observed ``variables`` that a generator reads."""
        return tuple(variables) if self.sees_fluxes else ()


class Generator(eqx.Module):
    """A stacked LSTM whose hidden states, averaged over a window, are mapped linearly to offsets; float32.

    The mean and not the last state: a window of a day ends at midnight, when there are hardly any fluxes.
    """

    lstm: LSTM
    weight: Float[Array, "hidden free"]
    bias: Float[Array, " free"]

    def __init__(
        self, features: int, parameters: int, settings: GeneratorSettings, *, key: PRNGKeyArray
    ) -> None:
        first, second = jax.random.split(key)
        self.lstm = LSTM(features, settings.hidden, settings.layers, key=first)
        shape = (settings.hidden, parameters)
        self.weight = SMALL * jax.random.normal(second, shape, jnp.float32)
        self.bias = jnp.zeros(parameters, jnp.float32)

    @eqx.filter_jit
    def __call__(self, inputs: GeneratorInputs) -> Float[Array, "site free"]:
        """Offsets of each site's parameters in unconstrained space, averaged over its windows."""
        sites, windows, steps, _ = inputs.windows.shape
        constant = jnp.broadcast_to(
            inputs.attributes[:, None, None, :], (sites, windows, steps, inputs.attributes.shape[-1])
        )
        combined = jnp.concatenate([inputs.windows, constant], axis=-1)
        sequence = jnp.moveaxis(combined.reshape(sites * windows, steps, -1), 1, 0)
        hidden = self.lstm(sequence).mean(axis=0)
        offsets = (hidden @ self.weight).reshape(sites, windows, -1) + self.bias.reshape(1, 1, -1)
        weight = inputs.weight[..., None]
        return (offsets * weight).sum(axis=1) / weight.sum(axis=1)


def feature_count(inputs: GeneratorInputs) -> int:
    """Number of features that a generator reads at each step."""
    return inputs.windows.shape[-1] + inputs.attributes.shape[-1]
