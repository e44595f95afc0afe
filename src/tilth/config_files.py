"""Reading experiment files: each kind of experiment is a model, and everything wrong is said at once."""

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from tilth.config import Experiment, Site, Sizes, SyntheticSite, key_of
from tilth.config_kinds import KINDS

_INNER: dict[str, type[BaseModel]] = {"sites": Site, "synthetic": SyntheticSite, "sizes": Sizes}


def experiment(settings: Mapping[str, Any], source: str = "the options") -> Experiment:
    """A checked experiment; ``ValueError`` that lists every problem of ``settings`` at once."""
    kind = str(settings.get("kind", "calibration"))
    if kind not in KINDS:
        raise ValueError(f"unknown kind of experiment {kind!r} in {source}: expected {', '.join(KINDS)}")
    try:
        return KINDS[kind].model_validate(settings)
    except ValidationError as error:
        problems = [_problem(details, KINDS[kind]) for details in error.errors()]
        counted = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        raise ValueError("\n".join([f"{counted} in {source}:", *(f"  - {p}" for p in problems)])) from None


def read_experiment(path: Path) -> Experiment:
    """The experiment of a YAML file, named after the file unless it has a name; ``ValueError`` if wrong.

    ``sites``, or an item of it, may name a file that holds a list of sites, relative to the experiment's.
    """
    settings = _read_yaml(path, "experiment")
    if not isinstance(settings, dict):
        raise ValueError(f"{path} must hold keys such as name, sites and method, got {_kind(settings)}")
    if isinstance(settings.get("sites"), str | list):
        settings["sites"] = _all_sites(settings["sites"], path.parent)
    return experiment({"name": path.stem, **settings}, str(path))


def _read_yaml(path: Path, what: str) -> Any:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not a text file"
        raise ValueError(f"cannot read the {what} file {path}: {reason}; expected a YAML file") from None
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f" at line {where.line + 1}" if where else ""
        raise ValueError(f"{path} is not valid YAML{line}: {getattr(error, 'problem', error)}") from None


def _all_sites(given: str | list[Any], folder: Path) -> list[Any]:
    """The sites with files of sites put in the place of their names."""
    sites = []
    for item in [given] if isinstance(given, str) else given:
        if not isinstance(item, str):
            sites.append(item)
            continue
        listed = _read_yaml(folder / item, "sites")
        if not isinstance(listed, list):
            raise ValueError(f"{folder / item} must hold a list of sites, got {_kind(listed)}")
        sites += listed
    return sites


def _problem(details: ErrorDetails, model: type[BaseModel]) -> str:
    where = " › ".join(str(part + 1) if isinstance(part, int) else str(part) for part in details["loc"])
    given = details["input"]
    match details["type"]:
        case "extra_forbidden":
            return f"{where}: unknown key; {_expected_keys(details, model)}"
        case "missing":
            return f"{where}: missing; give it a value"
        case "literal_error":
            return f"{where}: expected {details['ctx']['expected']}, got {given!r}"
        case "value_error":
            message = str(details["ctx"]["error"])
            shown = f", got {given!r}" if isinstance(given, str | int | float) else ""
            return f"{where}: {message}{shown}" if where else message
        case _:
            text = details["msg"].replace("Input should be", "expected").split(",")[0]
            return f"{where or 'experiment'}: {text}, got {_kind(given)}"


def _expected_keys(details: ErrorDetails, model: type[BaseModel]) -> str:
    *outer, unknown = details["loc"]
    for part in outer:
        model = _INNER.get(str(part), model)
    keys = sorted(key_of(name) for name in model.model_fields)
    close = difflib.get_close_matches(str(unknown), keys, n=1)
    hint = f"did you mean {close[0]}? " if close else ""
    return f"{hint}expected some of {', '.join(keys)}"


def _kind(value: object) -> str:
    return repr(value) if isinstance(value, str | int | float | bool) else f"a {type(value).__name__}"
