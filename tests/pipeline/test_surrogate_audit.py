import json

import numpy as np
import pandas as pd
import pytest

import tilth.pipeline.land_model
from bucket_tower import BucketTower, twin_experiment
from tilth.ensembles.store import EnsembleStore
from tilth.pipeline import surrogate_audit
from tilth.pipeline.kinds import runner
from tilth.report.html import write_report
from tilth.report.surrogate_audit import COLUMNS


@pytest.fixture(autouse=True)
def small_model(monkeypatch):
    monkeypatch.setattr(tilth.pipeline.land_model, "Matsiro", BucketTower)


def audit(**changes):
    return twin_experiment(
        kind="surrogate-audit",
        **{"audit-members": 8, "designs": ["one-at-a-time", "nested"], **changes},
    )


def test_a_network_on_every_design_is_audited_and_calibrated_through(tmp_path):
    settings, interrupted = audit(networks="single-task"), []

    def interrupt(done, total, message):
        if message.startswith("2/2"):
            interrupted.append(message)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        runner(settings)(settings, tmp_path / "out", progress=interrupt)
    finished = tmp_path / "out" / "checkpoints" / "finished"
    assert [p.name for p in finished.iterdir()] == ["SY-One-one-at-a-time-single-task"]
    audits = EnsembleStore.open(tmp_path / "out" / "checkpoints" / "ensembles" / "SY-One" / "audit-8.zarr")
    assert audits.succeeded.all() and len(audits.thetas) == 8
    told = []
    runner(settings)(
        settings, tmp_path / "out", resume=True, progress=lambda *message: told.append(message[2])
    )
    assert not any(message.startswith("1/2") for message in told)
    table = pd.read_csv(tmp_path / "out" / "surrogates.csv")
    assert set(COLUMNS) <= set(table.columns) and len(table) == 2 * 4
    members = table.groupby("design")["members"].first()
    assert dict(members) == {"nested": 8, "one-at-a-time": 1 + 3 * 4}
    np.testing.assert_allclose(
        table["box_of_observation_error"], table["box_rmse"] / table["observation_error"]
    )
    turbulent = table["flux"].isin(["Qle", "Qh"])
    assert (table["error_origin"][turbulent] == "rule").all()  # the twin has no noise: the rule stands in
    assert table["near_passes"][~turbulent].isna().all() and not table["near_passes"][turbulent].isna().any()
    assert not any((tmp_path / "out" / "checkpoints").rglob("*.zarr"))
    facts = json.loads((tmp_path / "out" / "run.json").read_text())
    assert facts["options"]["kind"] == "surrogate-audit" and facts["near_limit"] == 0.5
    page = (tmp_path / "out" / "report.html").read_text()
    assert "single-task on one-at-a-time" in page and page.count("data:image") == 2 * 2 + 2
    before = page
    write_report(tmp_path / "out")
    assert (tmp_path / "out" / "report.html").read_text() == before


def test_the_land_model_is_judged_with_what_was_learned(tmp_path, monkeypatch):
    monkeypatch.setattr(surrogate_audit, "write_report", lambda folder: None)
    settings = audit(designs="nested", networks="multitask")
    runner(settings)(settings, tmp_path / "out")
    table = pd.read_csv(tmp_path / "out" / "surrogates.csv").set_index("flux")
    learned = pd.read_csv(tmp_path / "out" / "parameters.csv")
    assert list(learned["method"].unique()) == ["multitask on nested"]
    record = tilth.pipeline.sites.read_sites(settings)[0]
    outputs = (
        BucketTower().run(learned["value"].to_numpy()[None, None], surrogate_audit.Sites.of([record])).outputs
    )
    split = surrogate_audit.split_record(record)
    for flux in ("Qle", "Qh"):
        mask = record.scored(flux) & split.heldout
        error = np.asarray(outputs[flux][0, 0])[mask] - record.observations[flux].value[mask]
        # float32 series in the store, ten digits of parameters in the table
        np.testing.assert_allclose(
            table.loc[flux, "calibrated_rmse_heldout"], np.sqrt(np.mean(error**2)), rtol=1e-5
        )
        assert table.loc[flux, "default_rmse_heldout"] != table.loc[flux, "calibrated_rmse_heldout"]


def test_sites_of_one_network_share_a_surrogate_and_classes_are_refused():
    records = [tilth.pipeline.sites.read_sites(audit())[0]] * 2
    alone = surrogate_audit.audited_parts(audit(networks="multitask"), records[:1])
    assert [part.group for part in alone] == ["SY-One", "SY-One"]
    pooled = surrogate_audit.audited_parts(audit(networks="multitask", pooling="network"), records)
    assert [(part.group, len(part.records)) for part in pooled] == [("network", 2), ("network", 2)]
    with pytest.raises(ValueError, match="pooling: expected site or network, got class"):
        audit(pooling="class")
