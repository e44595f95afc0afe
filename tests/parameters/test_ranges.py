import numpy as np
import pytest

from tilth.parameters.ranges import sensitivity_ranges
from tilth.parameters.tables import CALIBRATED, parameter_table

TABLE = parameter_table()


def ranges_of(plant_class="woodland"):
    parameters = list(TABLE.values())
    defaults = np.array([p.default(plant_class, "loam") for p in parameters])
    return sensitivity_ranges(parameters, defaults)


def test_published_ranges_are_those_of_the_table_with_their_source():
    found = ranges_of()
    for name in CALIBRATED:
        parameter = TABLE[name]
        assert found[name] == (parameter.lower, parameter.upper, parameter.range_source)
        assert "Table 2" in parameter.range_source


def test_a_parameter_without_a_published_range_varies_around_its_default():
    assert not TABLE["soil_resistance"].range_source
    assert ranges_of()["soil_resistance"] == (400.0, 1200.0, "x0.5-1.5 of the default")
    low, high, _ = ranges_of("grassland")["tlfv"]
    assert (low, high) == (pytest.approx(0.035), pytest.approx(0.105))


def test_such_a_range_is_cut_at_physical_bounds_and_says_so():
    assert ranges_of()["hhti"] == (298.0, 318.0, "x0.5-1.5 of the default, within 298 to 318 K")
    assert ranges_of()["colimitation_ps"][2] == "x0.5-1.5 of the default, within 0.7 to 0.999"


@pytest.mark.parametrize("plant_class", ["evergreen", "woodland", "grassland", "cultivation"])
def test_every_range_lies_within_the_bounds_and_holds_the_default(plant_class):
    for name, (low, high, source) in ranges_of(plant_class).items():
        parameter = TABLE[name]
        assert parameter.lower <= low < high <= parameter.upper and source
        assert low <= parameter.default(plant_class, "loam") <= high
