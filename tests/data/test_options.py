import pytest

from tilth.data.options import SiteOptions


def test_defaults_leave_everything_to_the_files():
    assert set(vars(SiteOptions()).values()) == {None}


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"lwdown": "guess"}, "lwdown must be one of brutsaert, crawford-duchon, abramowitz, got 'guess'"),
        ({"soil": "mud"}, "soil must be one of .*loam.*, got 'mud'"),
        ({"plant_class": "moss"}, "plant_class must be one of evergreen, woodland"),
        ({"pathway": "C5"}, "pathway must be one of C3, C4"),
        ({"utc_offset": 8.25}, "utc_offset must be a multiple of half an hour"),
        ({"utc_offset": 20.0}, "utc_offset must be a multiple of half an hour from -12 to 14 h"),
        ({"canopy_height": 0.0}, "canopy_height must lie above 0"),
        ({"reference_height": 500.0}, "reference_height must lie above 0 and up to 200 m, got 500.0"),
        ({"irrigation": "lots"}, "irrigation must be written AMOUNT@FIRST-LAST"),
    ],
)
def test_a_choice_that_is_none_is_refused(choice, message):
    with pytest.raises(ValueError, match=message):
        SiteOptions(**choice)


def test_all_that_is_wrong_is_said_at_once():
    with pytest.raises(ValueError, match=r"soil must be .*; pathway must be "):
        SiteOptions(soil="mud", pathway="C5")
