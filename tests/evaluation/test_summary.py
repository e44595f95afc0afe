import numpy as np
import pandas as pd
import pytest

from made_up_run import made_up_record, made_up_simulations, made_up_splits
from tilth.evaluation.metrics import correlation, kge, rmse
from tilth.evaluation.parameter_spread import parameter_spread, published_parameters, published_range
from tilth.evaluation.simulation_file import Simulation
from tilth.evaluation.summary import ALL, MEAN, SUMMARY_COLUMNS, Calibrated, summary_table
from tilth.parameters.tables import CALIBRATED


def calibration(site, plant_class="grassland", method="direct", seed=0, days=90):
    record = made_up_record(days, seed)
    simulation = Simulation(
        site=site,
        time=record.time,
        step=record.step,
        utc_offset=0.0,
        runs=made_up_simulations(record),
        observed={name: one.value for name, one in record.observations.items()},
        scored={name: record.scored(name) for name in record.observations},
        splits=made_up_splits(record),
    )
    return Calibrated(site, plant_class, method, simulation)


THREE = [calibration("A", seed=1), calibration("B", seed=2), calibration("C", "woodland", seed=3)]
TABLE = summary_table(THREE, ["C"])


def test_relative_changes_are_positive_where_better():
    row = TABLE.query("site == 'A' and variable == 'Qh' and split == 'heldout'").iloc[0]
    simulation = THREE[0].simulation
    mask = simulation.scored["Qh"] & simulation.splits["heldout"]
    arguments = [(simulation.runs[run]["Qh"], simulation.observed["Qh"], mask) for run in simulation.runs]
    before, after = (rmse(*one) for one in arguments)
    assert row["delta_rmse"] == pytest.approx((before - after) / before)
    r_before, r_after = (correlation(*one) for one in arguments)
    assert row["delta_r"] == pytest.approx((r_after - r_before) / r_before)
    assert row["kge_calibrated"] == pytest.approx(kge(*arguments[1]))
    assert row["delta_rmse_low_90"] < row["delta_rmse"] < row["delta_rmse_high_90"]
    assert row["verdict"] == ("better" if row["delta_rmse_low_90"] > 0 else "not distinguishable")


def test_means_are_over_sites_by_class_and_leave_out_those_kept_apart():
    assert tuple(TABLE.columns) == SUMMARY_COLUMNS
    held = TABLE.query("variable == 'Qle' and split == 'heldout'").set_index(["site", "class"])
    both = held.loc[[("A", "grassland"), ("B", "grassland")], "delta_rmse"].mean()
    assert held.loc[(MEAN, ALL), "delta_rmse"] == pytest.approx(both)
    assert held.loc[(MEAN, "grassland"), "sites"] == 2 and (MEAN, "woodland") not in held.index
    assert ("C", "woodland") in held.index


def test_methods_have_means_of_their_own():
    table = summary_table(
        [calibration("A"), calibration("A", method="mdpl"), calibration("B", method="mdpl")]
    )
    means = table[(table["site"] == MEAN) & (table["class"] == ALL)]
    assert means.groupby("method")["sites"].first().to_dict() == {"direct": 1, "mdpl": 2}


def test_a_record_too_short_for_blocks_has_no_verdict():
    table = summary_table([calibration("A", days=6)])
    assert set(table.loc[table["split"] == "heldout", "verdict"]) == {"unknown"}


def rows(values, classes, scale="linear", bounds=(0.0, 10.0)):
    return pd.DataFrame(
        {
            "site": [f"S{number}" for number in range(len(values))],
            "class": classes,
            "method": "direct",
            "parameter": "p",
            "scale": scale,
            "value": values,
            "lower": bounds[0],
            "upper": bounds[1],
            "at_bound": [value in bounds for value in values],
        }
    )


def test_spread_within_and_between_classes():
    row = parameter_spread(rows([1.0, 3.0, 6.0, 10.0], ["a", "a", "b", "b"])).iloc[0]
    assert row["within"] == pytest.approx(np.sqrt((0.02 + 0.08) / 2))
    assert row["between"] == pytest.approx(np.std([0.2, 0.8], ddof=1))
    assert row["at_bound"] == 1 and row["sites"] == 4
    one = parameter_spread(rows([1.0], ["a"])).iloc[0]
    assert np.isnan(one["within"]) and np.isnan(one["between"])


def test_spread_of_a_logarithmic_parameter_is_one_of_ratios():
    positive = parameter_spread(rows([1.0, 10.0], ["a", "b"], "log", (1.0, 100.0))).iloc[0]
    negative = parameter_spread(rows([-10.0, -1.0], ["a", "b"], "log", (-100.0, -1.0))).iloc[0]
    assert positive["between"] == pytest.approx(np.std([0.0, 0.5], ddof=1))
    assert negative["between"] == pytest.approx(positive["between"])


def test_published_ranges_cover_all_classes_and_parameters():
    for plant_class in ("evergreen", "woodland", "grassland", "cultivation"):
        for name in CALIBRATED:
            low, high = published_range(plant_class, name)
            assert low < high
        leaf = published_parameters()["carboxylation"][plant_class]
        assert 1e-5 < leaf["lower"] < leaf["upper"] < 2e-4
    assert published_range("evergreen", "gradm") == (1.0, 10.93)
    assert published_range("evergreen", "emissivity") is None
