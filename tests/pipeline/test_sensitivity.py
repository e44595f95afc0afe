import html.parser
import json
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

import tilth.pipeline.land_model
from bucket_tower import PARAMETERS, BucketTower
from tilth.config_files import experiment, read_experiment
from tilth.config_kinds import SensitivityExperiment
from tilth.evaluation.sensitivity_table import AGREEMENT_COLUMNS, COLUMNS, OVER_SITES, RANK_COLUMNS, RANKED
from tilth.parameters.tables import CALIBRATED, parameter_table
from tilth.pipeline.kinds import runner
from tilth.pipeline.sensitivity import run_sensitivity
from tilth.report.html import write_report

REPOSITORY = Path(__file__).parents[2]
TABLES = ("sensitivity.csv", "ranks.csv", "agreement.csv")


@pytest.fixture(autouse=True)
def small_model(monkeypatch):
    monkeypatch.setattr(tilth.pipeline.land_model, "Matsiro", BucketTower)


@pytest.fixture
def quick_report(monkeypatch):
    """Reports are drawn where a test looks at them; elsewhere there is a stand-in."""

    def stand_in(folder):
        (folder / "report.html").write_text("report")

    monkeypatch.setattr("tilth.pipeline.sensitivity.write_report", stand_in)


def settings(**changes):
    sites = [
        {"synthetic": {"name": name, "class": kind, "climate": "temperate", "years": 0.05, "seed": seed}}
        for seed, (name, kind) in enumerate([("SY-One", "woodland"), ("SY-Two", "grassland")])
    ]
    given = {"kind": "sensitivity", "name": "bucket", "sites": sites, "parameters": PARAMETERS}
    return experiment({**given, "trajectories": 3, "samples": 4, "years": 0.03, **changes})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("run") / "bucket"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tilth.pipeline.land_model, "Matsiro", BucketTower)
        return run_sensitivity(settings(), path)


def test_every_method_measures_every_parameter_at_every_site(folder):
    table = pd.read_csv(folder / "sensitivity.csv")
    assert list(table.columns) == list(COLUMNS)
    assert not table.duplicated(["site", "flux", "method", "parameter", "measure"]).any()
    ranked = table[table["measure"].isin(RANKED.values())]
    assert len(ranked) == 2 * 2 * len(RANKED) * len(PARAMETERS) and np.isfinite(ranked["value"]).all()
    for _, own in ranked.groupby(["site", "flux", "method"]):
        assert own["rank"].sum() == 6 and own.loc[own["rank"].idxmin(), "value"] in (
            own["value"].max(),
            own["value"].min(),
        )
    assert set(table["site"]) == {"SY-One", "SY-Two"} and set(table["class"]) == {"woodland", "grassland"}
    assert (table["n_failed"] == 0).all() and table["range_source"].str.contains("Table 2").all()


def test_small_steps_one_at_a_time_agree_with_the_exact_derivative(tmp_path, quick_report):
    # The capacity drains the bucket; over 2 % of its default the fluxes are linear in it.
    default = parameter_table()["vmax0"].default("woodland", "loam")
    bounds = {"vmax0": [0.99 * default, 1.01 * default]}
    narrow = settings(bounds=bounds, analyses=["one-at-a-time", "gradient"])
    table = pd.read_csv(run_sensitivity(narrow, tmp_path / "out") / "sensitivity.csv")
    own = table[(table["parameter"] == "vmax0") & (table["site"] == "SY-One") & (table["flux"] == "Qle")]
    value = own.set_index("measure")["value"]
    # The levels lie at 0, 1/3, 2/3 and 1 around the default at 1/2: mean distance 1/3. The derivative sees
    # the record twice, hence up to twice the memory of drainage and no less than once.
    once = value["rms_derivative"] / 3.0
    assert 0.4 * once < value["mean_rmse"] < 1.01 * once
    assert set(own["range_source"]) == {"the experiment file"}


def test_tables_over_sites_and_facts_say_what_was_done(folder):
    ranks, agreed = (pd.read_csv(folder / name) for name in TABLES[1:])
    assert list(ranks.columns) == list(RANK_COLUMNS) and (ranks["sites"] == 2).all()
    assert list(agreed.columns) == list(AGREEMENT_COLUMNS) and OVER_SITES in set(agreed["site"])
    facts = json.loads((folder / "run.json").read_text())
    assert facts["options"]["kind"] == "sensitivity" and facts["options"]["samples"] == 4
    first = facts["sites"][0]
    assert first["name"] == "SY-One" and first["steps"] == round(0.03 * 17520)
    assert facts["ranges"][0]["gradm"] == [1.0, 20.0]
    assert not list((folder / "checkpoints").rglob("*.zarr"))


