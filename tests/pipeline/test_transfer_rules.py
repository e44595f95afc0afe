import json

import numpy as np
import pytest

import tilth.pipeline.land_model
from bucket_tower import BucketTower
from tilth.pipeline.sites import read_sites
from tilth.pipeline.transfer_rules import Lessons, Theta, class_mean
from tilth.pipeline.workplace import Stopwatch, Workplace
from tilth.surrogates.guard import TrainingRegion
from tilth.surrogates.land_model import SurrogateLandModel
from tilth.surrogates.single_task import SingleTaskNetwork
from transfer_cases import sites, transfer


@pytest.fixture(autouse=True)
def small_model(monkeypatch):
    monkeypatch.setattr(tilth.pipeline.land_model, "Matsiro", BucketTower)


def test_a_mean_of_a_class_is_of_physical_values():
    experiment = transfer()
    records = read_sites(experiment)
    own = {r.attributes.name: Theta(np.full(3, 0.1 * row)) for row, r in enumerate(records, 1)}
    mean = class_mean(experiment, records[0], records, own)
    assert mean.vector[:2] == pytest.approx([0.25, 0.25])
    assert class_mean(experiment, records[3], records, own) is None


def test_no_flux_of_a_site_that_is_left_out_enters_its_network(tmp_path):
    experiment = transfer(method="direct")
    records = read_sites(experiment)
    changed = [
        record
        if record.attributes.name != "SY-A"
        else record.replace(
            observations={
                name: type(flux)(2.0 * flux.value + 30.0, flux.quality)
                for name, flux in record.observations.items()
            }
        )
        for record in records
    ]
    thetas = []
    for number, given in enumerate((records, changed)):
        place = Workplace(tmp_path / str(number), Stopwatch())
        lessons = Lessons.of(experiment, "direct", given, place)
        thetas.append([lessons.without(given, given[row]).vector for row in (0, 1)])
    assert np.array_equal(thetas[0][0], thetas[1][0])
    assert not np.array_equal(thetas[0][1], thetas[1][1]), "the fluxes of the others do enter"


@pytest.mark.parametrize("methods", [["dpl"], pytest.param(["mdpl", "dpl"], marks=pytest.mark.slow)])
def test_networks_learn_through_surrogates_of_one_ensemble(tmp_path, methods):
    experiment = transfer(method=methods, sites=sites()[:3])
    records = read_sites(experiment)
    written = []
    for method in experiment.method:
        place = Workplace(tmp_path / method, Stopwatch(), shared=tmp_path / "ensembles")
        lessons = Lessons.of(experiment, method, records, place)
        assert isinstance(lessons.model, SurrogateLandModel) and set(lessons.regions) == {
            "SY-A",
            "SY-B",
            "SY-C",
        }
        assert isinstance(lessons.model.network, SingleTaskNetwork) == (method == "dpl")
        theta = lessons.without(records, records[0])
        experiment.space().check(theta.vector)
        kept = json.loads((tmp_path / method / "without-SY-A.json").read_text())
        assert kept["vector"] == theta.vector.tolist() and not (tmp_path / method / "without-SY-A").exists()
        inside = lessons.regions["SY-A"].position(theta.vector).inside
        assert any("outside the region" in note for note in theta.notes) == (not inside)
        written.append((tmp_path / "ensembles" / "ensemble-nested.zarr" / "zarr.json").stat().st_mtime_ns)
    assert len(set(written)) == 1


def test_parameters_outside_what_the_surrogate_was_trained_in_are_marked(tmp_path):
    space = transfer().space()
    middle = np.asarray(space.lower) + (np.asarray(space.upper) - np.asarray(space.lower)) * 0.5
    members = middle * (1.0 + 1e-3 * np.arange(4)[:, None])
    region = TrainingRegion(space, members)
    lessons = Lessons(
        transfer(), "dpl", BucketTower(), Workplace(tmp_path, Stopwatch()), (), {"SY-A": region}
    )
    assert lessons._guarded("SY-A", members[1]) == [] == lessons._guarded("SY-B", middle)
    (note,) = lessons._guarded("SY-A", np.asarray(space.upper))
    assert "lie outside the region" in note
