import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import tilth.pipeline.land_model
from bucket_tower import PARAMETERS, BucketTower, twin_experiment
from tilth.config_files import experiment, read_experiment
from tilth.evaluation.benchmark_tables import BENCHMARK_COLUMNS, MEAN, WITH_ENERGY
from tilth.evaluation.metrics import rmse
from tilth.evaluation.simulation_file import read_simulation
from tilth.pipeline.benchmark import run_benchmark
from tilth.pipeline.experiment import run_experiment
from tilth.pipeline.finished_runs import finished_runs

FILE = Path(__file__).parents[2] / "experiments" / "benchmark_synthetic.yaml"


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A folder with a finished experiment at two short synthetic towers, and the benchmark of it."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tilth.pipeline.land_model, "Matsiro", BucketTower)
        patch.setattr("tilth.pipeline.experiment.write_report", lambda folder: None)
        settings = short(read_experiment(FILE).record())
        run_experiment(twin_experiment(name="quick", sites=settings.record()["sites"]), folder / "quick")
        run_benchmark(settings, folder / "out")
    return folder


def short(settings, **changes):
    """The experiment of the file at three towers of seven weeks instead of years, one of them kept apart."""
    sites = [{"synthetic": {**site["synthetic"], "years": 0.14, "noise": 0.3}} for site in settings["sites"]]
    third = {"synthetic": {**sites[0]["synthetic"], "name": "SY-Ext", "seed": 3}, "in-means": False}
    size = {"lstm-hidden": 8, "lstm-epochs": 2, "lstm-windows": 256, "parameters": PARAMETERS}
    return experiment({**settings, **size, "sites": [*sites[:2], third], **changes})


@pytest.fixture
def small_model(monkeypatch):
    monkeypatch.setattr(tilth.pipeline.land_model, "Matsiro", BucketTower)


def test_every_line_is_scored_at_every_tower(runs):
    scores = pd.read_csv(runs / "out" / "benchmark.csv")
    assert tuple(scores.columns) == BENCHMARK_COLUMNS
    lines = {(row.model, row.trained) for row in scores.itertuples()}
    trained = {(name, where) for name in ("1lin", "3km27", "lstm") for where in ("at the tower", "elsewhere")}
    assert lines == trained | {("default", "not trained"), ("direct", "at the tower"), ("sfe", "not trained")}
    key = ["site", "variable", "model", "trained", "mask", "split", "resolution"]
    assert not scores.duplicated(key).any()
    assert set(scores["resolution"]) == {"native", "1h", "1D", "7D", "1M", "1Y"}
    native = scores[(scores["resolution"] == "native") & (scores["mask"] == "scored")]
    steps = native[native["model"] != "sfe"].groupby(["site", "variable", "split"])["n"]
    assert (steps.min() == steps.max()).all()


def test_scores_of_runs_are_those_of_their_series(runs):
    scores = pd.read_csv(runs / "out" / "benchmark.csv").set_index(
        ["site", "variable", "model", "mask", "split", "resolution"]
    )
    simulation = read_simulation(runs / "quick" / "sites" / "SY-Wod-direct" / "simulation.nc")
    mask = simulation.scored["Qh"] & simulation.splits["heldout"]
    expected = rmse(simulation.runs["calibrated"]["Qh"], simulation.observed["Qh"], mask)
    found = scores.loc[("SY-Wod", "Qh", "direct", "scored", "heldout", "native"), "rmse"]
    assert float(found) == pytest.approx(expected, rel=1e-6)


def test_means_leave_out_the_towers_kept_apart(runs):
    means = pd.read_csv(runs / "out" / "benchmark_means.csv")
    scores = pd.read_csv(runs / "out" / "benchmark.csv")
    assert not any("SY-Ext" in sites for sites in means["sites"])
    key = {"variable": "Qle", "model": "3km27", "trained": "elsewhere", "split": "heldout"}
    key |= {"resolution": "1D", "mask": "scored"}
    own = scores[(scores[list(key)] == pd.Series(key)).all(axis=1) & (scores["site"] != "SY-Ext")]
    mean = means[(means[list(key)] == pd.Series(key)).all(axis=1)].iloc[0]
    assert mean["towers"] == 2
    assert mean["rmse_mean"] == pytest.approx(own["rmse"].mean())
    assert mean["kge_median"] == pytest.approx(own["kge"].median())


def test_gains_have_intervals_and_words_that_follow(runs):
    gains = pd.read_csv(runs / "out" / "benchmark_gains.csv")
    pooled = gains[gains["site"] == MEAN]
    assert len(pooled) and set(gains["model"]) == {"direct"}
    for row in gains.itertuples():
        assert row.relative_low_90 <= row.relative_high_90
        better, worse = row.relative_low_90 > 0, row.relative_high_90 < 0
        assert row.verdict == ("better" if better else "worse" if worse else "not distinguishable")
    native = gains[(gains["resolution"] == "native") & (gains["against"] == "default")]
    of = native[native["variable"] == "Qle"].set_index("site")["relative"]
    assert of[MEAN] == pytest.approx(of[["SY-Gra", "SY-Wod"]].mean())