def test_the_report_shows_rankings_side_by_side_and_is_self_contained(folder):
    page = write_report(folder).read_text(encoding="utf-8")

    class Parts(html.parser.HTMLParser):
        images, links, open = [], [], []

        def handle_starttag(self, tag, attributes):
            if tag == "img":
                self.images.append(dict(attributes)["src"])
            if tag == "a":
                self.links.append(dict(attributes)["href"])
            if tag not in ("img", "br", "meta"):
                self.open.append(tag)

        def handle_endtag(self, tag):
            assert self.open.pop() == tag

    parts = Parts()
    parts.feed(page)
    assert not parts.open and len(parts.images) == 8
    assert all(source.startswith("data:image/") for source in parts.images)
    assert all(f'id="{link[1:]}"' in page for link in parts.links)
    for words in ("Ranks over sites", "Fig. 2", "No member failed", "Rank correlation", *RANKED, *PARAMETERS):
        assert words in page


def test_an_interrupted_analysis_resumes_with_identical_tables(folder, tmp_path, quick_report):
    def interrupt(done, total, message):
        if message.startswith("SY-Two"):
            raise KeyboardInterrupt

    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        run_sensitivity(settings(), out, progress=interrupt)
    assert (out / "checkpoints" / "finished" / "SY-One.csv").is_file() and not (out / "run.json").exists()
    told = []
    run_sensitivity(settings(), out, resume=True, progress=lambda *message: told.append(message[2]))
    assert not any(message.startswith("SY-One") for message in told)
    for name in TABLES:
        assert (out / name).read_text() == (folder / name).read_text()


def test_members_that_fail_are_left_out_and_counted(tmp_path, monkeypatch, quick_report):
    class Fragile(BucketTower):
        def run(self, thetas, sites):
            ensemble = super().run(thetas, sites)
            broken = self.space.fraction(thetas)[..., 1] > 0.99
            latent = jnp.where(broken[..., None], jnp.nan, ensemble.outputs["Qle"])
            return type(ensemble)({**ensemble.outputs, "Qle": latent}, ensemble.succeeded)

    monkeypatch.setattr(tilth.pipeline.land_model, "Matsiro", Fragile)
    chosen = settings(analyses=["one-at-a-time", "morris"], trajectories=6)
    table = pd.read_csv(run_sensitivity(chosen, tmp_path / "out") / "sensitivity.csv")
    once = table[table["method"] == "one-at-a-time"]
    assert set(once[once["parameter"] == "gradm"]["n_failed"]) == {1}
    assert set(once[once["parameter"] != "gradm"]["n_failed"]) == {0}
    trajectories = table[table["method"] == "morris"].iloc[0]
    assert trajectories["n_failed"] > 0 and trajectories["n_left_out"] % 4 == 0
    assert trajectories["n_used"] + trajectories["n_left_out"] == 24
    assert "Left out" in write_report(tmp_path / "out").read_text()


def test_derivatives_alone_need_no_ensemble(tmp_path, quick_report):
    out = run_sensitivity(settings(analyses="gradient"), tmp_path / "out")
    assert set(pd.read_csv(out / "sensitivity.csv")["method"]) == {"gradient", "loss-gradient"}


def test_the_synthetic_experiment_of_the_repository_runs(tmp_path, quick_report):
    chosen = read_experiment(REPOSITORY / "experiments" / "sensitivity_synthetic.yaml")
    table = pd.read_csv(runner(chosen)(chosen, tmp_path / "out") / "sensitivity.csv")
    assert set(table["method"]) == set(RANKED) and set(table["site"]) == {"SY-Gra", "SY-Wod"}
    assert np.isfinite(table["value"]).all()


def test_the_kind_has_its_runner_and_names_groups_of_parameters():
    assert isinstance(settings(), SensitivityExperiment) and runner(settings()) is run_sensitivity
    assert settings(parameters="all").parameters == tuple(parameter_table())
    assert settings(parameters="calibrated").parameters == CALIBRATED


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"samples": 12}, "samples: expected a power of two"),
        ({"analyses": ["fast"]}, "analyses › 1: expected 'one-at-a-time', 'morris', 'sobol' or 'gradient'"),
        ({"parameters": ["everything"]}, "unknown parameters \\['everything'\\]"),
        ({"years": 0}, "years: expected greater than 0"),
        ({"sample": 8}, "sample: unknown key; did you mean samples\\?"),
    ],
)
def test_wrong_keys_are_told(changes, message):
    with pytest.raises(ValueError, match=message):
        settings(**changes)
