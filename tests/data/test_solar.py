import numpy as np
import pytest

from tilth.constants import SOLAR_CONSTANT
from tilth.data.solar import (
    cos_zenith,
    day_angle,
    declination,
    equation_of_time,
    extraterrestrial_radiation,
    inverse_square_distance,
)


def day(date: str, step: int = 1800) -> np.ndarray:
    return np.datetime64(date, "s") + np.arange(86400 // step) * np.timedelta64(step, "s")


def test_declination_is_that_of_the_seasons():
    # Gamma of the solstices and the equinoxes; the series is good to 0.0006 rad = 0.03 degrees.
    angle = 2.0 * np.pi * (np.array([172, 355, 79]) - 1) / 365.0
    assert np.rad2deg(declination(angle)) == pytest.approx([23.45, -23.43, -0.6], abs=0.3)


def test_equation_of_time_has_its_known_extremes():
    minutes = 60.0 * equation_of_time(2.0 * np.pi * np.arange(365) / 365.0)
    assert minutes.max() == pytest.approx(16.4, abs=0.3) and minutes.argmax() == pytest.approx(306, abs=3)
    assert minutes.min() == pytest.approx(-14.2, abs=0.3) and minutes.argmin() == pytest.approx(41, abs=3)


def test_daily_extraterrestrial_radiation_is_the_closed_form_and_near_fao_56_example_8():
    radiation = extraterrestrial_radiation(
        day("2001-09-03"), 1800.0, latitude=-20.0, longitude=0.0, utc_offset=0.0
    )
    angle = day_angle(day("2001-09-03"))[:1]
    latitude, delta = np.deg2rad(-20.0), declination(angle)
    sunset = np.arccos(-np.tan(latitude) * np.tan(delta))
    geometry = sunset * np.sin(latitude) * np.sin(delta) + np.cos(latitude) * np.cos(delta) * np.sin(sunset)
    expected = SOLAR_CONSTANT * inverse_square_distance(angle) / np.pi * geometry
    assert radiation.mean() == pytest.approx(float(expected[0]), rel=1e-9)
    # Allen et al. 1998 find 32.2 MJ m-2 d-1 with 1367 W m-2 and a declination 0.6 degrees smaller.
    assert radiation.mean() * 86400e-6 == pytest.approx(32.2, rel=0.03)


def test_a_step_holds_the_mean_over_its_daylight():
    place = {"latitude": 40.0, "longitude": 10.0, "utc_offset": 1.0}
    coarse = cos_zenith(day("2001-05-05", 3600), 3600.0, **place)
    fine = cos_zenith(day("2001-05-05", 20), 20.0, **place).reshape(24, -1)
    up = fine > 0.0
    expected = np.where(up.any(axis=1), fine.sum(axis=1) / np.maximum(up.sum(axis=1), 1), 0.0)
    # The fine steps see the edge of the day to 20 s, of which the dimmest has a cosine below 0.001.
    assert coarse == pytest.approx(expected, abs=2e-3)
    assert 0.0 < coarse[coarse > 0].min() < 0.1


def test_polar_night_and_polar_day():
    place = {"latitude": 80.0, "longitude": 0.0, "utc_offset": 0.0}
    assert not cos_zenith(day("2001-12-21"), 1800.0, **place).any()
    assert (cos_zenith(day("2001-06-21"), 1800.0, **place) > 0.0).all()


def test_the_day_goes_on_past_midnight_where_the_clock_is_far_from_the_sun():
    place = {"latitude": 0.0, "longitude": 180.0}
    near = cos_zenith(day("2001-03-21"), 1800.0, utc_offset=12.0, **place)
    far = cos_zenith(day("2001-03-21"), 1800.0, utc_offset=0.0, **place)
    assert np.roll(near, 24) == pytest.approx(far, abs=1e-3)


def test_a_later_offset_moves_noon_later_on_the_clock():
    noons = [
        int(cos_zenith(day("2001-06-01"), 1800.0, latitude=30.0, longitude=0.0, utc_offset=offset).argmax())
        for offset in (0.0, 2.0)
    ]
    assert noons[1] - noons[0] == 4
