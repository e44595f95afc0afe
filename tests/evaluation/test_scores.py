import numpy as np
import pandas as pd
import pytest

from made_up_run import made_up_record, made_up_simulations, made_up_splits
from tilth.evaluation.metrics import all_metrics
from tilth.evaluation.scores import SCORE_COLUMNS, score_table

RECORD = made_up_record()
RUNS = made_up_simulations(RECORD)
SPLITS = made_up_splits(RECORD)


def test_columns_and_rows():
    table = score_table(RECORD, RUNS, SPLITS, method="direct")
    assert tuple(table.columns) == SCORE_COLUMNS
    assert " ".join(SCORE_COLUMNS) == (
        "site class variable method target run split resolution period_start period_end "
        "n rmse bias std_obs std_sim r kge nse nme"
    )
    assert len(table) == 4 * 2 * 2 * 6
    assert not table.duplicated(["variable", "run", "split", "resolution"]).any()
    assert set(table["target"]) == {"raw"}


def test_native_rows_are_the_metrics_over_the_scored_steps():
    table = score_table(RECORD, RUNS, SPLITS, method="direct", variables=["Qh"], resolutions=["native"])
    row = table[(table["run"] == "calibrated") & (table["split"] == "heldout")].iloc[0]
    mask = RECORD.scored("Qh") & SPLITS["heldout"]
    expected = all_metrics(RUNS["calibrated"]["Qh"], RECORD.observations["Qh"].value, mask)
    assert {name: row[name] for name in expected} == pytest.approx(expected)
    assert row["n"] == mask.sum()
    assert row["period_start"] == str(RECORD.time[mask][0])


def test_splits_have_no_step_in_common_and_forcing_gaps_are_not_scored():
    table = score_table(RECORD, RUNS, SPLITS, method="direct", variables=["Qle"], resolutions=["native"])
    n = table[table["run"] == "default"].set_index("split")["n"]
    assert n["calibration"] + n["heldout"] == RECORD.scored("Qle").sum()
    assert not RECORD.scored("Qle")[1000:1200].any()


def test_another_target_replaces_the_observation():
    doubled = {"Qle": 2 * RECORD.observations["Qle"].value}
    options = {"method": "direct", "variables": ["Qle"], "resolutions": ["native"]}
    raw = score_table(RECORD, RUNS, SPLITS, **options)
    other = score_table(RECORD, RUNS, SPLITS, target="corrected", observed=doubled, **options)
    assert set(other["target"]) == {"corrected"}
    np.testing.assert_allclose(other["std_obs"], 2 * raw["std_obs"])


def test_a_variable_that_was_not_observed_has_no_rows():
    empty = score_table(RECORD, RUNS, SPLITS, method="direct", variables=["GPP"])
    assert empty.empty
    full = score_table(RECORD, RUNS, SPLITS, method="direct", resolutions=["1M"])
    assert (pd.concat([full, empty]).dtypes == full.dtypes).all()


def test_a_run_without_the_variable_is_refused():
    with pytest.raises(ValueError, match=r"the default run has no Qh: expected it among .*ask the model"):
        runs = {"default": {"Qle": RUNS["default"]["Qle"]}}
        score_table(RECORD, runs, SPLITS, method="direct", variables=["Qh"])


def test_a_padded_series_is_refused():
    padded = {"default": {"Qle": np.zeros(len(RECORD.time) + 1)}}
    with pytest.raises(ValueError, match=r"series of 20160 steps, got shape \(20161,\); cut off the padding"):
        score_table(RECORD, padded, SPLITS, method="direct", variables=["Qle"])
