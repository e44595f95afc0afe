import numpy as np
import pytest

from made_up_tower import clock
from tilth.data.humidity import relative_humidity, saturation_vapour_pressure, vapour_pressure
from tilth.data.longwave import FORMULAS, daily_clearness, longwave_down

AIR, HUMIDITY, PRESSURE = np.array([290.0]), np.array([0.0078]), np.array([101325.0])


def test_bolton_saturation_vapour_pressure():
    # Bolton 1980, table 1 gives 6.112 hPa at 0 °C and 42.43 hPa at 30 °C.
    assert saturation_vapour_pressure(np.array([273.15, 303.15])) == pytest.approx([611.2, 4243.0], rel=1e-3)


def test_vapour_pressure_and_relative_humidity():
    vapour = vapour_pressure(HUMIDITY, PRESSURE)
    assert vapour == pytest.approx(0.0078 * 101325.0 / (0.622 + 0.378 * 0.0078))
    assert relative_humidity(HUMIDITY, AIR, PRESSURE) == pytest.approx(
        vapour / saturation_vapour_pressure(AIR)
    )


@pytest.mark.parametrize(
    ("name", "clearness", "expected"),
    [
        # e = 1265 Pa: 1.24 (12.65 / 290)^(1/7) sigma T^4 = 0.7922 * 401.0 W m-2
        ("brutsaert", 1.0, 317.7),
        ("crawford-duchon", 1.0, 317.7),
        ("crawford-duchon", 0.0, 401.0),
        ("crawford-duchon", 0.5, 359.4),
        ("abramowitz", 0.3, 0.031 * 1264.7 + 2.84 * 290.0 - 522.5),
    ],
)
def test_each_formula_by_hand(name, clearness, expected):
    value = longwave_down(name, HUMIDITY, AIR, pressure=PRESSURE, clearness=np.array([clearness]))
    assert value == pytest.approx(expected, rel=2e-3)
    assert "doi" in FORMULAS[name][1]


def test_clearness_of_a_day_is_spread_over_its_steps():
    time = clock(days=3)
    sun = np.tile(np.maximum(np.sin(np.linspace(0, 2 * np.pi, 48)), 0.0) * 800.0, 3)
    share = np.repeat([0.75, 0.375, 0.9], 48)
    clearness = daily_clearness(time, share * sun, sun, 0.0)
    assert clearness[[0, 60, 100]] == pytest.approx([1.0, 0.5, 1.0])
    assert daily_clearness(time, 0.0 * sun, 0.0 * sun, float("nan")) == pytest.approx(0.7)
