"""Runs of repeated values: instruments that hang, values that were filled in or made up."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Run:
    """A run of equal values: how many steps, from which index, of which value."""

    length: int
    start: int
    value: float


def longest_run(values: np.ndarray, ignore_zero: bool = False) -> Run:
    """The longest run of equal finite values; ``ignore_zero`` for rain and sunlight."""
    same = np.isfinite(values[1:]) & (values[1:] == values[:-1])
    if ignore_zero:
        same &= values[1:] != 0.0
    edges = np.flatnonzero(np.diff(np.concatenate(([False], same, [False])).astype(np.int8)))
    if len(edges) == 0:
        finite = np.flatnonzero(np.isfinite(values))
        start = int(finite[0]) if len(finite) else 0
        return Run(length=min(len(finite), 1), start=start, value=float(values[start]))
    starts, ends = edges[::2], edges[1::2]
    best = int(np.argmax(ends - starts))
    start = int(starts[best])
    return Run(length=int(ends[best] - start) + 1, start=start, value=float(values[start]))


def repeated_share(values: np.ndarray, counted: np.ndarray) -> float:
    """Share of the ``counted`` values that equal the value one step before [-]."""
    pairs = counted[1:] & np.isfinite(values[:-1])
    if not pairs.any():
        return 0.0
    return float(np.mean(values[1:][pairs] == values[:-1][pairs]))
