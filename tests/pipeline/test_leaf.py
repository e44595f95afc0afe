"""Leaf experiments from file to folder, in small."""

import json

import numpy as np
import pandas as pd
import pytest
import yaml

from tilth.config_leaf import leaf_experiment, read_leaf_experiment
from tilth.data.leaf_points import LeafPoints
from tilth.data.synthetic_leaves import synthetic_leaves
from tilth.models.leaf import LeafModel, default_stress
from tilth.pipeline.leaf import run_leaf
from tilth.pipeline.leaf_data import leaf_table
from tilth.pipeline.leaf_measured import measured_outcome

SMALL = {"points_per_type": 10, "dates_per_type": 5}


def written(folder, settings):
    path = folder / "small.yaml"
    path.write_text(yaml.safe_dump(settings))
    return path


def test_a_synthetic_experiment_leaves_tables_and_a_report(tmp_path):
    settings = {
        "kind": "synthetic",
        "formulations": ["V+B"],
        "generated": SMALL,
        "learning": {"iterations": 150},
        "iterations_without_noise": 300,
    }
    out = tmp_path / "run"
    message = run_leaf(written(tmp_path, settings), data=None, out=out)
    assert "Vcmax25 recovered; V+B with 0 % noise: largest error" in message
    summary = pd.read_csv(out / "summary.csv")
    assert set(summary["noise"]) == {0.0, 0.05}
    assert summary["largest_error"].max() < 20.0
    facts = json.loads((out / "run.json").read_text())
    assert facts["points"] == 90
    report = (out / "report.html").read_text()
    assert report.count("<figure") == 4
    assert "http" not in report.split("</style>")[1].replace("https://doi.org", "")
    with pytest.raises(ValueError, match="holds a finished run"):
        run_leaf(tmp_path / "small.yaml", data=None, out=out)


@pytest.fixture(scope="module")
def measured():
    """Generated leaves 'measured' with other Vcmax and stress than the defaults, with noise."""
    table = synthetic_leaves(
        0, points_per_type=20, dates_per_type=5, types=("C3 grass", "NET boreal", "crop R")
    )
    table = table.replace(default_potential=-3e4 * table.wetness**-2.0)
    points = LeafPoints.of(table)
    net = LeafModel()(points, 0.7 * points.default_carboxylation, default_stress(points)).net
    return table.replace(net_rate=np.asarray(net) + np.random.default_rng(1).normal(0, 0.3, len(table)))


def test_measured_formulations_are_judged_on_days_held_out(measured):
    experiment = leaf_experiment(
        {
            "name": "m",
            "kind": "measured",
            "formulations": ["V_def+B_def", "V+B"],
            "folds": 2,
            "resamples": 50,
            "learning": {"iterations": 200, "restarts": 1},
            "data": {
                "files": ["none"],
                "columns": {},
                "labels": {"date": "Date"},
                "type_columns": ["PFT"],
            },
        }
    )
    outcome = measured_outcome(experiment, measured)
    scores = outcome.tables["scores"].set_index(["test", "split", "formulation"])
    assert set(scores.index.get_level_values("formulation")) == {"V_def+B_def", "V+B", "V_lsq+B_def", "V_lsq"}
    for test in ("temporal holdout", "cross-validation"):
        default, learned, least = (
            scores.loc[(test, "test", name), "rmse"] for name in ("V_def+B_def", "V+B", "V_lsq+B_def")
        )
        assert learned < default
        # The truth has the default stress: least squares must find it.
        assert least < 0.4
    assert scores.loc[("cross-validation", "test", "V+B"), "n"] == 60
    carboxylation = outcome.tables["carboxylation"].set_index("type")
    np.testing.assert_allclose(
        carboxylation["V_lsq+B_def"].iloc[:3].astype(float),
        0.7 * carboxylation["CLM4.5"].iloc[:3].astype(float),
        rtol=0.05,
    )
    assert outcome.surface is not None
    assert np.all(outcome.tables["sensitivity"]["signal"] > 0)


def test_measurements_are_needed(measured):
    experiment = leaf_experiment({"name": "s", "kind": "synthetic", "formulations": ["V"]})
    with pytest.raises(ValueError, match="needs net_photosynthesis"):
        measured_outcome(experiment, measured.replace(net_rate=None))


def test_files_need_a_folder_and_must_exist(tmp_path, request):
    experiment = read_leaf_experiment(request.config.rootpath / "experiments" / "leaf_one_gs.yaml")
    with pytest.raises(ValueError, match="give the data folder with --data"):
        leaf_table(experiment, None)
    with pytest.raises(ValueError, match="no file matches"):
        leaf_table(experiment, tmp_path)


def test_the_real_tables_are_read(shared_data, request):
    experiments = request.config.rootpath / "experiments"
    if not (shared_data / "leaf").is_dir():
        pytest.skip(f"no leaf gas exchange in {shared_data}")
    table = leaf_table(read_leaf_experiment(experiments / "leaf_one_gs.yaml"), shared_data)
    assert len(table) == 1327
    assert [kind.name for kind in table.types] == [
        "BDT tropical",
        "BET temperate",
        "BET tropical",
        "NET temperate",
    ]
    assert len(table.species_names) == 15
    # The default form of the stress gives back the measured water potential, -5.6 MPa at the driest.
    assert table.default_potential.min() == pytest.approx(-5.6e6 / 9.80665, rel=1e-6)
    published = leaf_table(read_leaf_experiment(experiments / "leaf_synthetic_published.yaml"), shared_data)
    assert len(published) == 446
    assert published.net_rate is None


def test_the_map_of_the_database_of_lin_reads_a_table_of_its_shape(tmp_path, request):
    rows = pd.DataFrame(
        {
            "Location": "Hill",
            "Species": "Pinus sylvestris",
            "Date": ["2001-05-01", "2001-05-02", "2001-05-03"],
            "Pathway": "C3",
            "Type": "gymnosperm",
            "Plantform": "tree",
            "Leafspan": "evergreen",
            "Tregion": ["temperate", "temperate", "Arctic"],
            "Tleaf": [20.0, -9999, 22.0],
            "PARin": 900.0,
            "Patm": 98.0,
            "CO2S": 380.0,
            "VPD": 1.2,
            "BLCond": 2.8,
            "Photo": 9.0,
        }
    )
    rows.to_csv(tmp_path / "WUEdatabase_merged_Lin_et_al_2015_NCC.csv", index=False)
    file = request.config.rootpath / "experiments" / "leaf_lin2015.yaml"
    table = leaf_table(read_leaf_experiment(file), tmp_path)
    # One row has no leaf temperature and one a type that is not mapped.
    assert len(table) == 1
    assert table.types[0].name == "NET temperate"
    assert table.wetness is None
