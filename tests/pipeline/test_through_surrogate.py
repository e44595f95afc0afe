import json
import re

import numpy as np
import pandas as pd
import pytest

import tilth.pipeline.land_model
from bucket_tower import BucketTower, twin_experiment
from tilth.calibration.mdpl_loss import MdplLoss
from tilth.ensembles.store import EnsembleStore
from tilth.pipeline import presets, through_surrogate, verification
from tilth.pipeline.best_run import FRACTIONS, Judge
from tilth.pipeline.calibrate import calibrate
from tilth.pipeline.experiment import run_experiment
from tilth.surrogates.files import load_surrogate
from tilth.surrogates.guard import TrainingRegion
from tilth.surrogates.single_task import SingleTaskNetwork

PASSED = 3
"""Parameters on the way that the land model judges: two epochs of the best training, the end of the other."""


@pytest.fixture(autouse=True)
def small_model(monkeypatch):
    monkeypatch.setattr(tilth.pipeline.land_model, "Matsiro", BucketTower)
    for module in ("outcome", "experiment"):
        monkeypatch.setattr(
            f"tilth.pipeline.{module}.write_report", lambda folder: (folder / "report.html").write_text("x")
        )


def test_dpl_learns_through_a_single_task_surrogate_and_says_where_it_stands(tmp_path):
    outcome = calibrate(twin_experiment(method="dpl"), tmp_path / "out")
    surrogate = load_surrogate(tmp_path / "out" / "checkpoints" / "surrogate-dpl")
    assert isinstance(surrogate.network, SingleTaskNetwork)
    assert list(outcome.tables["history"]["stage"]) == ["surrogate"] * 2 + ["dpl"] * 2
    region, optimum = outcome.notes[-2:]
    assert "region that the surrogate was trained in" in region
    # two epochs of training: the error is far beyond half of that of the observations
    assert "of the observation error" in optimum and "it fails (limit 0.5)" in optimum


