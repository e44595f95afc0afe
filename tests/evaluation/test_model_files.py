import numpy as np
import pytest

from made_up_run import made_up_record
from made_up_tower import write
from tilth.evaluation.model_files import model_series
from tilth.evaluation.published import published_rows

RECORD = made_up_record(days=12)
SERIES = {name: np.linspace(0.0, 200.0, len(RECORD.time)) for name in ("Qle", "Qh")}


def test_a_file_that_starts_earlier_and_ends_earlier_is_put_on_the_clock(tmp_path):
    time = RECORD.time[:-96] - np.timedelta64(86400, "s")
    time = np.concatenate([time, time[-1:] + np.timedelta64(1800, "s")])
    path = write(tmp_path, "Model", time, {name: one[: len(time)] for name, one in SERIES.items()})
    found = model_series(path, RECORD)["Qle"]
    shared = len(time) - 48
    np.testing.assert_allclose(found[:shared], SERIES["Qle"][48 : len(time)])
    assert np.isnan(found[shared:]).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"series": {"Qle": SERIES["Qle"]}}, "expected the fluxes Qle and Qh .* got no Qh"),
        ({"units": {"Qh": "mm/day"}}, "Qh: expected a unit of W/m2, got 'mm/day'"),
        ({"time": RECORD.time + np.timedelta64(900, "s")}, "expected steps that start as those of XX-Tst"),
        ({"time": RECORD.time[0] + np.arange(576) * np.timedelta64(3600, "s")}, "steps of 30 minutes"),
    ],
)
def test_wrong_files_get_one_message(tmp_path, change, message):
    arguments = {"time": RECORD.time, "series": SERIES, **change}
    path = write(tmp_path, "Model", arguments.pop("time"), arguments.pop("series"), **arguments)
    with pytest.raises(ValueError, match=message):
        model_series(path, RECORD)


def test_a_file_that_is_not_there_or_no_netcdf_is_refused(tmp_path):
    with pytest.raises(ValueError, match="got nothing there"):
        model_series(tmp_path / "none.nc", RECORD)
    (tmp_path / "text.nc").write_text("no")
    with pytest.raises(ValueError, match="cannot be read"):
        model_series(tmp_path / "text.nc", RECORD)


def test_a_table_of_other_columns_is_refused(tmp_path):
    (tmp_path / "scores.csv").write_text("site,flux,rmse\nA,Qle,3\n")
    with pytest.raises(ValueError, match="lacks the columns variable"):
        published_rows(tmp_path / "scores.csv", "JULES", ["A"])
