"""The file of a leaf experiment: every problem in one message."""

from pathlib import Path

import pytest

from tilth.config_leaf import leaf_experiment, read_leaf_experiment
from tilth.models.leaf import AcclimatedTransportRatio

SYNTHETIC = {"name": "s", "kind": "synthetic", "formulations": ["V"]}
EXPERIMENTS = Path(__file__).parents[1] / "experiments"


@pytest.mark.parametrize("path", sorted(EXPERIMENTS.glob("leaf_*.yaml")), ids=lambda path: path.stem)
def test_the_experiment_files_of_the_project_are_valid(path):
    experiment = read_leaf_experiment(path)
    assert experiment.name == path.stem
    if experiment.data is not None:
        experiment.data.layout()


def test_defaults_are_those_of_the_paper():
    experiment = leaf_experiment(SYNTHETIC)
    method = experiment.learning.method()
    assert (method.learning_rate, method.iterations) == (0.045, 600)
    assert experiment.learning.networks().shape_hidden == (8,)
    assert experiment.noise == 0.05
    assert experiment.folds == 5


def test_options_reach_the_model():
    experiment = leaf_experiment(
        SYNTHETIC | {"model": {"transport_ratio": "acclimated", "oxygen_fraction": 0.2}}
    )
    model = experiment.model.model()
    assert isinstance(model.transport_ratio, AcclimatedTransportRatio)
    assert model.oxygen_fraction == 0.2


def test_all_problems_are_listed_at_once():
    wrong = SYNTHETIC | {"noise": 2.0, "mood": "good", "learning": {"iterations": 0}}
    with pytest.raises(ValueError, match="3 problem") as caught:
        leaf_experiment(wrong, "bad.yaml")
    message = str(caught.value)
    for part in ("bad.yaml", "noise", "mood: unknown key", "learning › iterations"):
        assert part in message


def test_measured_experiments_need_data():
    with pytest.raises(ValueError, match="needs `data`"):
        leaf_experiment(SYNTHETIC | {"kind": "measured"})


def test_formulations_must_be_known():
    with pytest.raises(ValueError, match=r"formulations \['W'\]: a synthetic experiment has V, V\+B"):
        leaf_experiment(SYNTHETIC | {"formulations": ["W"]})


def test_quantities_must_be_known():
    data = {
        "files": ["a.csv"],
        "columns": {"mood": {"column": "m", "unit": "1"}},
        "labels": {"date": "Date"},
        "type_columns": ["PFT"],
    }
    with pytest.raises(ValueError, match=r"unknown quantities \['mood'\]"):
        leaf_experiment(SYNTHETIC | {"data": data})


def test_files_that_are_no_experiment(tmp_path):
    with pytest.raises(ValueError, match="cannot read the experiment file"):
        read_leaf_experiment(tmp_path / "nothing.yaml")
    (tmp_path / "list.yaml").write_text("- 1\n")
    with pytest.raises(ValueError, match="must hold keys such as kind"):
        read_leaf_experiment(tmp_path / "list.yaml")
    (tmp_path / "broken.yaml").write_text("a: [1\n")
    with pytest.raises(ValueError, match="is not valid YAML"):
        read_leaf_experiment(tmp_path / "broken.yaml")
