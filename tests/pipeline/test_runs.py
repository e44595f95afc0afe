import json

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

import tilth.pipeline.calibrate
import tilth.pipeline.land_model
from bucket_tower import BucketTower, twin_experiment
from tilth.evaluation.parameters_table import PARAMETER_COLUMNS
from tilth.evaluation.scores import SCORE_COLUMNS
from tilth.evaluation.simulation_file import read_simulation
from tilth.pipeline.calibrate import calibrate
from tilth.pipeline.experiment import run_experiment
from tilth.pipeline.simulate import simulate

ARTEFACTS = {"parameters.csv", "scores.csv", "simulation.nc", "run.json", "report.html"}


@pytest.fixture(autouse=True)
def small_model(monkeypatch):
    monkeypatch.setattr(tilth.pipeline.land_model, "Matsiro", BucketTower)


@pytest.fixture
def quick_report(monkeypatch):
    """Reports are drawn in one test only; the others write a stand-in."""

    def stand_in(folder):
        (folder / "report.html").write_text("report")

    for module in ("outcome", "experiment"):
        monkeypatch.setattr(f"tilth.pipeline.{module}.write_report", stand_in)


def heldout_rmse(folder):
    scores = pd.read_csv(folder / "scores.csv")
    native = scores[(scores["split"] == "heldout") & (scores["resolution"] == "native")]
    native = native[native["method"].isin(["direct", "mdpl"]) & (native["target"] == "raw")]
    return native.set_index(["variable", "run"])["rmse"]


def test_direct_calibration_of_a_twin_recovers_its_fluxes(tmp_path):
    told = []
    settings = twin_experiment(sizes={"direct-iterations": 30})
    outcome = calibrate(settings, tmp_path / "out", progress=lambda *message: told.append(message))
    folder = tmp_path / "out"
    assert {p.name for p in folder.iterdir()} >= ARTEFACTS
    rmse = heldout_rmse(folder)
    for flux in ("Qle", "Qh"):
        assert rmse[flux, "calibrated"] < 0.7 * rmse[flux, "default"]
    parameters = pd.read_csv(folder / "parameters.csv")
    assert tuple(parameters.columns) == PARAMETER_COLUMNS and len(parameters) == 3
    np.testing.assert_allclose(parameters["value"], outcome.learned, rtol=1e-8)
    scores = pd.read_csv(folder / "scores.csv")
    assert tuple(scores.columns) == SCORE_COLUMNS
    identity = ["variable", "method", "target", "run", "split", "resolution"]
    assert not scores.duplicated(identity).any()
    simulation = read_simulation(folder / "simulation.nc")
    assert set(simulation.runs) == {"default", "calibrated"}
    facts = json.loads((folder / "run.json").read_text())
    assert facts["site"]["name"] == "SY-One" and facts["method"] == "direct" and facts["seed"] == 0
    assert set(facts["truth"]) == {"rlfv", "gradm", "vmax0"} and facts["unconverged"]["calibrated"] == 0
    assert facts["options"]["sizes"]["members"] == 8 and facts["seconds"]["direct"] > 0
    assert facts["sources"]["lai"].startswith("climatology")
    assert any("direct" in message for _, _, message in told)


def test_mdpl_learns_through_its_surrogate(tmp_path, quick_report):
    folder = tmp_path / "out"
    outcome = calibrate(twin_experiment(method="mdpl"), folder)
    assert {p.name for p in folder.iterdir()} >= {*ARTEFACTS, "history.csv", "audit.csv"}
    outcome.space.check(outcome.learned)
    history = pd.read_csv(folder / "history.csv")
    assert list(history["stage"]) == ["surrogate"] * 2 + ["mdpl"] * 2
    audit = pd.read_csv(folder / "audit.csv")
    assert set(audit["variable"]) == {"Qle", "Qh", "Rnet", "Qg"}
    assert np.isfinite(audit[["model", "surrogate"]]).all(axis=None)
    assert (folder / "checkpoints" / "ensemble-nested.zarr").is_dir()


