import numpy as np
import pandas as pd
import pytest

from tilth.evaluation.parameters_table import PARAMETER_COLUMNS, parameter_rows
from tilth.evaluation.peers import read_peer_scores
from tilth.evaluation.tables import read_table, write_table
from tilth.parameters.space import ParameterSpace

SPACE = ParameterSpace.select(["vegh", "vmax0", "psicr"])


def test_parameter_rows():
    defaults = SPACE.defaults("grassland")
    values = np.asarray(defaults).copy()
    values[1] = SPACE.upper[1]
    table = parameter_rows(SPACE, defaults, values, site="XX-Tst", plant_class="grassland", method="direct")
    assert tuple(table.columns) == PARAMETER_COLUMNS
    assert list(table["parameter"]) == ["vegh", "vmax0", "psicr"]
    assert table["at_bound"].to_list()[1]
    assert table["upper"].to_list() == SPACE.upper.tolist()


def test_parameter_rows_of_another_space():
    with pytest.raises(
        ValueError, match=r"values must hold 3 numbers, one for each of vegh, vmax0, psicr; got"
    ):
        parameter_rows(SPACE, np.zeros(3), np.zeros(4), site="s", plant_class="grassland", method="direct")


def test_a_table_keeps_its_numbers(tmp_path):
    table = pd.DataFrame({"a": ["x", "y"], "b": [1 / 3, np.nan]})
    write_table(tmp_path / "t.csv", table)
    found = read_table(tmp_path / "t.csv", ["a", "b"])
    np.testing.assert_allclose(found["b"], table["b"], rtol=1e-9)
    assert [p.name for p in tmp_path.iterdir()] == ["t.csv"]


def test_a_missing_column(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match="lacks the columns c, d: got a, b; write it again"):
        read_table(tmp_path / "t.csv", ["a", "c", "d"])


def test_no_table(tmp_path):
    with pytest.raises(ValueError, match=r"cannot be read as a table .*expected comma-separated columns a"):
        read_table(tmp_path / "t.csv", ["a"])


def test_peer_scores(tmp_path):
    path = tmp_path / "peers.csv"
    path.write_text("# RMSE [W m-2]\n# second\nsite,variable,whole_jules,heldout_3km27\nXX-Tst,Qle,37.3,\n")
    peers = read_peer_scores(path)
    assert peers.notes == ("RMSE [W m-2]", "second")
    rows = peers.at("XX-Tst")
    assert rows[["peer", "basis", "rmse"]].to_numpy().tolist() == [["jules", "whole record", 37.3]]
    assert peers.at("ZZ-Non").empty


def test_peer_scores_with_a_column_of_no_known_meaning(tmp_path):
    path = tmp_path / "peers.csv"
    path.write_text("site,variable,jules\nXX-Tst,Qle,37.3\n")
    with pytest.raises(ValueError, match=r"meaning is not known: \['jules'\]; expected names such as"):
        read_peer_scores(path)


def test_peer_scores_of_the_reference_data(shared_data):
    rows = read_peer_scores(shared_data / "peer_scores.csv").at("CN-Cng")
    noah = rows[(rows["peer"] == "noahmp default") & (rows["variable"] == "Qle")]
    assert noah["rmse"].to_list() == [30.5]