def test_verification_appends_members_until_it_gives_up(tmp_path, monkeypatch):
    monkeypatch.setattr(presets, "MOST_VERIFICATIONS", 2)
    settings = twin_experiment(method="mdpl", verify=True)
    outcome = calibrate(settings, tmp_path / "out")
    table = pd.read_csv(tmp_path / "out" / "verification.csv")
    fluxes = ["Qle", "Qh", "Rnet", "Qg"]  # what is learned from, and what is measured and guards
    assert list(table["flux"]) == 3 * fluxes and set(table["members"]) == {8}
    assert list(table["round"]) == [0] * 4 + [1] * 4 + [2] * 4
    judged = table["of_observation_error"].notna()
    assert set(table["flux"][judged]) == {"Qle", "Qh"}
    assert list(outcome.tables["history"]["stage"].unique()) == [
        "surrogate", "surrogate, round 1", "surrogate, round 2", "mdpl",
    ]  # fmt: skip
    assert any(
        "still failed its audit" in note and "after 2 further trainings" in note for note in outcome.notes
    )
    # The round whose run of the land model is best counts.
    (note,) = [text for text in outcome.notes if re.search(r"round \d counts", text)]
    _, *rounds = (float(x) for x in re.findall(r"\d+\.\d{3}", note))
    counted = int(re.findall(r"round (\d) counts", note)[0])
    assert len(rounds) == 3 and rounds[counted - 1] == min(rounds)
    store = EnsembleStore.open(tmp_path / "out" / "checkpoints" / "ensemble-nested.zarr")
    # Three audits, and members to learn from before each further training.
    known = 8 + 3 * 8 + 2 * 8 + PASSED
    assert store.done.all() and len(store.thetas) in (known, known + len(FRACTIONS))
    assert list(table["members_trained"]) == [8] * 4 + [24] * 4 + [40] * 4

    def interrupt(done, total, message):
        if message.startswith("mdpl-1:"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        calibrate(settings, tmp_path / "resumed", progress=interrupt)
    resumed = calibrate(settings, tmp_path / "resumed", resume=True)
    np.testing.assert_array_equal(resumed.learned, outcome.learned)


def test_verification_stops_where_the_surrogate_passes_and_nothing_gets_better(tmp_path, monkeypatch):
    monkeypatch.setattr(verification, "NEAR_LIMIT", 1e3)
    monkeypatch.setattr(Judge, "mean_loss", lambda *_: 1.0)  # nothing gets better
    outcome = calibrate(twin_experiment(method="dpl", verify=True), tmp_path / "out")
    assert set(pd.read_csv(tmp_path / "out" / "verification.csv")["round"]) == {0, 1}
    assert any("passed its audit" in note and "after 0 further trainings" in note for note in outcome.notes)
    store = EnsembleStore.open(tmp_path / "out" / "checkpoints" / "ensemble-nested.zarr")
    # The members that were added for the audit and on the way back were not learned from: the guard must not
    # count them.
    assert len(store.thetas) in (24 + PASSED, 24 + PASSED + len(FRACTIONS))
    region = TrainingRegion(outcome.space, store.thetas[:8, 0])
    assert region.position(outcome.learned).sentence in outcome.notes


def test_what_was_learned_is_learned_again_through_a_surrogate_that_is_exact_there(tmp_path, monkeypatch):
    monkeypatch.setattr(presets, "MOST_VERIFICATIONS", 1)
    monkeypatch.setattr(verification, "NEAR_LIMIT", 1e3)
    asked, original = [], MdplLoss.of.__func__

    def seen(cls, *given, allowance=None, **choices):
        asked.append(allowance)
        return original(cls, *given, allowance=allowance, **choices)

    monkeypatch.setattr(MdplLoss, "of", classmethod(seen))
    outcome = calibrate(twin_experiment(method="mdpl", verify=True), tmp_path / "out")
    assert set(pd.read_csv(tmp_path / "out" / "verification.csv")["round"]) == {0, 1}
    assert any("passed its audit" in note and "after 0 further trainings" in note for note in outcome.notes)
    # Both guards first, then what led there alone, through a surrogate that is exact there.
    *first, again = asked
    assert len(first) == 2 and all(limits is None for limits in first)
    # One limit a guarded flux and site; the surrogate, two epochs old, is not right about them.
    assert again.shape == (4, 1) and (again != 1.0).any()


@pytest.mark.parametrize("verify", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_methods_of_a_site_share_their_ensemble_and_extend_copies(tmp_path, monkeypatch, verify):
    found = []
    original = through_surrogate.ensemble

    def counted(experiment, model, sites, place, **choices):
        path = place.ensembles / "ensemble-nested.zarr"
        found.append(len(EnsembleStore.open(path).thetas) if path.exists() else 0)
        store, members = original(experiment, model, sites, place, **choices)
        assert (store.path == path) is not verify
        return store, members

    monkeypatch.setattr(through_surrogate, "ensemble", counted)
    monkeypatch.setattr(verification, "NEAR_LIMIT", 1e3)  # no further training
    run_experiment(twin_experiment(method=["mdpl", "dpl"], verify=verify), tmp_path / "out")
    assert found == [0, 8]
    assert not list((tmp_path / "out" / "checkpoints").rglob("*.zarr"))
    assert {"mdpl", "dpl"} <= set(pd.read_csv(tmp_path / "out" / "parameters.csv")["method"])


def test_an_ensemble_of_another_model_is_refused_and_kept(tmp_path):
    settings = twin_experiment(method="mdpl")

    def interrupt(done, total, message):
        if message.startswith("mdpl:"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        calibrate(settings, tmp_path / "out", progress=interrupt)
    path = tmp_path / "out" / "checkpoints" / "ensemble-nested.zarr" / "zarr.json"
    attributes = json.loads(path.read_text())
    attributes["attributes"]["model"] = "BucketTower 0.0.1 (000000000000)"
    path.write_text(json.dumps(attributes))
    with pytest.raises(ValueError, match="was run with something else: model: stored BucketTower 0.0.1"):
        calibrate(settings, tmp_path / "out", resume=True)
    assert path.exists() and (path.parents[1] / "surrogate-mdpl.checkpoint").exists()