@pytest.mark.parametrize("method", ["direct", "mdpl", pytest.param("dpl", marks=pytest.mark.slow)])
def test_an_interrupted_calibration_resumes_with_identical_results(tmp_path, method, quick_report):
    settings = twin_experiment(method=method)
    straight = calibrate(settings, tmp_path / "straight")

    def interrupt(done, total, message):
        if message.startswith(f"{method}:"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        calibrate(settings, tmp_path / "resumed", progress=interrupt)
    assert {p.name for p in (tmp_path / "resumed").iterdir()} == {"checkpoints"}
    resumed = calibrate(settings, tmp_path / "resumed", resume=True)
    assert np.array_equal(straight.learned, resumed.learned)
    tables = [(tmp_path / name / "scores.csv").read_bytes() for name in ("straight", "resumed")]
    assert tables[0] == tables[1]


def test_a_simulation_has_the_defaults_of_the_class_and_of_the_site(tmp_path, quick_report):
    outcome = simulate(twin_experiment(defaults="site"), tmp_path / "out")
    assert set(outcome.runs) == {"default", "default_site"}
    names = {p.name for p in (tmp_path / "out").iterdir()}
    assert "report.html" in names and "parameters.csv" not in names


def test_values_that_are_set_replace_defaults(tmp_path, quick_report):
    outcome = simulate(twin_experiment(set={"gradm": 3.0}), tmp_path / "out")
    assert outcome.defaults[outcome.space.names.index("gradm")] == 3.0


def test_a_failed_model_is_a_numerical_failure_that_leaves_nothing_behind(
    tmp_path, monkeypatch, quick_report
):
    monkeypatch.setattr(tilth.pipeline.calibrate, "read_sites", lambda e, root: [record_of(e)])
    monkeypatch.setattr(
        tilth.pipeline.land_model, "Matsiro", lambda **fields: BucketTower(**fields, broken=True)
    )
    with pytest.raises(FloatingPointError):
        calibrate(twin_experiment(), tmp_path / "runs" / "out")
    assert not (tmp_path / "runs" / "out" / "run.json").exists()


def record_of(settings):
    from tilth.data.weather import synthetic_site, with_twin_observations

    record = synthetic_site("SY-One", plant_class="woodland", climate="temperate", years=0.12, seed=0)
    sun = record.forcing["shortwave_down"]
    return with_twin_observations(record, {"Qle": 0.3 * sun, "Qh": 0.2 * sun}, 0.1, 0, 0.1)


def two_sites(**changes):
    sites = [
        {
            "synthetic": {
                "name": f"SY-{n}",
                "class": "woodland",
                "climate": "temperate",
                "years": 0.1,
                "seed": n,
            }
        }
        for n in (1, 2)
    ]
    sites[1]["in-means"] = False
    return twin_experiment(sites=sites, **changes)


def test_an_experiment_joins_the_tables_of_its_sites_and_resumes(tmp_path, quick_report):
    settings = two_sites(method=["direct"])

    def interrupt(done, total, message):
        if message.startswith("2/2"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_experiment(settings, tmp_path / "out", progress=interrupt)
    first = tmp_path / "out" / "checkpoints" / "finished" / "SY-1-direct"
    before = (first / "SY-1-direct" / "run.json").stat().st_mtime_ns
    run_experiment(settings, tmp_path / "out", resume=True)
    done = tmp_path / "out" / "sites" / "SY-1-direct" / "run.json"
    assert json.loads(done.read_text())["method"] == "direct" and done.stat().st_mtime_ns >= before
    scores = pd.read_csv(tmp_path / "out" / "scores.csv")
    assert {"SY-1", "SY-2"} == set(scores["site"])
    assert len(pd.read_csv(tmp_path / "out" / "parameters.csv")) == 6
    facts = json.loads((tmp_path / "out" / "run.json").read_text())
    assert facts["kept_out_of_means"] == ["SY-2"] and "SY-2" in facts["notes"][0]
    assert (tmp_path / "out" / "report.html").exists()


def learned_values(folder):
    table = pd.read_csv(folder / "parameters.csv")
    return pd.DataFrame(
        {site: rows.set_index("parameter")["value"] for site, rows in table.groupby("site")}
    ).T


def test_sites_can_share_one_network(tmp_path, quick_report):
    run_experiment(two_sites(pooling="network"), tmp_path / "out")
    sites = sorted(p.name for p in (tmp_path / "out" / "sites").iterdir())
    assert sites == ["SY-1-direct", "SY-2-direct"]
    values = learned_values(tmp_path / "out")
    assert not np.array_equal(values.loc["SY-1"], values.loc["SY-2"])


@pytest.mark.parametrize("method", ["direct", pytest.param("mdpl", marks=pytest.mark.slow)])
def test_sites_of_a_class_can_share_one_set(tmp_path, quick_report, method):
    run_experiment(two_sites(pooling="class", method=method), tmp_path / "out")
    values = learned_values(tmp_path / "out")
    assert np.array_equal(values.loc["SY-1"], values.loc["SY-2"])
    default = pd.read_csv(tmp_path / "out" / "parameters.csv").groupby("parameter")["default"].first()
    assert (np.abs(values.loc["SY-1"] - default) > 0).all()


def test_the_mean_of_a_class_is_that_of_its_sites(tmp_path, quick_report):
    run_experiment(two_sites(), tmp_path / "own")
    run_experiment(two_sites(pooling="mean"), tmp_path / "mean")
    own, mean = learned_values(tmp_path / "own"), learned_values(tmp_path / "mean")
    assert np.array_equal(mean.loc["SY-1"], mean.loc["SY-2"])
    space = two_sites().space()

    def unconstrained(table):
        return np.asarray(space.to_unconstrained(jnp.asarray(table[list(space.names)].to_numpy())))

    np.testing.assert_allclose(unconstrained(mean)[0], unconstrained(own).mean(axis=0), atol=1e-6)
    history = pd.read_csv(tmp_path / "mean" / "sites" / "SY-1-direct" / "history.csv")
    assert set(history["stage"]) == {"SY-1 direct", "SY-2 direct"}


@pytest.mark.slow
def test_surrogates_of_a_mean_have_an_ensemble_for_each_site(tmp_path, quick_report):
    run_experiment(two_sites(pooling="mean", method="dpl"), tmp_path / "out")
    costs = pd.read_csv(tmp_path / "out" / "costs.csv").set_index(["method", "stage"])
    assert (costs.loc[[("dpl", "surrogate"), ("dpl", "dpl")], "networks"] == 2).all()
    assert costs.loc[("dpl", "surrogate"), "iterations"] == 2 * 2
    assert not list((tmp_path / "out" / "checkpoints").rglob("*.zarr"))


def test_a_site_alone_in_its_class_shares_nothing_and_the_page_says_so(tmp_path, quick_report):
    outcome = calibrate(twin_experiment(pooling="class"), tmp_path / "out")
    assert "SY-One is alone in the class woodland: nothing is shared." in outcome.notes


def test_the_same_site_twice_is_refused(tmp_path, quick_report):
    site = {"synthetic": {"name": "SY-1", "class": "woodland", "climate": "temperate", "years": 0.1}}
    with pytest.raises(ValueError, match="the sites SY-1 occur more than once"):
        run_experiment(twin_experiment(sites=[site, {**site, "in-means": False}]), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_calibrate_takes_one_site_and_one_method(tmp_path, quick_report):
    with pytest.raises(ValueError, match="expected one site and one method, got 2 sites and 1 methods"):
        calibrate(two_sites(), tmp_path / "out")
    with pytest.raises(ValueError, match="expected one site to simulate, got 2"):
        simulate(two_sites(), tmp_path / "out")


def test_unknown_options_of_the_land_model_are_refused(tmp_path, quick_report):
    with pytest.raises(ValueError, match="unknown options of the land model river"):
        simulate(twin_experiment(model={"river": True}), tmp_path / "out")


def test_a_truth_outside_the_bounds_is_refused(tmp_path, quick_report):
    synthetic = {
        "name": "S", "class": "woodland", "climate": "temperate", "years": 0.1, "truth": {"gradm": 99.0},
    }  # fmt: skip
    with pytest.raises(ValueError, match="parameters outside their bounds"):
        simulate(twin_experiment(sites=[{"synthetic": synthetic}]), tmp_path / "out")


def test_a_learned_closure_factor_gets_its_own_rows(tmp_path, quick_report):
    calibrate(twin_experiment(target="closure"), tmp_path / "out")
    scores = pd.read_csv(tmp_path / "out" / "scores.csv")
    assert {"raw", "closure"} == set(scores["target"])
    notes = json.loads((tmp_path / "out" / "run.json").read_text())["notes"]
    assert any("closure factor" in note for note in notes)


def test_an_experiment_says_what_was_gained_and_what_it_cost(tmp_path, quick_report):
    run_experiment(two_sites(method=["direct", "mdpl"]), tmp_path / "out")
    summary = pd.read_csv(tmp_path / "out" / "summary.csv")
    means = summary[(summary["site"] == "mean") & (summary["class"] == "all")]
    assert set(means["method"]) == {"direct", "mdpl"} and set(means["sites"]) == {1}
    costs = pd.read_csv(tmp_path / "out" / "costs.csv").set_index(["part", "stage"])
    assert costs.loc[("SY-1-mdpl", "ensemble"), "runs"] == 8
    assert costs.loc[("SY-1-mdpl", "surrogate"), "iterations"] == 2
    assert costs.loc[("SY-2-direct", "direct"), "iterations"] == 4
    assert costs["networks"].sum() == 4 and (costs["seconds"] >= 0).all()
    spread = pd.read_csv(tmp_path / "out" / "parameter_spread.csv")
    assert set(spread["parameter"]) == {"rlfv", "gradm", "vmax0"} and set(spread["sites"]) == {2}


def test_peer_scores_of_the_user_get_into_the_folder_and_the_page(tmp_path):
    (tmp_path / "peers.csv").write_text(
        "# a remark\nsite,variable,whole_jules\nSY-One,Qle,37.5\nElse,Qle,1\n"
    )
    calibrate(twin_experiment(peers="peers.csv"), tmp_path / "out", root=tmp_path)
    table = pd.read_csv(tmp_path / "out" / "peers.csv")
    assert table.to_dict("records") == [
        {"variable": "Qle", "peer": "jules", "basis": "whole record", "rmse": 37.5}
    ]
    assert "jules" in (tmp_path / "out" / "report.html").read_text()


def test_wrong_peer_scores_are_refused_before_anything_runs(tmp_path, quick_report):
    (tmp_path / "peers.csv").write_text("site,variable,jules\nSY-One,Qle,37.5\n")
    with pytest.raises(ValueError, match="columns whose meaning is not known"):
        run_experiment(twin_experiment(peers="peers.csv"), tmp_path / "out", root=tmp_path)
    assert not (tmp_path / "out").exists()
