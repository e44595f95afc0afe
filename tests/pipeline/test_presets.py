import dataclasses

import numpy as np
import pytest

from tilth.calibration.direct import Direct
from tilth.calibration.left_out import LeavingOut
from tilth.calibration.mdpl import Mdpl
from tilth.config_files import experiment
from tilth.data.containers import MEASURED, Observation
from tilth.data.weather import synthetic_site
from tilth.pipeline.land_model import class_defaults, further_starting_points
from tilth.pipeline.presets import SPREAD_PRIOR, calibrator, ensemble_design, surrogate_settings
from tilth.pipeline.provenance import Stopwatch, provenance, versions
from tilth.surrogates.architectures import weight_count
from tilth.surrogates.settings import SingleTaskSizes


def settings(**changes):
    return experiment({"sites": [{"files": ["a_Met.nc"]}], **changes})


@pytest.fixture(scope="module")
def record():
    return synthetic_site("S", plant_class="woodland", climate="temperate", years=0.01, seed=0)


def test_the_paper_preset_has_the_sizes_of_the_paper(record):
    paper = settings(preset="paper")
    surrogate = surrogate_settings(paper)
    assert (surrogate.sizes.shared_layers, surrogate.sizes.task_layers) == (4, 2)
    assert surrogate.sizes.shared_hidden == surrogate.sizes.task_hidden == 128
    assert (surrogate.window, surrogate.training.epochs, surrogate.training.learning_rate) == (48, 200, 0.005)
    assert surrogate.training.rate_factors["shared"] == pytest.approx(1 / 3)
    mdpl = calibrator(paper, "mdpl")
    assert isinstance(mdpl, Mdpl)
    assert (mdpl.generator.layers, mdpl.generator.hidden, mdpl.training.epochs) == (4, 128, 2000)
    assert ensemble_design(paper, [record]).shape == (1 + 12 * 4, 1, 12)


def test_quick_ensembles_fill_the_box(record):
    design = ensemble_design(settings(sizes={"members": 16}), [record])
    space = settings().space()
    space.check(design)
    assert design.shape == (16, 1, 12) and np.unique(design[:, 0, 0]).size == 16
    other = ensemble_design(settings(sizes={"members": 16, "design": "latin-hypercube"}), [record])
    assert not np.array_equal(design, other)


def test_learning_begins_with_the_canopy_of_the_site_too(record):
    low = record.replace(attributes=dataclasses.replace(record.attributes, canopy_height=3.0))
    height = settings().space().names.index("vegh")
    (found,) = further_starting_points(settings(), [low])
    default = class_defaults(settings(), low)
    assert found[0, height] == 3.0 and default[height] > 10.0
    np.testing.assert_array_equal(np.delete(found[0], height), np.delete(default, height))
    design = ensemble_design(settings(sizes={"members": 90}), [low])[30:, 0, height]
    assert len(design) == 60 and (design < 10.0).sum() > 20 and (design > 10.0).sum() > 20
    for changes in ({"defaults": "site"}, {"preset": "paper"}, {"pooling": "class"}):
        assert not len(further_starting_points(settings(**changes), [low]))
    assert not len(further_starting_points(settings(values={"vegh": 5.0}), [low]))


def test_surrogates_of_quick_know_what_guards_where_it_is_measured(record):
    sun = record.forcing["shortwave_down"]
    measured = record.replace(observations={"Rnet": Observation(0.7 * sun, np.full(len(sun), MEASURED))})

    def tasks(*records, **changes):
        return surrogate_settings(settings(**changes), "dpl", records).tasks

    assert tasks(record) == ("Qle", "Qh")
    assert tasks(record, measured) == ("Qle", "Qh", "Rnet")
    assert tasks(measured, preset="paper") == ("Qle", "Qh")


def test_sizes_of_an_experiment_replace_those_of_the_preset():
    own = settings(sizes={"surrogate-hidden": 9, "surrogate-epochs": 3, "generator-hidden": 5})
    surrogate = surrogate_settings(own)
    assert surrogate.sizes.task_hidden == 9 and surrogate.training.epochs == 3
    assert calibrator(own, "mdpl").generator.hidden == 5


def test_pooling_decides_what_direct_moves():
    own, shared, network = (
        calibrator(settings(pooling=pooling), "direct") for pooling in ("site", "class", "network")
    )
    assert isinstance(own, Direct) and own.generator is None and not own.shared
    assert shared.generator is None and shared.shared
    assert network.generator is not None and network.generator.sees_fluxes and not network.shared


def test_a_generator_sees_fluxes_only_where_it_may():
    blind = settings(pooling="network", **{"generator-sees-fluxes": False})
    for method in ("direct", "mdpl", "dpl"):
        assert calibrator(blind, method).generator.read(("Qle", "Qh")) == ()


def test_a_network_for_sites_never_seen_leaves_sites_out():
    sites = [{"files": [f"{name}_Met.nc"]} for name in "abc"]
    blind = {"pooling": "network", "generator-sees-fluxes": False}
    for method in ("mdpl", "dpl"):
        rule = calibrator(settings(sites=sites, **blind), method)
        assert isinstance(rule, LeavingOut)
        assert rule.method.spread_prior == SPREAD_PRIOR and rule.method.relative
        assert not rule.method.choosing
        assert isinstance(calibrator(settings(sites=sites, pooling="network"), method), Mdpl)


def test_the_single_task_surrogate_differs_in_its_network_only():
    many, one = surrogate_settings(settings()), surrogate_settings(settings(), "dpl")
    assert isinstance(one.sizes, SingleTaskSizes) and one.training.rate_factors == {}
    assert dataclasses.replace(one, sizes=many.sizes, training=many.training) == many
    weights = [weight_count(each.sizes, 47, 2) for each in (many, one)]
    assert abs(weights[1] / weights[0] - 1.0) < 0.02
    printed = surrogate_settings(settings(preset="paper"), "dpl")
    assert printed.sizes == SingleTaskSizes(6, 190)
    own = settings(preset="paper", sizes={"surrogate-matched": True, "surrogate-memory": True})
    assert surrogate_settings(own).antecedent and surrogate_settings(own, "dpl").sizes.hidden < 190
    free = settings(sizes={"surrogate-matched": False, "surrogate-hidden": 7})
    assert surrogate_settings(free, "dpl").sizes == SingleTaskSizes(3, 7)


def test_provenance_names_software_choices_and_time():
    stopwatch = Stopwatch()
    for _ in range(2):
        with stopwatch.stage("read"):
            pass
    facts = provenance("calibrate", settings(seed=3), stopwatch)
    assert facts["seed"] == 3 and facts["dtype"] == "float64" and facts["options"]["target"] == "raw"
    assert facts["seconds"].keys() == {"read"} and facts["created"].startswith("20")
    assert {"tilth", "jax", "python", "commit"} <= versions().keys()
