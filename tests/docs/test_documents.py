"""What the documents promise is so: code runs, keys exist, links and commands are real."""

import ast
import re
from pathlib import Path

import pytest

import tilth
from tilth.config import Experiment, Site, Sizes, SyntheticSite
from tilth.config_files import read_experiment
from tilth.config_kinds import KINDS
from tilth.config_leaf import read_leaf_experiment
from tilth.parameters.tables import CALIBRATED
from tilth.surrogates.architectures import size_matched, weight_count
from tilth.surrogates.features import feature_count
from tilth.surrogates.settings import PRESETS, SINGLE_TASK

REPOSITORY = Path(__file__).parents[2]
DOCUMENTS = REPOSITORY / "docs"


def code_blocks(path: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", path.read_text(), flags=re.DOTALL | re.MULTILINE)


def keys_of_table(heading: str) -> set[str]:
    text = (DOCUMENTS / "reference" / "experiment_file.md").read_text()
    section = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", text, flags=re.DOTALL | re.MULTILINE)
    rows = [line for line in section[1].splitlines() if line.startswith("| `")]
    return {key for row in rows for key in re.findall(r"`([^`]+)`", row.split("|")[1])}


@pytest.mark.parametrize(
    ("heading", "model"),
    [
        ("Keys", Experiment),
        ("Keys of a site", Site),
        ("Keys of a synthetic site", SyntheticSite),
        ("Keys of sizes", Sizes),
    ],
)
def test_every_key_of_an_experiment_is_documented_and_no_other(heading, model):
    known = {field.alias or name for name, field in model.model_fields.items()}
    assert keys_of_table(heading) == known


@pytest.mark.parametrize(
    ("heading", "kind"),
    [
        ("Keys of a sensitivity analysis", "sensitivity"),
        ("Keys of a transfer", "transfer"),
        ("Keys of a benchmark", "benchmark"),
        ("Keys of unseen-flux", "unseen-flux"),
        ("Keys of a surrogate audit", "surrogate-audit"),
    ],
)
def test_the_own_keys_of_every_kind_are_documented_and_no_other(heading, kind):
    own = KINDS[kind].model_fields.keys() - Experiment.model_fields.keys()
    assert keys_of_table(heading) == {KINDS[kind].model_fields[name].alias or name for name in own}


def test_the_printed_numbers_of_weights_are_those_of_the_networks():
    text = (DOCUMENTS / "surrogates.md").read_text()
    printed = [int(row.split("|")[3]) for row in text.splitlines() if re.search(r"\| \d+ \|$", row)]
    counted = []
    for name in ("paper", "quick"):
        settings, single = PRESETS[name], SINGLE_TASK[name]
        features = feature_count(settings) + len(CALIBRATED)
        matched = size_matched(single, settings.sizes, features, len(settings.tasks))
        sizes = [settings.sizes, single, matched] if name == "paper" else [settings.sizes, matched]
        counted += [weight_count(each, features, len(settings.tasks)) for each in sizes]
        assert f"{matched.layers} × {matched.hidden} |" in text
    assert printed == counted


def test_the_tutorial_runs():
    program = "\n".join(code_blocks(DOCUMENTS / "tutorial.md"))
    exec(compile(program, "docs/tutorial.md", "exec"), {"__name__": "tutorial"})


def test_the_program_of_the_readme_takes_a_dozen_lines():
    (program,) = code_blocks(REPOSITORY / "README.md")
    assert len([line for line in program.splitlines() if line.strip()]) <= 14
    for node in ast.walk(ast.parse(program)):
        if isinstance(node, ast.ImportFrom):
            module = __import__(node.module, fromlist=[alias.name for alias in node.names])
            assert all(hasattr(module, alias.name) for alias in node.names)


@pytest.mark.parametrize("path", sorted((REPOSITORY / "experiments").glob("*.yaml")), ids=lambda p: p.name)
def test_every_experiment_file_is_valid_and_names_no_machine(path):
    read = read_leaf_experiment if path.name.startswith("leaf_") else read_experiment
    read(path)
    assert not re.search(r"(^|[\s\[\"'])/\w", path.read_text())


def test_the_public_names_are_documented():
    text = (DOCUMENTS / "reference" / "python.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert set(re.findall(r"`(\w+)`", "".join(rows))) == set(tilth.__all__) - {"__version__"}


def test_the_readme_opens_with_the_two_commands():
    first = re.search(r"```\n(.*?)```", (REPOSITORY / "README.md").read_text(), flags=re.DOTALL)
    assert first[1].split("\n")[:2] == ["make demo", "make test"]


def test_documented_exit_codes_are_those_of_the_command():
    from tilth import cli

    codes = re.findall(
        r"^\| (\d+) \|", (DOCUMENTS / "reference" / "exit_codes.md").read_text(), flags=re.MULTILINE
    )
    assert {int(code) for code in codes} == {
        0,
        cli.UNEXPECTED,
        cli.WRONG_INPUT,
        cli.NUMERICAL_FAILURE,
        cli.INTERRUPTED,
    }