def test_surface_flux_equilibrium_is_judged_where_it_can_be(runs):
    scores = pd.read_csv(runs / "out" / "benchmark.csv")
    energy = scores[(scores["mask"] == WITH_ENERGY) & (scores["resolution"] == "native")]
    steps = energy.groupby(["site", "variable", "split"])["n"]
    assert (steps.min() == steps.max()).all()
    assert {"sfe", "direct"} <= set(energy["model"])


def test_the_page_shows_all_resolutions_and_says_what_is_better(runs):
    text = (runs / "out" / "report.html").read_text()
    for word in ("30 min", "hour", "day", "week", "month", "year", "McColl", "3km27, elsewhere"):
        assert word in text
    assert "direct against default" in text and "Kept out" not in text
    assert "Reported but kept out of means: SY-Ext" in text


def test_an_interrupted_benchmark_keeps_what_was_trained(runs, tmp_path, small_model, monkeypatch):
    settings = short(read_experiment(FILE).record(), runs=[str(runs / "quick")], benchmarks=["1lin", "3km27"])
    told = []

    def interrupt(done, total, message):
        told.append(message)
        if len(told) == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_benchmark(settings, tmp_path / "out", progress=interrupt)
    kept = {path.name for path in (tmp_path / "out" / "checkpoints" / "benchmarks").iterdir()}
    assert len(kept) == 6
    trained = []
    original = tilth.pipeline.benchmark_lines.series_trained_on

    def counted(record, *arguments, **options):
        trained.append(record.attributes.name)
        return original(record, *arguments, **options)

    monkeypatch.setattr("tilth.pipeline.benchmark_lines.series_trained_on", counted)
    run_benchmark(settings, tmp_path / "out", resume=True)
    assert len(trained) == 12 - 6
    both = [pd.read_csv(path / "benchmark.csv") for path in (tmp_path / "out", runs / "out")]
    both = [table[table["model"].isin(["1lin", "3km27"]) & (table["mask"] == "scored")] for table in both]
    pd.testing.assert_frame_equal(*(table.reset_index(drop=True) for table in both))


def test_runs_on_another_record_are_refused(runs, tmp_path, small_model):
    longer = short(read_experiment(FILE).record(), runs=[str(runs / "quick")]).record()
    longer["sites"][0]["synthetic"]["years"] = 0.2
    with pytest.raises(ValueError, match="SY-Gra in .* steps from .* expected one record"):
        run_benchmark(experiment(longer), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_run_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ValueError, match="absent is not a folder"):
        finished_runs([Path("absent")], tmp_path)


def test_published_scores_and_model_files_join(runs, tmp_path, small_model):
    from made_up_tower import write

    simulation = read_simulation(runs / "quick" / "sites" / "SY-Gra-direct" / "simulation.nc")
    series = {name: simulation.observed[name] + 5.0 for name in ("Qle", "Qh")}
    write(tmp_path, "Flux", simulation.time, series, site="SY-Gra", name="other_SY-Gra.nc")
    rows = {"site": "SY-Gra", "variable": ["Qle", "Qh"], "n": 10, "bias": 1.0, "rmse": [30.0, 40.0], "r": 0.9}
    published = pd.DataFrame({**rows, "nme": 0.4, "std_obs": 60.0, "std_mod": 50.0})
    published.to_csv(tmp_path / "published.csv", index=False)
    (tmp_path / "peers.csv").write_text("site,variable,heldout_lstm\nSY-Gra,Qle,31.0\n")
    settings = short(
        read_experiment(FILE).record(),
        runs=[str(runs / "quick")],
        benchmarks=["1lin"],
        models={"Other": "other_{site}.nc"},
        published={"JULES": "published.csv"},
        peers="peers.csv",
    )
    sites = [
        {key: value for key, value in site.items() if key != "files"} for site in settings.record()["sites"]
    ]
    run_benchmark(experiment({**settings.record(), "sites": sites}), tmp_path / "out", root=tmp_path)
    scores = pd.read_csv(tmp_path / "out" / "benchmark.csv")
    other = scores[(scores["model"] == "Other") & (scores["resolution"] == "native")]
    np.testing.assert_allclose(other["rmse"], 5.0, rtol=1e-5)
    assert set(other["site"]) == {"SY-Gra"}
    jules = scores[scores["model"] == "JULES"].set_index("variable")
    assert jules.loc["Qh", "rmse"] == 40.0 and jules.loc["Qle", "nse"] == pytest.approx(0.75)
    assert scores.loc[scores["model"] == "lstm (peers)", "rmse"].tolist() == [31.0]
    notes = json.loads((tmp_path / "out" / "run.json").read_text())["notes"]
    assert any("No file of Other at SY-Wod, SY-Ext" in note for note in notes)
