import numpy as np
import pytest

from tilth.evaluation.aggregation import RESOLUTIONS, period_means


def half_hours(start: str, days: int) -> np.ndarray:
    return np.datetime64(start, "s") + np.arange(days * 48) * np.timedelta64(1800, "s")


def test_day_means_equal_plain_means():
    time = half_hours("2008-01-01", 3)
    series = np.random.default_rng(0).normal(size=len(time))
    means = period_means(time, 1800.0, {"s": series}, np.ones(len(time), bool), "1D")
    np.testing.assert_allclose(means.series["s"], series.reshape(3, 48).mean(1), rtol=1e-12)
    assert list(means.start) == [np.datetime64(f"2008-01-0{d}T00:00:00") for d in (1, 2, 3)]
    assert means.end[-1] == np.datetime64("2008-01-04T00:00:00")


def test_a_day_needs_80_percent_of_its_steps():
    time = half_hours("2008-01-01", 2)
    mask = np.ones(96, bool)
    mask[:10] = False  # 38 of 48 steps are 79 %
    mask[48:57] = False  # 39 of 48 steps are 81 %
    means = period_means(time, 1800.0, {"s": np.arange(96.0)}, mask, "1D")
    assert list(means.start) == [np.datetime64("2008-01-02T00:00:00")]
    np.testing.assert_allclose(means.series["s"], [np.arange(57.0, 96.0).mean()])


def test_months_and_years_follow_the_calendar():
    time = half_hours("2008-01-01", 366 + 31)
    ones = np.ones(len(time), bool)
    months = period_means(time, 1800.0, {"s": np.ones(len(time))}, ones, "1M")
    assert len(months.start) == 13
    assert months.start[1] == np.datetime64("2008-02-01") and months.end[1] == np.datetime64("2008-03-01")
    years = period_means(time, 1800.0, {"s": np.ones(len(time))}, ones, "1Y")
    assert list(years.start) == [np.datetime64("2008-01-01T00:00:00")]


def test_weeks_start_at_the_first_midnight():
    time = half_hours("2009-05-06", 19)
    means = period_means(time, 1800.0, {"s": np.ones(len(time))}, np.ones(len(time), bool), "7D")
    assert list(means.start.astype("datetime64[D]").astype(str)) == ["2009-05-06", "2009-05-13"]


@pytest.mark.parametrize(("resolution", "n"), [("native", 48), ("1h", 48), ("1D", 2)])
def test_an_hourly_record_has_its_step_as_hour(resolution, n):
    time = np.datetime64("2008-01-01", "s") + np.arange(48) * np.timedelta64(3600, "s")
    means = period_means(time, 3600.0, {"s": np.ones(48)}, np.ones(48, bool), resolution)
    assert len(means.series["s"]) == n


@pytest.mark.parametrize("resolution", RESOLUTIONS)
def test_nothing_in_the_mask_gives_nothing(resolution):
    time = half_hours("2008-01-01", 2)
    means = period_means(time, 1800.0, {"s": np.ones(96)}, np.zeros(96, bool), resolution)
    assert len(means.start) == len(means.end) == len(means.series["s"]) == 0


def test_unknown_resolution():
    time = half_hours("2008-01-01", 1)
    with pytest.raises(
        ValueError, match=r"unknown resolution '2h': expected one of native, 1h, 1D, 7D, 1M, 1Y"
    ):
        period_means(time, 1800.0, {}, np.ones(48, bool), "2h")
