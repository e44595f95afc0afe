"""Batches that the devices share out among themselves: on CPUs, a core for each part of a batch.

The matrix products of a small recurrent network are too small for several cores at once, and between them one
core alone works. With a share of the batch on each of two devices both work all the time. A device goes
through its share in parts of a few windows, so that what a part keeps for its gradient is near the core: a
twentieth faster, in a fraction of the memory (``benchmarks/surrogate_training.py``).
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Float

AXIS = "window"
LEAST_SHARE = 32
"""Windows of a batch for which a device is worth having, and of a part."""


def devices_for(windows: int) -> Mesh | None:
    """The devices that share a batch of so many windows equally; None where there is one only."""
    most = min(jax.local_device_count(), windows // LEAST_SHARE)
    count = next((count for count in range(most, 1, -1) if windows % count == 0), 1)
    return None if count == 1 else Mesh(np.array(jax.local_devices()[:count]), (AXIS,))


def on_all(mesh: Mesh | None, tree: Any) -> Any:
    """The arrays of a tree, all of them on each device."""
    return _placed(mesh, tree, PartitionSpec())


def on_one(mesh: Mesh | None, tree: Any) -> Any:
    """The arrays of a tree on the first device again, for what is computed there."""
    if mesh is None:
        return tree
    return jax.tree.map(lambda leaf: jnp.asarray(np.asarray(leaf)) if eqx.is_array(leaf) else leaf, tree)


def shared_out(mesh: Mesh | None, batches: Any) -> Any:
    """The windows of batches (the second axis of each of their arrays), a part of them on each device."""
    return _placed(mesh, batches, PartitionSpec(None, AXIS))


def parts_for(windows: int, mesh: Mesh | None) -> int:
    """Equal parts in which a device goes through its share of a batch of so many windows; CPUs alone do."""
    share = windows if mesh is None else windows // mesh.size
    divides = share % LEAST_SHARE == 0 and jax.default_backend() == "cpu"
    return share // LEAST_SHARE if divides else 1


def value_and_gradient(
    loss: Callable[..., Float[Array, ""]], network: Any, batch: Any, mesh: Mesh | None, parts: int = 1
) -> tuple[Float[Array, ""], Any]:
    """``loss(network, batch)`` and its gradient, which each device of a ``mesh`` computes for its windows.

    With a mesh, or several parts, the loss must be a mean over windows that all weigh the same.
    """
    if mesh is None:
        return _of_share(loss, network, batch, parts)
    arrays, fixed = eqx.partition((loss, network), eqx.is_array)

    def of_own(arrays: Any, windows: Any) -> tuple[Float[Array, ""], Any]:
        own_loss, own_network = eqx.combine(arrays, fixed)
        found = _of_share(own_loss, own_network, windows, parts)
        together, separate = ravel_pytree(found)
        return separate(jax.lax.pmean(together, AXIS))

    return jax.shard_map(
        of_own,
        mesh=mesh,
        in_specs=(PartitionSpec(), PartitionSpec(AXIS)),
        out_specs=PartitionSpec(),
        check_vma=False,
    )(arrays, batch)


def _of_share(
    loss: Callable[..., Float[Array, ""]], network: Any, batch: Any, parts: int
) -> tuple[Float[Array, ""], Any]:
    """Loss and gradient of one device's windows: the means of those of its parts."""
    of_part = eqx.filter_value_and_grad(loss)
    if parts == 1:
        return of_part(network, batch)
    divided = jax.tree.map(lambda leaf: leaf.reshape(parts, -1, *leaf.shape[1:]), batch)
    shapes = eqx.filter_eval_shape(of_part, network, jax.tree.map(lambda leaf: leaf[0], divided))
    nothing = jax.tree.map(lambda like: jnp.zeros(like.shape, like.dtype), shapes)

    def add(total: Any, part: Any) -> tuple[Any, None]:
        return jax.tree.map(jnp.add, total, of_part(network, part)), None

    total, _ = jax.lax.scan(add, nothing, divided)
    return jax.tree.map(lambda sum_: sum_ / parts, total)


def _placed(mesh: Mesh | None, tree: Any, spec: PartitionSpec) -> Any:
    if mesh is None:
        return tree
    place = NamedSharding(mesh, spec)
    return jax.tree.map(lambda leaf: jax.device_put(leaf, place) if eqx.is_array(leaf) else leaf, tree)
