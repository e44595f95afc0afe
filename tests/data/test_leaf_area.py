import numpy as np
import pytest

from made_up_tower import clock
from tilth.data.leaf_area import climatology, climatology_table, from_table, leaf_area_index
from tilth.data.site_classes import CLASS_OF_IGBP

TIME = clock(days=365, start="2001-01-01", step=3600)
SEGMENT = np.zeros(len(TIME), dtype=int)


def test_every_class_of_the_model_has_a_climatology():
    table = climatology_table()
    assert set(CLASS_OF_IGBP) <= set(table) and all(len(months) == 12 for months in table.values())


def test_the_climatology_meets_its_months_and_moves_smoothly():
    lai = climatology(TIME, "GRA", 45.0)
    middle = (np.datetime64("2001-07-15") <= TIME) & (np.datetime64("2001-07-18") > TIME)
    assert lai[middle].max() == pytest.approx(3.5, abs=0.01)
    # The steepest change of the table is 2.0 in the month from July to August.
    assert np.abs(np.diff(lai)).max() < 2.0 / 30.0 / 24.0 * 1.05
    assert lai[0] == pytest.approx(lai[-1], abs=0.01)


def test_the_southern_hemisphere_is_half_a_year_later():
    north, south = climatology(TIME, "DBF", 45.0), climatology(TIME, "DBF", -45.0)
    january = np.datetime64("2001-02-01") > TIME
    july = (np.datetime64("2001-07-01") <= TIME) & (np.datetime64("2001-08-01") > TIME)
    # Equal to the half day by which the middles of the months are not half a year apart.
    assert south[january].mean() == pytest.approx(north[july].mean(), abs=0.05)


def test_a_monthly_table_of_the_user(tmp_path):
    path = tmp_path / "lai.csv"
    path.write_text("# mine\nmonth,LAI\n" + "".join(f"{month},{month / 4}\n" for month in range(12, 0, -1)))
    lai = from_table(path, TIME)
    assert lai[(196 * 24) + 12] == pytest.approx(7 / 4, abs=0.02)


def test_a_dated_table_of_the_user_is_held_at_its_ends(tmp_path):
    path = tmp_path / "lai.csv"
    path.write_text("date,lai\n2001-03-01,1.0\n2001-03-11,2.0\n")
    lai = from_table(path, TIME)
    assert lai[0] == 1.0 and lai[-1] == 2.0
    assert lai[np.searchsorted(TIME, np.datetime64("2001-03-06"))] == pytest.approx(1.5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n", "expected the columns month,lai or date,lai, got a, b"),
        ("month,lai\n1,2\n", "expected each month from 1 to 12 once"),
        ("date,lai\n2001-03-01,1\n2001-02-01,1\n", "expected dates such as 2001-07-15 in increasing order"),
        ("date,lai\nyesterday,1\n", "expected dates such as"),
        ("date,lai\n2001-03-01,55\n", "expected a leaf area index from 0 to 12"),
        ("", "expected a CSV table of leaf area index"),
    ],
)
@pytest.mark.filterwarnings("ignore:Could not infer format")
def test_a_table_that_cannot_be_used_is_refused(tmp_path, text, message):
    path = tmp_path / "lai.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        from_table(path, TIME)


def test_a_table_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ValueError, match="expected a CSV table of leaf area index"):
        from_table(tmp_path / "none.csv", TIME)


def test_the_file_goes_before_the_climatology_and_its_gaps_are_filled():
    measured = np.full(len(TIME), 2.0)
    measured[100:300] = -5.0
    arguments = {"segment": SEGMENT, "igbp": "GRA", "latitude": 45.0, "table": None}
    lai, source = leaf_area_index(TIME, measured, 3600.0, **arguments)
    assert source == "file" and lai == pytest.approx(2.0)
    _, source = leaf_area_index(TIME, np.full(len(TIME), np.nan), 3600.0, **arguments)
    assert source == "climatology of IGBP class GRA (Niu et al. 2011)"
