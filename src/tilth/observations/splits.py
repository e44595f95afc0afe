"""Which steps of a record are learned from, which watch the learning, and which judge it."""

import dataclasses

import numpy as np

from tilth.data.containers import SiteRecord

CALIBRATION_SHARE = 0.7
"""Share of the steps of the joined record before the held-out part."""
BLOCK_DAYS = 14
"""Longest block for early stopping [d]."""
BLOCKS_PER_VALIDATION = 5
"""One block in so many watches the learning."""


@dataclasses.dataclass(frozen=True, eq=False)
class Split:
    """The part of a record that is calibrated on and the later part held out, ``[time]`` each."""

    calibration: np.ndarray
    heldout: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class InnerBlocks:
    """Steps of the calibration part to fit, and those between that decide when to stop, ``[time]``."""

    fit: np.ndarray
    validation: np.ndarray


def split_record(record: SiteRecord, share: float = CALIBRATION_SHARE) -> Split:
    """The record cut where ``share`` of its steps are over, at the nearest midnight (of its local time).

    Raises ``ValueError`` where one part would be empty.
    """
    if not 0.0 < share < 1.0:
        raise ValueError(f"the calibration part must be a share between 0 and 1 of the record, got {share}")
    moment = record.time[round(share * len(record.time))].astype("datetime64[s]")
    midnight = (moment + np.timedelta64(12, "h")).astype("datetime64[D]")
    before = record.time < midnight
    if before.all() or not before.any():
        raise ValueError(
            f"{record.attributes.name}: a record of {len(record.time)} steps of {record.step:g} s "
            "cannot be cut at a midnight into a calibration and a held-out part: give at least two days"
        )
    return Split(before, ~before)


def inner_blocks(record: SiteRecord, split: Split) -> InnerBlocks:
    """The calibration part dealt into blocks of whole days, every fifth for early stopping.

    Blocks are of 14 days, shorter where the part has fewer than ten of those, so that blocks of both kinds
    fall into every season.
    """
    day = (record.time.astype("datetime64[D]") - record.time[0].astype("datetime64[D]")).astype(int)
    days = len(np.unique(day[split.calibration]))
    length = max(1, min(BLOCK_DAYS, days // (2 * BLOCKS_PER_VALIDATION)))
    watched = (day // length) % BLOCKS_PER_VALIDATION == BLOCKS_PER_VALIDATION // 2
    return InnerBlocks(split.calibration & ~watched, split.calibration & watched)
