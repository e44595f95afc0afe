"""The architectures of surrogates by name: building them, and counting their weights."""

import dataclasses

import equinox as eqx
import jax
from jaxtyping import PRNGKeyArray

from tilth.surrogates.architecture import AbstractSurrogateNetwork
from tilth.surrogates.multitask import MultitaskNetwork
from tilth.surrogates.settings import MultitaskSizes, NetworkSizes, SingleTaskSizes
from tilth.surrogates.single_task import SingleTaskNetwork

ARCHITECTURES: dict[str, tuple[type[NetworkSizes], type[AbstractSurrogateNetwork]]] = {
    "multitask": (MultitaskSizes, MultitaskNetwork),
    "single-task": (SingleTaskSizes, SingleTaskNetwork),
}
"""Sizes and network of each architecture; its name is what a saved surrogate says it is."""


def architecture_name(sizes: NetworkSizes) -> str:
    """The name of the architecture that ``sizes`` belong to."""
    return next(name for name, (kind, _) in ARCHITECTURES.items() if isinstance(sizes, kind))


def network_of(
    sizes: NetworkSizes, features: int, tasks: int, *, key: PRNGKeyArray
) -> AbstractSurrogateNetwork:
    """An untrained network of ``sizes`` with ``features`` inputs a step and ``tasks`` outputs."""
    if isinstance(sizes, MultitaskSizes):
        return MultitaskNetwork(features, tasks, sizes, key=key)
    return SingleTaskNetwork(features, tasks, sizes, key=key)


def weight_count(sizes: NetworkSizes, features: int, tasks: int) -> int:
    """Number of trainable weights of a network, biases included; nothing is allocated.

    An LSTM layer from m to n units has 4 n (m + n + 1): one bias a gate, where PyTorch keeps two.
    """
    shapes = eqx.filter_eval_shape(lambda: network_of(sizes, features, tasks, key=jax.random.key(0)))
    return sum(leaf.size for leaf in jax.tree.leaves(shapes))


def size_matched(
    single: SingleTaskSizes, multitask: MultitaskSizes, features: int, tasks: int
) -> SingleTaskSizes:
    """``single`` with the hidden size that brings its weights closest to those of ``multitask``."""
    wanted = weight_count(multitask, features, tasks)
    low, high = 1, 1
    while _weights(single, high, features, tasks) < wanted:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _weights(single, middle, features, tasks) < wanted else (low, middle)
    best = min((low, high), key=lambda hidden: abs(_weights(single, hidden, features, tasks) - wanted))
    return dataclasses.replace(single, hidden=best)


def _weights(single: SingleTaskSizes, hidden: int, features: int, tasks: int) -> int:
    return weight_count(dataclasses.replace(single, hidden=hidden), features, tasks)
