"""Runs of few columns at a time, each group through its time steps in one compiled loop.

XLA on CPUs starts every kernel of a step by itself, some three thousand a step, which takes longer than what
a handful of columns have to compute. Told so by :data:`LOOPS_OF_ONE_KERNEL`, it compiles a loop that touches
little memory into one kernel: a group of columns as wide as a vector of the processor then takes a sixth of
the time of a step, whatever else runs. Larger batches do not fit; they go faster by :mod:`integrate`.
"""

import os
import re

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import PartitionSpec
from jaxtyping import Array, Int

from tilth.models.matsiro.options import MatsiroOptions
from tilth.models.matsiro.state import ColumnForcing, State
from tilth.models.matsiro.step import Column, step

LOOP_BYTES = 524_288
"""Bytes that a step of one group touches, rounded up; not those of a surrogate's training."""
LOOPS_OF_ONE_KERNEL = f"--xla_backend_extra_options=xla_cpu_small_while_loop_byte_threshold={LOOP_BYTES}"
"""The flag of XLA (environment variable ``XLA_FLAGS``, before its first use) that this needs."""
GROUP_BYTES = 64
"""Bytes of one number of all columns of a group, a vector of 512 bits: eight columns in double precision."""
WIDE_VECTORS = {"xla_cpu_prefer_vector_width": 8 * GROUP_BYTES}
"""XLA's option for vectors as wide as that where the processor has them; by default it uses half of them."""
MOST_COLUMNS = 256
"""Columns a device from which one large batch is faster."""
STEPS = 4320
"""Most steps of a call: a quarter of a year, in which the calls themselves cost nothing."""


def in_one_kernel() -> bool:
    """Whether XLA runs on CPUs and was told to compile the loop of a group into one kernel."""
    if jax.default_backend() != "cpu":
        return False
    found = re.search(r"xla_cpu_small_while_loop_byte_threshold=(\d+)", os.environ.get("XLA_FLAGS", ""))
    return found is not None and int(found[1]) >= LOOP_BYTES


def in_lanes(
    column: Column, state: State, forcing: ColumnForcing, options: MatsiroOptions, *, names: tuple[str, ...]
) -> tuple[dict[str, np.ndarray], State]:
    """Outputs ``[time, ..., column]`` of the given names, on the host, and the last state.

    Columns of one source share groups, since a group waits for its slowest at every step. The code is the
    same whatever the numbers of columns, sources and steps and the outputs asked for. Not to be
    differentiated.
    """
    devices = jax.local_device_count()
    width = devices * GROUP_BYTES // state.canopy_water.dtype.itemsize
    count = column.settings.step.shape[0]
    column, state, series = jax.tree.map(np.asarray, (column, state, forcing))
    order = np.argsort(column.settings.source, kind="stable")
    parts = []
    for begin in range(0, count, width):
        members = order[np.minimum(np.arange(begin, begin + width), count - 1)]
        own, start = jax.tree.map(lambda a, members=members: a[..., members], (column, state))
        driving = jax.tree.map(lambda a, of=own.settings.source: a[:, of], series)
        parts.append(_through_time(own, start, driving, options, names, devices))
    back = np.argsort(order)
    outputs = {name: np.concatenate([of[name] for of, _ in parts], axis=-1)[..., back] for name in names}
    last = jax.tree.map(
        lambda *ends: jnp.asarray(np.concatenate(ends, axis=-1)[..., back]), *(s for _, s in parts)
    )
    return outputs, last


def _through_time(
    column: Column,
    state: State,
    series: ColumnForcing,
    options: MatsiroOptions,
    names: tuple[str, ...],
    devices: int,
) -> tuple[dict[str, np.ndarray], State]:
    """The series and the last state of one group; ``series`` is ``[time, column]``."""
    length = series.air_temperature.shape[0]
    parts = []
    for begin in range(0, length, STEPS):
        steps = min(STEPS, length - begin)
        filling = [(0, STEPS - steps), (0, 0)]
        part = jax.tree.map(lambda a, b=begin, f=filling: np.pad(a[b : b + STEPS], f, mode="edge"), series)
        outputs, state = _compiled(column, state, part, jnp.asarray(steps, jnp.int32), options, devices)
        state = jax.tree.map(np.asarray, state)
        parts.append({name: np.asarray(outputs[name])[:steps] for name in names})
    return {name: np.concatenate([part[name] for part in parts]) for name in names}, state


@eqx.filter_jit(compiler_options=WIDE_VECTORS)  # type: ignore[call-overload]
def _compiled(
    column: Column,
    state: State,
    series: ColumnForcing,
    steps: Int[Array, ""],
    options: MatsiroOptions,
    devices: int,
) -> tuple[dict[str, Array], State]:
    """All outputs of the first ``steps`` of the series, columns shared by the devices; zeros beyond."""

    def run(
        column: Column, state: State, series: ColumnForcing, steps: Array
    ) -> tuple[dict[str, Array], State]:
        lanes = jnp.arange(column.settings.step.shape[0], dtype=jnp.int32)
        column = eqx.tree_at(lambda c: c.settings.source, column, lanes)

        def advanced(state: State, values: ColumnForcing) -> tuple[State, dict[str, Array]]:
            return step(column, state, values, options)

        _, shapes = jax.eval_shape(advanced, state, jax.tree.map(lambda a: a[0], series))
        room = jax.tree.map(lambda a: jnp.zeros((STEPS, *a.shape), a.dtype), shapes)

        def one(index: Array, carry: tuple[dict[str, Array], State]) -> tuple[dict[str, Array], State]:
            kept, state = carry
            values = jax.tree.map(lambda a: jax.lax.dynamic_index_in_dim(a, index, keepdims=False), series)
            state, outputs = advanced(state, values)
            kept = jax.tree.map(
                lambda a, new: jax.lax.dynamic_update_index_in_dim(a, new, index, 0), kept, outputs
            )
            return kept, state

        return jax.lax.fori_loop(0, steps, one, (room, state))

    if devices == 1:
        return run(column, state, series, steps)
    mesh = jax.sharding.Mesh(np.array(jax.local_devices()), ("column",))
    last = PartitionSpec(None, "column")

    def spec(tree: object) -> object:
        return jax.tree.map(lambda a: PartitionSpec(*[None] * (jnp.ndim(a) - 1), "column"), tree)

    shapes = jax.eval_shape(run, column, state, series, steps)
    sharded = jax.shard_map(
        run, mesh=mesh,
        in_specs=(spec(column), spec(state), jax.tree.map(lambda _: last, series), PartitionSpec()),
        out_specs=spec(shapes), check_vma=False,
    )  # fmt: skip
    return sharded(column, state, series, steps)
