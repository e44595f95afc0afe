"""What the LSTM benchmark reads of a record: its inputs, its fluxes and windows of both."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tilth.data.containers import FORCING_NAMES, SiteRecord
from tilth.observations.splits import inner_blocks, split_record

FLUXES = ("Qle", "Qh")
"""What is predicted, in this order."""
WARM_UP, JUDGED = 48, 48
"""Steps of a window that only fill the memory, and those after them that are predicted."""
MEMORY_DAYS = (3.0, 14.0, 60.0)
"""Lengths of the running means of past weather [d]."""
REMEMBERED = ("air_temperature", "specific_humidity", "shortwave_down", "precipitation")
"""Forcings whose running means are read."""


@dataclasses.dataclass(frozen=True, eq=False)
class KnownRecord:
    """A record as the network sees it: inputs ``[time, feature]``, fluxes and masks ``[time, task]``.

    ``fit`` marks the steps to learn from, ``watched`` those that decide which epoch is kept.
    """

    inputs: np.ndarray
    fluxes: np.ndarray
    fit: np.ndarray
    watched: np.ndarray


def lstm_inputs(record: SiteRecord) -> np.ndarray:
    """What the network reads at each step, ``[time, feature]``, in SI.

    The seven forcings, leaf area index, the sine of the solar elevation, and running means over
    :data:`MEMORY_DAYS` of past temperature, humidity, shortwave radiation and precipitation.
    """
    names = (*FORCING_NAMES, "leaf_area_index", "cos_zenith")
    columns = [np.asarray(record.forcing[name], float) for name in names]
    for days in MEMORY_DAYS:
        steps = round(days * 86400.0 / record.step)
        columns += [_running_mean(np.asarray(record.forcing[name], float), steps) for name in REMEMBERED]
    return np.stack(columns, axis=1).astype(np.float32)


def _running_mean(series: np.ndarray, steps: int) -> np.ndarray:
    """Mean over the last ``steps`` steps, the present one included; over what there is at the start."""
    total = np.concatenate([[0.0], np.cumsum(series)])
    end = np.arange(1, len(series) + 1)
    start = np.maximum(end - steps, 0)
    return np.asarray((total[end] - total[start]) / (end - start))


def known_record(record: SiteRecord, mask: np.ndarray) -> KnownRecord:
    """A record whose scored steps inside ``mask`` are learned from, a fifth of them held back."""
    absent = np.full(len(record.time), np.nan)
    observed = record.observations
    fluxes = [observed[name].value if name in observed else absent for name in FLUXES]
    scored = np.stack(
        [
            record.scored(name) & mask if name in observed else np.zeros(len(record.time), bool)
            for name in FLUXES
        ],
        axis=1,
    )
    blocks = inner_blocks(record, split_record(record)).validation | _watched_later(record)
    values = np.where(scored, np.stack(fluxes, axis=1), 0.0).astype(np.float32)
    return KnownRecord(lstm_inputs(record), values, scored & ~blocks[:, None], scored & blocks[:, None])


def _watched_later(record: SiteRecord) -> np.ndarray:
    """Every fifth fortnight of the part after the cut, watched too where a whole record is learned from."""
    day = (record.time.astype("datetime64[D]") - record.time[0].astype("datetime64[D]")).astype(int)
    return np.asarray(split_record(record).heldout & ((day // 14) % 5 == 2))


def window_starts(scored: np.ndarray) -> np.ndarray:
    """First steps of the windows that have a scored step among those they are judged on."""
    counted = np.concatenate([[0], np.cumsum(scored.any(axis=1))])
    first = np.arange(max(0, len(scored) - WARM_UP - JUDGED + 1))
    return first[counted[first + WARM_UP + JUDGED] > counted[first + WARM_UP]]


def windows_of(known: KnownRecord, scored: np.ndarray, first: np.ndarray) -> tuple[np.ndarray, ...]:
    """Inputs ``[window, time, feature]`` and the fluxes and masks of the judged steps."""
    steps = first[:, None] + np.arange(WARM_UP + JUDGED)
    judged = steps[:, WARM_UP:]
    return known.inputs[steps], known.fluxes[judged], scored[judged].astype(np.float32)


def joined_batch(parts: Sequence[tuple[np.ndarray, ...]]) -> dict[str, Any]:
    """Windows of several records with time leading, as the network reads them."""
    joined = [np.concatenate(series).swapaxes(0, 1) for series in zip(*parts, strict=True)]
    return dict(zip(("inputs", "fluxes", "scored"), joined, strict=True))


def window_sampler(
    known: Sequence[KnownRecord],
) -> Callable[[np.random.Generator, int], dict[str, Any]]:
    """Draws batches of windows; each record is as likely as any other."""
    starts = [window_starts(one.fit) for one in known]

    def sample(generator: np.random.Generator, size: int) -> dict[str, Any]:
        counts = np.bincount(generator.integers(len(known), size=size), minlength=len(known))
        return joined_batch(
            [
                windows_of(one, one.fit, generator.choice(first, count))
                for one, first, count in zip(known, starts, counts, strict=True)
                if count
            ]
        )

    return sample
