from pathlib import Path

import pytest
import yaml

from tilth.config import Experiment
from tilth.config_files import experiment, read_experiment
from tilth.parameters.tables import CALIBRATED, SOIL_WATER, parameter_table

FILES = {"files": ["a_Met.nc", "a_Flux.nc"]}


def test_a_site_is_enough():
    settings = experiment({"sites": [FILES]})
    assert settings.method == ("direct",) and settings.space().names == CALIBRATED
    assert settings.target == "raw" and settings.defaults == "class" and settings.dtype == "float64"


def test_keys_are_those_of_the_command_line():
    site = {**FILES, "utc-offset": 9.5, "class": "grassland", "lwdown": "brutsaert", "canopy-height": 0.5}
    options = experiment({"sites": [site]}).sites[0].site_options()
    assert (options.utc_offset, options.plant_class, options.canopy_height) == (9.5, "grassland", 0.5)


def test_a_record_of_an_experiment_gives_it_back():
    settings = experiment(
        {"sites": [FILES], "method": "mdpl", "bounds": {"vegh": [1, 9]}, "set": {"vegh": 2}}
    )
    assert Experiment.model_validate(settings.record()) == settings


def test_groups_of_parameters_have_names():
    everything = experiment({"sites": [FILES], "parameters": "all"})
    assert everything.space().names == tuple(parameter_table()) and len(everything.space().names) > 30
    assert experiment({"sites": [FILES], "parameters": ["calibrated"]}).space().names == CALIBRATED
    surface = experiment({"sites": [FILES], "parameters": "surface"}).space().names
    assert set(everything.space().names) - set(surface) == set(SOIL_WATER)
    assert Experiment.model_validate(everything.record()) == everything


def test_sizes_that_are_not_given_are_those_of_the_preset():
    sizes = experiment({"sites": [FILES], "sizes": {"members": 7, "generator-epochs": 3}}).sizes
    assert (sizes.members, sizes.generator_epochs, sizes.surrogate_epochs) == (7, 3, None)


def test_every_problem_is_listed_at_once():
    settings = {
        "sites": [
            {**FILES, "lwdwn": "x"},
            {"synthetic": {"name": "S", "class": "moss", "climate": "temperate"}},
        ],
        "method": "magic",
        "seed": "many",
        "sed": 1,
    }
    with pytest.raises(ValueError) as caught:
        experiment(settings, "e.yaml")
    message = str(caught.value)
    assert message.startswith("5 problems in e.yaml:")
    assert "sites › 1 › lwdwn: unknown key; did you mean lwdown? expected some of" in message
    assert "synthetic › class: expected a plant class out of cultivation" in message and "'moss'" in message
    assert "method › 1: expected 'mdpl', 'dpl' or 'direct', got 'magic'" in message
    assert "seed: expected a valid integer, got 'many'" in message
    assert "sed: unknown key; did you mean seed?" in message


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sites": [FILES], "seasonal": ["soil_b"]}, "soil_b cannot vary over the year here"),
        ({"sites": [FILES], "seasonal": ["vmax0"], "parameters": ["gradm"]}, "some of gradm"),
        ({"sites": [FILES], "parameters": ["vmax0.lai_slope"]}, "name what varies in seasonal"),
        ({"sites": [FILES], "set": {"vmax0.lai_slope": 1.0}}, "name what varies in seasonal"),
        ({"sites": [FILES], "pooling": "country"}, "expected 'site', 'mean', 'class' or 'network'"),
        ({}, "sites: missing; give it a value"),
        ({"sites": []}, "sites: expected at least one entry"),
        ({"sites": [{}]}, "expected either files .* or synthetic"),
        ({"sites": [{**FILES, "class": "moss"}]}, "plant_class must be one of"),
        ({"sites": [{**FILES, "utc-offset": 9.3}]}, "multiple of half an hour"),
        ({"sites": [FILES], "method": []}, "method: expected at least one entry"),
        ({"sites": [FILES], "method": ["mdpl", "mdpl"]}, "method: expected each entry once"),
        ({"sites": [FILES], "parameters": ["vegh", "height"]}, r"unknown parameters \['height'\]"),
        ({"sites": [FILES], "bounds": {"vegh": [0, 100]}}, "bounds of vegh must lie inside"),
        (
            {"sites": [FILES], "set": {"vegh": 99}},
            "vegh = 99 lies outside its bounds",
        ),
        ({"sites": [FILES], "set": {"height": 9}}, "unknown parameters"),
        (
            {"sites": [FILES], "sizes": {"members": 0}},
            "sizes › members: expected greater than",
        ),
        ({"sites": [FILES], "sizes": {"neurons": 3}}, "sizes › neurons: unknown key; expected some of"),
        ({"sites": [FILES], "name": "a/b"}, "name: .* got 'a/b'"),
    ],
)
def test_wrong_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        experiment(settings)


def test_an_unknown_truth_is_refused():
    synthetic = {"name": "S", "class": "woodland", "climate": "temperate", "truth": {"height": 1}}
    with pytest.raises(ValueError, match="unknown parameters"):
        experiment({"sites": [{"synthetic": synthetic}]})


def test_files_are_read_and_named(tmp_path):
    path = tmp_path / "tower.yaml"
    path.write_text(yaml.safe_dump({"sites": [FILES]}))
    assert read_experiment(path).name == "tower"


def test_files_of_sites_stand_for_their_sites(tmp_path):
    (tmp_path / "both.yaml").write_text("- files: [a_Met.nc]\n- files: [b_Met.nc]\n")
    path = tmp_path / "experiment.yaml"
    path.write_text("sites: both.yaml\n")
    assert [site.files[0].name for site in read_experiment(path).sites] == ["a_Met.nc", "b_Met.nc"]
    path.write_text("sites: [both.yaml, {files: [c_Met.nc]}]\n")
    assert [site.files[0].name[0] for site in read_experiment(path).sites] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("listed", "message"),
    [("files: [a_Met.nc]\n", "must hold a list of sites, got a dict"), (None, "cannot read the sites file")],
)
def test_wrong_files_of_sites_are_refused(tmp_path, listed, message):
    if listed is not None:
        (tmp_path / "sites.yaml").write_text(listed)
    path = tmp_path / "experiment.yaml"
    path.write_text("sites: sites.yaml\n")
    with pytest.raises(ValueError, match=message):
        read_experiment(path)


def test_the_experiments_of_the_project_are_valid():
    folder = Path(__file__).parents[1] / "experiments"
    assert read_experiment(folder / "quick.yaml").method == ("direct", "mdpl")
    towers = read_experiment(folder / "seven_towers.yaml")
    assert [site.in_means for site in towers.sites] == [True] * 7 + [False] * 5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sites: [", "not valid YAML at line"),
        ("just words", "must hold keys such as name"),
        (None, "cannot read"),
    ],
)
def test_unreadable_files_are_refused(tmp_path, text, message):
    path = tmp_path / "tower.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_experiment(path)


def test_parameters_that_vary_over_the_year_bring_their_amplitudes():
    chosen = {"sites": [FILES], "parameters": ["rlfn", "vmax0"], "seasonal": "vmax0"}
    assert experiment(chosen).space().names == ("rlfn", "vmax0", "vmax0.seasonal_cos", "vmax0.seasonal_sin")
    by_leaf_area = experiment({**chosen, "seasonal-by": "lai", "bounds": {"vmax0.lai_slope": [-1, 0.5]}})
    assert by_leaf_area.space().names[-1] == "vmax0.lai_slope" and by_leaf_area.space().upper[-1] == 0.5
    assert Experiment.model_validate(by_leaf_area.record()) == by_leaf_area
