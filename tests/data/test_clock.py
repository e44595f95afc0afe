import numpy as np
import pytest

from made_up_tower import LATITUDE, LONGITUDE, clock, weather
from tilth.data.clock import audit_clock, nearest_offset, stated_offset


@pytest.mark.parametrize("offset", [-3.0, 0.0, 8.0, 9.5])
def test_the_audit_finds_the_offset_of_a_cloudy_record(offset):
    time = clock(days=120)
    shortwave = weather(time, offset=offset)["SWdown"]
    audit = audit_clock(time, shortwave, 1800.0, latitude=LATITUDE, longitude=LONGITUDE)
    assert audit.confident and audit.offset == offset
    assert audit.estimate == pytest.approx(offset, abs=0.1)


def test_hourly_steps_that_start_at_half_past_are_read_right():
    time = clock(days=120, step=3600) + np.timedelta64(1800, "s")
    shortwave = weather(time, 3600.0)["SWdown"]
    assert audit_clock(time, shortwave, 3600.0, latitude=LATITUDE, longitude=LONGITUDE).offset == 8.0


def test_a_short_or_dark_record_leaves_the_audit_unsure():
    time = clock(days=20)
    place = {"latitude": LATITUDE, "longitude": LONGITUDE}
    assert not audit_clock(time, weather(time)["SWdown"], 1800.0, **place).confident
    dark = audit_clock(time, np.zeros(len(time)), 1800.0, **place)
    assert not dark.confident and np.isnan(dark.offset)


def test_a_record_that_follows_no_sun_leaves_the_audit_unsure():
    time = clock(days=120)
    random = np.random.default_rng(0).uniform(0.0, 800.0, len(time))
    assert not audit_clock(time, random, 1800.0, latitude=LATITUDE, longitude=LONGITUDE).confident


@pytest.mark.parametrize(
    ("estimate", "offset"), [(7.75, 8.0), (9.54, 9.5), (-7.12, -7.0), (0.31, 0.5), (-3.5, -3.5), (-0.2, 0.0)]
)
def test_whole_hours_are_preferred(estimate, offset):
    assert nearest_offset(estimate) == offset


@pytest.mark.parametrize(
    ("attributes", "offset"),
    [
        ({"time_convention": "TIMESTAMP_START, local standard time (UTC+10)"}, 10.0),
        ({"utc_offset": "-3.5"}, -3.5),
        ({"time_convention": "clocks are ~UTC+0 and ~UTC+8"}, None),
        ({"time_zone": "Australia/Darwin"}, None),
        ({}, None),
    ],
)
def test_what_a_file_says_of_its_clock(attributes, offset):
    assert stated_offset(attributes) == offset
