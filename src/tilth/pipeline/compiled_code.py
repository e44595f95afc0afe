"""Compiled code of long runs: forgotten before the process has no room for more."""

import gc
from pathlib import Path

import jax

MOST_MAPS = 20_000
"""Memory maps of the process above which code is forgotten; Linux allows 65 530 (vm.max_map_count)."""


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
