import pytest

from tilth.data.site_classes import CLASS_OF_IGBP, plant_class, reference_height
from tilth.data.soil import soil_class


def test_igbp_classes_fall_into_the_four_of_the_table():
    assert plant_class("EBF", None) == ("evergreen", "IGBP class EBF of the file")
    assert CLASS_OF_IGBP["WSA"] == "woodland" and CLASS_OF_IGBP["SAV"] == "grassland"
    assert plant_class("EBF", "grassland") == ("grassland", "option --class")


@pytest.mark.parametrize("igbp", ["", "URB"])
def test_a_cover_without_a_class_asks_for_one(igbp):
    with pytest.raises(
        ValueError, match=r"expected an IGBP_veg_short of .* name the plant class with --class"
    ):
        plant_class(igbp, None)


def test_reference_height_comes_from_option_file_or_default():
    assert reference_height(4.0, 9.0, 1.0) == (9.0, "option --reference-height")
    assert reference_height(4.0, None, 1.0) == (4.0, "file")
    assert reference_height(None, None, 1.0)[0] == 6.0
    assert reference_height(None, None, 20.0)[0] == 30.0


@pytest.mark.parametrize(
    ("text", "soil"),
    [
        ("red kandosol, sandy loam", "sandy_loam"),
        ("silty clay loam over gravel", "clay_loam"),
        ("loamy sand", "sand"),
        ("heavy clay", "clay"),
        ("drained peat", "organic"),
        ("silt loam", "loam"),
    ],
)
def test_soil_is_read_from_what_the_file_says(text, soil):
    assert soil_class({"soil": text}, None)[0] == soil


def test_soil_of_a_silent_file_is_loam_and_the_option_goes_first():
    assert soil_class({}, None) == ("loam", "default loam")
    assert soil_class({"soil": "sand"}, "clay") == ("clay", "option --soil")
