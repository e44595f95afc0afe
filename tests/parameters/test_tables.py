import pytest

from tilth.parameters.parameter import PLANT_CLASSES
from tilth.parameters.tables import parameter_table, soil_classes

TABLE = parameter_table()


@pytest.mark.parametrize("name", TABLE)
def test_bounds_are_a_range(name):
    parameter = TABLE[name]
    assert parameter.lower < parameter.upper
    assert parameter.scale in ("linear", "log")
    if parameter.scale == "log":
        assert parameter.lower > 0.0


@pytest.mark.parametrize("name", TABLE)
def test_every_class_and_soil_has_one_default_inside_the_bounds(name):
    parameter = TABLE[name]
    given = [bool(parameter.by_class), bool(parameter.by_soil), parameter.value is not None]
    assert sum(given) == 1
    for plant_class in PLANT_CLASSES:
        for soil in soil_classes():
            assert parameter.lower <= parameter.default(plant_class, soil) <= parameter.upper


@pytest.mark.parametrize("name", TABLE)
def test_every_parameter_says_what_it_is_and_where_it_comes_from(name):
    parameter = TABLE[name]
    for text in (parameter.unit, parameter.long_name, parameter.process):
        assert text.strip()
    assert any(character.isdigit() for character in parameter.source), "a source names a year, DOI or section"


def test_tables_by_class_and_soil_name_known_classes_only():
    for parameter in TABLE.values():
        assert set(parameter.by_class) in (set(), set(PLANT_CLASSES))
        assert set(parameter.by_soil) in (set(), set(soil_classes()))
