"""What was installed is whole: metadata, licence, data files, type marker, command."""

import importlib.metadata
import re
import tomllib
from importlib import resources
from pathlib import Path

import tilth

REPOSITORY = Path(__file__).parents[2]
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]


def test_version_is_that_of_the_project():
    assert importlib.metadata.version("tilth") == PROJECT["version"] == tilth.__version__


def test_licence_is_declared_and_shipped():
    assert importlib.metadata.metadata("tilth")["License-Expression"] == "Apache-2.0"
    names = [file.name for file in importlib.metadata.files("tilth") or ()]
    assert "LICENSE" in names


def test_every_data_file_of_the_source_is_installed():
    installed = resources.files("tilth")
    for file in (REPOSITORY / "src" / "tilth").rglob("*"):
        if file.is_file() and file.suffix not in (".py", ".pyc"):
            assert installed.joinpath(*file.relative_to(REPOSITORY / "src" / "tilth").parts).is_file(), file


def test_the_command_points_to_the_command_line():
    (command,) = [e for e in importlib.metadata.entry_points(group="console_scripts") if e.name == "tilth"]
    assert command.value == "tilth.cli:main"


def test_every_dependency_is_bounded_on_both_ends():
    for group in (PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()):
        for requirement in group:
            assert ">=" in requirement and "<" in requirement, requirement


def test_constraints_are_exact_and_name_no_index():
    lines = (REPOSITORY / "constraints.txt").read_text().splitlines()
    entries = [line for line in lines if not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+]+", entry) for entry in entries)


def test_constraints_name_every_dependency():
    def normal(name: str) -> str:
        return re.sub(r"[-_.]+", "-", name).lower()

    exact = {
        normal(line.partition("==")[0]) for line in (REPOSITORY / "constraints.txt").read_text().splitlines()
    }
    for group in (PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()):
        for requirement in group:
            assert normal(re.split(r"[\[<>=]", requirement)[0]) in exact, requirement


def test_the_citation_names_the_present_version():
    assert f"version: {PROJECT['version']}\n" in (REPOSITORY / "CITATION.cff").read_text()


def test_the_changelog_has_the_present_version():
    assert f"## {PROJECT['version']}" in (REPOSITORY / "CHANGELOG.md").read_text()
