import numpy as np
import pytest

from helpers_models import small_record
from tilth.observations.splits import inner_blocks, split_record


def test_record_is_cut_at_the_midnight_nearest_to_seventy_percent():
    record = small_record(days=11)
    split = split_record(record)
    first = record.time[split.heldout][0]
    assert first == first.astype("datetime64[D]")
    # 70 % of 11 days is 7.7 days: the nearest midnight is that after 8.
    assert split.calibration.sum() == 8 * 24
    assert np.array_equal(split.calibration, ~split.heldout)
    assert record.time[split.calibration].max() < first


def test_midnight_is_that_of_the_clock_where_a_record_begins_at_noon():
    record = small_record(days=11)
    record = record.replace(time=record.time + np.timedelta64(12, "h"))
    first = record.time[split_record(record).heldout][0]
    assert first == first.astype("datetime64[D]")


def test_seventy_percent_is_of_steps_not_of_calendar_time():
    record = small_record(days=20)
    later = np.arange(len(record.time)) >= 100
    record = record.replace(time=record.time + later * np.timedelta64(3000, "D"))
    assert split_record(record).calibration.sum() == pytest.approx(0.7 * len(record.time), abs=12)


def test_inner_blocks_share_out_the_calibration_part():
    record = small_record(days=400)
    split = split_record(record)
    blocks = inner_blocks(record, split)
    assert not (blocks.fit & blocks.validation).any()
    assert np.array_equal(blocks.fit | blocks.validation, split.calibration)
    assert blocks.validation.sum() / split.calibration.sum() == pytest.approx(0.2, abs=0.03)
    edges = np.flatnonzero(np.diff(blocks.validation.astype(int)))
    assert (record.time[edges + 1].astype("datetime64[D]") == record.time[edges + 1]).all()


def test_short_records_have_both_kinds_of_blocks_too():
    record = small_record(days=12)
    blocks = inner_blocks(record, split_record(record))
    assert blocks.fit.any()
    assert blocks.validation.any()


def test_a_record_without_a_midnight_to_cut_at_is_refused():
    with pytest.raises(ValueError, match="cannot be cut at a midnight .* give at least two days"):
        split_record(small_record(days=1))


def test_a_share_outside_zero_to_one_is_refused():
    with pytest.raises(ValueError, match="between 0 and 1 of the record, got 1.5"):
        split_record(small_record(), share=1.5)
