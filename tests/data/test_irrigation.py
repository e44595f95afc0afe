import numpy as np
import pytest

from made_up_tower import clock
from tilth.data.irrigation import parse_irrigation, water_input

TIME = clock(days=365, start="2001-01-01")


def test_off_by_default():
    assert not water_input(TIME, None).any()


def test_the_amount_falls_evenly_over_the_months_named():
    water = water_input(TIME, "4@5-9")
    # 153 days from May to September.
    assert water.sum() * 1800.0 == pytest.approx(4.0 * 153)
    assert set(np.unique(TIME[water > 0].astype("datetime64[M]").astype(int) % 12 + 1)) == {5, 6, 7, 8, 9}


def test_a_season_may_wrap_the_year():
    assert water_input(TIME, "2.5@11-2").sum() * 1800.0 == pytest.approx(2.5 * (30 + 31 + 31 + 28))


@pytest.mark.parametrize("text", ["4", "4@5", "4@0-5", "4@5-13", "-4@5-9", "999@5-9", "much@5-9"])
def test_anything_else_is_refused(text):
    with pytest.raises(ValueError, match="irrigation must be written AMOUNT@FIRST-LAST"):
        parse_irrigation(text)
