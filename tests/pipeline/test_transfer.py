import json
from pathlib import Path

import pandas as pd
import pytest

import tilth.pipeline.land_model
from bucket_tower import BucketTower, twin_experiment
from tilth.config_files import read_experiment
from tilth.evaluation.transfer import TRANSFER_COLUMNS
from tilth.pipeline.experiment import run_experiment
from tilth.pipeline.kinds import runner
from tilth.pipeline.transfer import run_transfer
from transfer_cases import CLASSES, sites, transfer

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def small_model(monkeypatch):
    monkeypatch.setattr(tilth.pipeline.land_model, "Matsiro", BucketTower)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The synthetic experiment of the repository through the bucket, with its page."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tilth.pipeline.land_model, "Matsiro", BucketTower)
        experiment = read_experiment(REPOSITORY / "experiments" / "transfer_synthetic.yaml")
        # Networks compile for long, and a few steps are enough for what is tested.
        sizes = experiment.sizes.model_copy(update={"direct_iterations": 3})
        experiment = experiment.model_copy(update={"method": ("direct",), "sizes": sizes})
        return runner(experiment)(experiment, tmp_path_factory.mktemp("runs") / "out")


@pytest.fixture(scope="module")
def weeks(tmp_path_factory):
    """Three woodlands and a grassland over a few weeks, one kept out of means, without a page."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tilth.pipeline.land_model, "Matsiro", BucketTower)
        patch.setattr("tilth.pipeline.transfer_tables.write_report", lambda folder: None)
        return run_transfer(transfer(method="direct"), tmp_path_factory.mktemp("weeks") / "out")


def test_every_site_is_left_out_by_every_rule(folder):
    table = pd.read_csv(folder / "transfer.csv")
    assert tuple(table.columns) == TRANSFER_COLUMNS
    whole = table[(table["split"] == "whole") & (table["variable"] == "Qle")]
    rules = whole.groupby("site")["rule"].agg(list)
    assert rules["SY-Cro"] == ["default", "class-mean", "network", "calibrated"]
    assert rules["SY-Wod"] == ["default", "network", "calibrated"]
    assert whole.loc[whole["rule"] != "default", "gain_low"].notna().all()
    default = table.loc[table["rule"] == "default", ["gain", "gain_low", "gain_high"]]
    assert default.isna().all().all()
    assert (whole["months"] >= 9).all() and whole["kge_monthly"].notna().all()
    months = pd.read_csv(folder / "monthly.csv")
    assert set(months["month"]) == set(range(1, 13))
    page = (folder / "report.html").read_text()
    assert "alone in the class woodland" in page and "network, site left out" in page


def test_a_class_of_one_has_a_row_that_says_why(folder):
    table = pd.read_csv(folder / "transfer.csv")
    alone = table[(table["site"] == "SY-Wod") & (table["rule"] == "class-mean")]
    assert len(alone) == 1 and (alone["note"].str.contains("no other site to take a mean of")).all()
    notes = json.loads((folder / "run.json").read_text())["notes"]
    assert any(note.startswith("SY-Wod is alone in the class woodland") for note in notes)


def test_class_means_are_of_the_others_but_for_what_stays_at_its_default(folder):
    table = pd.read_csv(folder / "parameters.csv")
    value = table.set_index(["site", "rule", "parameter"])["value"]
    for name in ("gradm", "vmax0"):
        # The only other site of the class.
        assert value["SY-Cro", "class-mean", name] == value["SY-Fie", "calibrated", name]
    default = table.set_index(["site", "parameter"])["default"]
    assert value["SY-Cro", "class-mean", "vgcov"] == default["SY-Cro", "vgcov"].iloc[0]
    assert value["SY-Cro", "calibrated", "vgcov"] != default["SY-Cro", "vgcov"].iloc[0]


def test_means_over_sites_leave_out_what_is_kept_out(weeks):
    classes = pd.read_csv(weeks / "classes.csv")
    rows = classes[
        (classes["class"] == "all") & (classes["rule"] == "network") & (classes["variable"] == "Qle")
    ]
    assert dict(zip(rows["over"], rows["sites"], strict=True)) == {"all": 4, "in means": 3}
    table = pd.read_csv(weeks / "transfer.csv")
    # A record of weeks has no KGE of monthly means.
    assert table["kge_monthly"].isna().all()
    own = table[(table["split"] == "whole") & (table["rule"] == "network") & (table["variable"] == "Qle")]
    chosen = rows[rows["over"] == "in means"].iloc[0]
    assert chosen["gain"] == pytest.approx(own.loc[own["in_means"], "gain"].mean(), rel=1e-8)
    assert chosen["gain_low"] < chosen["gain"] < chosen["gain_high"]


def test_finished_runs_give_the_parameters_of_their_sites(tmp_path, monkeypatch):
    monkeypatch.setattr("tilth.pipeline.experiment.write_report", lambda folder: None)
    monkeypatch.setattr("tilth.pipeline.transfer_tables.write_report", lambda folder: None)
    plain = {"sites": sites()[:3], "parameters": ["rlfv", "gradm", "vgcov"]}
    run_experiment(twin_experiment(**plain), tmp_path / "before")
    given = transfer(method="direct", runs="before")
    folder = run_transfer(given, tmp_path / "out")
    before = pd.read_csv(tmp_path / "before" / "parameters.csv").set_index(["site", "parameter"])["value"]
    after = pd.read_csv(folder / "parameters.csv")
    own = after[after["rule"] == "calibrated"].set_index(["site", "parameter"])["value"]
    for key, value in before.items():
        assert own[key] == value
    assert set(after["site"]) == set(CLASSES), "the site that the runs lack is calibrated here"
    with pytest.raises(ValueError, match="was run with other choices .defaults: there class, here site"):
        run_transfer(transfer(method="direct", runs="before", defaults="site"), tmp_path / "other")
    with pytest.raises(ValueError, match="expected rlfv, gradm, vmax0; give both"):
        run_transfer(
            transfer(method="direct", runs="before", parameters=["rlfv", "gradm", "vmax0"]),
            tmp_path / "other",
        )
    with pytest.raises(ValueError, match="is not a folder: expected one that"):
        run_transfer(transfer(method="direct", runs="nowhere"), tmp_path / "other")
    assert not (tmp_path / "other").exists()


@pytest.mark.slow
def test_an_interrupted_transfer_goes_on_with_what_it_has_learned(tmp_path, monkeypatch, weeks):
    monkeypatch.setattr("tilth.pipeline.transfer_tables.write_report", lambda folder: None)

    def interrupt(done, total, message):
        if message.startswith("7/8 without-SY-C"):
            raise KeyboardInterrupt

    told = []
    given = transfer(method="direct")
    with pytest.raises(KeyboardInterrupt):
        run_transfer(given, tmp_path / "out", progress=interrupt)
    assert not (tmp_path / "out" / "run.json").exists()
    run_transfer(given, tmp_path / "out", resume=True, progress=lambda d, t, message: told.append(message))
    assert told[0].startswith("7/8 without-SY-C")
    assert not any(message.startswith(("1/", "2/", "3/", "4/", "5/", "6/")) for message in told)
    found, whole = (pd.read_csv(path / "parameters.csv") for path in (tmp_path / "out", weeks))
    pd.testing.assert_frame_equal(found, whole)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"generator-sees-fluxes": True}, "generator-sees-fluxes: expected false"),
        ({"pooling": "network"}, "pooling: expected site, got network"),
        ({"verify": True}, "verify: expected false"),
        ({"sites": sites()[:2]}, "expected at least three sites"),
        ({"at-default": ["height"]}, "unknown parameters"),
    ],
)
def test_what_makes_no_sense_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        transfer(**changes)
