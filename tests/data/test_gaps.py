import numpy as np
import pytest

from made_up_tower import clock
from tilth.data.gaps import fill, month_hour_mean, runs, usable_steps

STEP = 1800.0


def one_segment(time: np.ndarray) -> np.ndarray:
    return np.zeros(len(time), dtype=int)


def test_runs_of_true():
    assert runs(np.array([True, True, False, True])) == [(0, 2), (3, 4)]
    assert runs(np.zeros(3, dtype=bool)) == []


def test_gaps_of_three_hours_are_interpolated_and_longer_ones_are_not():
    time = clock(days=20)
    line = np.arange(len(time), dtype=float)
    values = line.copy()
    values[100:106] = np.nan
    values[200:207] = np.nan
    filled = fill(time, values, STEP, segment=one_segment(time))
    assert filled.values[100:106] == pytest.approx(line[100:106])
    assert np.flatnonzero(filled.interpolated).tolist() == list(range(100, 106))
    assert np.flatnonzero(filled.climatology).tolist() == list(range(200, 207))
    # The mean of the same time of day in the month: the line is centred on the other days.
    slot, month = np.arange(len(time)) % 48 == 200 % 48, np.isfinite(values)
    assert filled.values[200] == pytest.approx(line[slot & month].mean())


def test_rain_is_not_made_up_in_long_gaps():
    time = clock(days=20)
    values = np.full(len(time), 1e-4)
    values[200:300] = np.nan
    filled = fill(time, values, STEP, segment=one_segment(time), rain=True)
    assert not filled.values[200:300].any() and filled.values.sum() == pytest.approx(1e-4 * (len(time) - 100))


def test_a_month_without_values_takes_the_time_of_day_of_the_others():
    time = clock(days=61)
    values = np.where(time < np.datetime64("2001-05-01"), np.arange(len(time)) % 48, np.nan).astype(float)
    assert month_hour_mean(time, values, STEP) == pytest.approx(np.arange(len(time)) % 48)


def test_a_gap_is_not_interpolated_across_segments_or_at_their_ends():
    time = clock(days=10)
    segment = (np.arange(len(time)) >= 240).astype(int)
    values = np.ones(len(time))
    values[238:242] = np.nan
    values[0] = np.nan
    filled = fill(time, values, STEP, segment=segment)
    assert not filled.interpolated.any() and filled.climatology.sum() == 5


def test_thirty_days_after_a_long_gap_are_masked_within_the_segment():
    time = clock(days=100)
    gap = np.zeros(len(time), dtype=bool)
    gap[480:490] = True
    late = np.zeros(len(time), dtype=bool)
    late[4000] = True
    segment = (np.arange(len(time)) >= 4100).astype(int)
    usable = usable_steps({"Tair": gap, "Wind": late}, STEP, segment)
    expected = np.ones(len(time), dtype=bool)
    expected[480 : 490 + 30 * 48] = False
    expected[4000:4100] = False
    assert (usable == expected).all()
