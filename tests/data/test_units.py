import numpy as np
import pytest

from tilth.data.units import conversion, mole_fraction_of_density, normalised, recognised


@pytest.mark.parametrize(
    ("name", "unit", "expected"),
    [
        ("Tair", "degC", (1.0, 273.15)),
        ("Tair", "°C", (1.0, 273.15)),
        ("Qair", "g kg-1", (1e-3, 0.0)),
        ("Psurf", "hPa", (100.0, 0.0)),
        ("Precip", "kg m-2 s-1", (1.0, 0.0)),
        ("Qle", "W m^-2", (1.0, 0.0)),
        ("CO2air", "ppm", (1e-6, 0.0)),
        ("NEE", "µmol/m2/s", (1.0, 0.0)),
    ],
)
def test_stated_units_are_converted(name, unit, expected):
    assert conversion(name, unit) == pytest.approx(expected)


def test_an_unknown_unit_is_refused():
    with pytest.raises(ValueError, match=r"Tair: expected a unit of K, degC, got 'F': convert"):
        conversion("Tair", "F")
    with pytest.raises(ValueError, match=r"Qle: expected a unit of .* got none"):
        conversion("Qle", "")


def test_spelling_of_units():
    assert normalised("kg m^-2 s^-1") == "kg/m2/s" and normalised("degrees_C") == "degC"
    assert normalised("W m-2") == normalised("W/m2") == normalised("Wm-2") == "W/m2"
    assert normalised("m2 m-2") == normalised("unitless") == "1"


@pytest.mark.parametrize(
    ("name", "values", "unit", "expected"),
    [
        ("Tair", [10.0, 20.0], "°C", [283.15, 293.15]),
        ("Psurf", [98.0, 99.0], "kPa", [98000.0, 99000.0]),
        ("Psurf", [980.0, 990.0], "hPa", [98000.0, 99000.0]),
        ("Qair", [5.0, 9.0], "g kg-1", [0.005, 0.009]),
        ("Precip", [0.0, 9.0], "mm per step", [0.0, 0.005]),
        ("Tair", [280.0, 290.0], None, [280.0, 290.0]),
        ("Precip", [0.0, 1e-4], None, [0.0, 1e-4]),
    ],
)
def test_units_that_lie_are_noticed_by_range(name, values, unit, expected):
    converted, found = recognised(name, np.array(values), 1800.0)
    assert found == unit and converted == pytest.approx(expected)


def test_a_series_of_nothing_is_left_alone():
    values, unit = recognised("Tair", np.full(3, np.nan), 1800.0)
    assert unit is None and np.isnan(values).all()


def test_density_of_co2_becomes_a_mole_fraction():
    # 1 mol of ideal gas at 25 °C and 101 325 Pa fills 24.465 L: 720 mg m-3 are 400.2 ppm.
    fraction = mole_fraction_of_density(np.array([720e-6]), np.array([298.15]), np.array([101325.0]))
    assert fraction == pytest.approx(400.2e-6, rel=1e-3)
