"""Compiled code: what XLA is told of it, and forgetting it before a process has no room for more."""

import gc
from importlib.metadata import entry_points
from pathlib import Path

import jax

from tilth.models.matsiro.lanes import LOOPS_OF_ONE_KERNEL

LESS_OPTIMISED = "--xla_backend_optimization_level=1"
"""Code that is compiled in four fifths of the time and on CPUs runs no slower."""

MOST_MAPS = 20_000
"""Memory maps of the process above which code is forgotten; Linux allows 65 530 (vm.max_map_count)."""


def xla_flags() -> str:
    """Flags for the environment variable ``XLA_FLAGS``, which XLA reads before its first use."""
    only_cpus = not entry_points(group="jax_plugins")
    return f"{LOOPS_OF_ONE_KERNEL} {LESS_OPTIMISED}" if only_cpus else LOOPS_OF_ONE_KERNEL


def forget_old_code(maps: Path = Path("/proc/self/maps")) -> bool:
    """Forgets compiled code if the process has many memory maps; says whether it did.

    Every compiled kernel takes some of the process's memory maps. An experiment with many sites, each with
    code for its own record's length, would use them up, and the compiler then ends the process with a
    segmentation fault. Called between sites, which share little code.
    """
    if not maps.exists() or len(maps.read_bytes().splitlines()) <= MOST_MAPS:
        return False
    jax.clear_caches()
    gc.collect()
    return True
