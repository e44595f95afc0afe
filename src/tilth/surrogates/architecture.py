"""What the networks of surrogates have in common."""

import abc
from typing import Any

import equinox as eqx
from jaxtyping import Array, Float


class AbstractSurrogateNetwork(eqx.Module):
    """Maps windows of features and parameters to windows of standardised fluxes."""

    @property
    @abc.abstractmethod
    def sizes(self) -> Any:
        """Layers and hidden sizes: one of the types in :mod:`tilth.surrogates.settings`."""

    @abc.abstractmethod
    def __call__(self, combined: Float[Array, "batch time feature"]) -> Float[Array, "batch time task"]:
        """Standardised outputs, each window from zero states."""

    @abc.abstractmethod
    def rate_groups(self) -> Any:
        """A tree like the network with the name of its group of learning rates at each weight."""
