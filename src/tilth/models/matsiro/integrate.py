"""Looping over time, written once: forward runs, and runs whose derivatives fit in memory."""

import functools
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import PartitionSpec
from jaxtyping import Array

from tilth.models.matsiro.options import MatsiroOptions
from tilth.models.matsiro.state import ColumnForcing, State
from tilth.models.matsiro.step import Column, step

BLOCK = 48
"""Steps between saved states: within a block, states are kept only while it is differentiated."""
SAVED = 40
"""Numbers that differentiation keeps of a column in a step: its state and its solved surfaces, rounded up."""
MOST_SAVED = 2**31
"""Bytes of these on a device above which only states between blocks are kept, for one more forward run."""
SMALL = 8
"""Columns that a run of two to so many has: their code is shared, and eight hardly take longer than two."""
LEAST_SHARD = 24
"""Columns below which a device does not get a share of its own: smaller batches are not faster."""


def integrate(
    column: Column,
    state: State,
    forcing: ColumnForcing,
    options: MatsiroOptions,
    *,
    names: tuple[str, ...] | None,
) -> tuple[dict[str, Array], State]:
    """Outputs ``[time, ..., column]`` of the given names, or all, and the last state, compiled.

    Columns are shared equally by the devices of the process where there are enough of them. Reverse
    differentiation keeps the state and the solved surface of each step, or, where these are too many, one
    state a block; neither the iterations nor anything else of the history.
    """
    count = column.settings.step.shape[0]
    shards = max(1, min(jax.local_device_count(), count // LEAST_SHARD))
    return _compiled(column, state, forcing, options, names, shards)


def in_pieces(
    column: Column,
    state: State,
    forcing: ColumnForcing,
    options: MatsiroOptions,
    *,
    names: tuple[str, ...],
    piece: int,
) -> tuple[dict[str, np.ndarray], State]:
    """As :func:`integrate`, in pieces of so many steps that share their code; outputs on the host.

    Runs whose lengths are multiples of a piece are compiled once for a number of columns, and small ones
    once for all: they get columns and sources that repeat theirs and compute all outputs. Not to be
    differentiated.
    """
    series = jax.tree.map(np.asarray, forcing)
    count = column.settings.step.shape[0]
    computed: tuple[str, ...] | None = names
    if 1 < count <= SMALL and series.air_temperature.shape[1] <= SMALL:
        column, state, series = (_repeated(tree, SMALL) for tree in (column, state, series))
        computed = None
    parts: list[dict[str, np.ndarray]] = []
    for begin in range(0, series.air_temperature.shape[0], piece):
        part = jax.tree.map(lambda a, begin=begin: a[begin : begin + piece], series)
        # By way of the host: code is compiled anew for a state that is spread over devices.
        state = jax.tree.map(np.asarray, state)
        outputs, state = integrate(column, state, part, options, names=computed)
        parts.append({name: np.asarray(outputs[name])[..., :count] for name in names})
    joined = {name: np.concatenate([part[name] for part in parts]) for name in names}
    return joined, jax.tree.map(lambda a: jnp.asarray(np.asarray(a)[..., :count]), state)


@eqx.filter_jit
def _compiled(
    column: Column,
    state: State,
    forcing: ColumnForcing,
    options: MatsiroOptions,
    names: tuple[str, ...] | None,
    shards: int,
) -> tuple[dict[str, Array], State]:
    if shards == 1:
        return _scan(column, state, forcing, options, names)
    count = column.settings.step.shape[0]
    padding = -count % shards
    wide_column, wide_state = _padded(column, padding), _padded(state, padding)
    mesh = jax.sharding.Mesh(np.array(jax.local_devices()[:shards]), ("column",))

    def last_axis(tree: object) -> object:
        return jax.tree.map(lambda a: PartitionSpec(*[None] * (jnp.ndim(a) - 1), "column"), tree)

    shapes = jax.eval_shape(
        functools.partial(_scan, options=options, names=names), wide_column, wide_state, forcing
    )
    run = jax.shard_map(
        functools.partial(_scan, options=options, names=names),
        mesh=mesh,
        in_specs=(
            last_axis(wide_column),
            last_axis(wide_state),
            jax.tree.map(lambda _: PartitionSpec(), forcing),
        ),
        out_specs=last_axis(shapes),
        check_vma=False,
    )
    outputs, last = run(wide_column, wide_state, forcing)
    return jax.tree.map(lambda a: a[..., :count], (outputs, last))


def _repeated(tree: Any, count: int) -> Any:
    """So many columns, or sources, from fewer."""
    return jax.tree.map(lambda a: a[..., np.arange(count) % a.shape[-1]], tree)


def _padded(tree: Any, padding: int) -> Any:
    """Columns repeated at the end so that devices share them equally."""
    return jax.tree.map(lambda a: jnp.concatenate([a, a[..., :padding]], axis=-1) if padding else a, tree)


def _scan(
    column: Column,
    state: State,
    forcing: ColumnForcing,
    options: MatsiroOptions,
    names: tuple[str, ...] | None,
) -> tuple[dict[str, Array], State]:
    """All steps, or blocks of steps, each a checkpoint, where the states of all steps are too many to keep.

    The steps that do not fill a block come first.
    """

    def one(carry: State, values: ColumnForcing) -> tuple[State, dict[str, Array]]:
        following, outputs = step(column, carry, values, options)
        return following, {name: outputs[name] for name in (outputs if names is None else names)}

    saving = jax.checkpoint_policies.save_only_these_names("solved")
    inner = jax.checkpoint(one, policy=saving, prevent_cse=False)
    steps, store = forcing.air_temperature.shape[0], state.canopy_water
    if steps * SAVED * store.size * store.dtype.itemsize <= MOST_SAVED:
        last, outputs = jax.lax.scan(inner, state, forcing)
        return outputs, last

    @functools.partial(jax.checkpoint, prevent_cse=False)
    def block(carry: State, values: ColumnForcing) -> tuple[State, dict[str, Array]]:
        return jax.lax.scan(inner, carry, values)

    rest = steps % BLOCK
    first = {}
    if rest:
        state, first = block(state, jax.tree.map(lambda a: a[:rest], forcing))
    blocks = jax.tree.map(lambda a: a[rest:].reshape(steps // BLOCK, BLOCK, *a.shape[1:]), forcing)
    state, outputs = jax.lax.scan(block, state, blocks)
    outputs = jax.tree.map(lambda a: a.reshape(steps - rest, *a.shape[2:]), outputs)
    if rest:
        outputs = jax.tree.map(lambda *a: jnp.concatenate(a), first, outputs)
    return outputs, state
