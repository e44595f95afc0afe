"""The experiment file: which sites, which method, which choices; strict, and recorded with every run.

Keys are those of the command line without the leading dashes (``utc-offset``, ``class`` …). Unknown keys and
wrong values are errors, all listed at once.
"""

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails

from tilth.data.options import SiteOptions
from tilth.data.site_classes import PLANT_CLASSES
from tilth.data.weather import CLIMATES
from tilth.parameters.space import ParameterSpace
from tilth.parameters.tables import CALIBRATED

Method = Literal["mdpl", "direct"]
METHODS: tuple[Method, ...] = ("mdpl", "direct")
"""Calibration methods."""


def _key(field: str) -> str:
    """The key of a field in files and on the command line."""
    return {"plant_class": "class", "values": "set"}.get(field, field.replace("_", "-"))


def _several(value: Any) -> Any:
    """A list of one for a single entry."""
    return [value] if isinstance(value, str) else value


def _one_of(kind: str, allowed: Iterable[str]) -> AfterValidator:
    def check(value: str) -> str:
        if value not in allowed:
            raise ValueError(f"expected a {kind} out of {', '.join(sorted(allowed))}")
        return value

    return AfterValidator(check)


def _at_least_one(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if not values:
        raise ValueError("expected at least one entry, got none")
    if len(set(map(str, values))) != len(values):
        raise ValueError("expected each entry once")
    return values


Listed = (BeforeValidator(_several), AfterValidator(_at_least_one))
"""Marks a key that takes one entry or a list of different ones."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=_key, populate_by_name=True)


class SiteChoices(_Strict):
    """What may be decided about a site instead of its files; see :class:`tilth.data.options.SiteOptions`."""

    lwdown: str | None = None
    lai: Path | None = None
    soil: str | None = None
    plant_class: str | None = None
    pathway: str | None = None
    utc_offset: float | None = None
    canopy_height: float | None = None
    reference_height: float | None = None
    irrigation: str | None = None

    @model_validator(mode="after")
    def _valid(self) -> "SiteChoices":
        self.site_options()
        return self

    def site_options(self, root: Path | None = None) -> SiteOptions:
        """The choices for the reader; a table of leaf area index is looked for under ``root``."""
        choices = {name: getattr(self, name) for name in SiteChoices.model_fields}
        if root is not None and self.lai is not None:
            choices["lai"] = root / self.lai
        return SiteOptions(**choices)


class SyntheticSite(_Strict):
    """A site of the weather generator, observed as a twin: the model at hidden parameters, with noise.

    ``noise`` is relative to that of a flux tower, ``missing_fraction`` the share of missing observations.
    ``truth`` gives parameters of the hidden run; the others are drawn within ``departure`` of the
    (logarithmic) range around the default of the class.
    """

    name: str = Field(min_length=1, pattern=r"^[\w.-]+$")
    plant_class: Annotated[str, _one_of("plant class", PLANT_CLASSES)]
    climate: Annotated[str, _one_of("climate", CLIMATES)]
    years: float = Field(default=2.0, gt=0, le=50)
    seed: int = Field(default=0, ge=0)
    noise: float = Field(default=1.0, ge=0)
    missing_fraction: float = Field(default=0.1, ge=0, lt=1)
    departure: float = Field(default=0.25, ge=0, le=1)
    truth: dict[str, float] = Field(default_factory=dict)
    latitude: float | None = Field(default=None, ge=-90, le=90)

    @model_validator(mode="after")
    def _known_truth(self) -> "SyntheticSite":
        ParameterSpace.select(tuple(self.truth))
        return self


class Site(SiteChoices):
    """One site of an experiment: measured ``files`` or a ``synthetic`` one.

    ``in_means`` is False for a site that is reported but kept out of means over sites.
    """

    files: tuple[Path, ...] = ()
    synthetic: SyntheticSite | None = None
    in_means: bool = True

    @model_validator(mode="after")
    def _one_source(self) -> "Site":
        if bool(self.files) == (self.synthetic is not None):
            raise ValueError("expected either files (Met and Flux files of one site) or synthetic")
        return self


class Sizes(_Strict):
    """Single sizes of a run in place of those of its preset, which None keeps.

    ``design`` and ``members`` of the perturbed parameter ensemble (one-at-a-time has four levels a parameter
    whatever ``members`` says); ``surrogate_*`` and ``generator_*``: layers, hidden units and epochs of the
    two networks, ``surrogate_windows`` those drawn in an epoch; ``direct_iterations``: steps of gradient
    descent through the land model.
    """

    design: Literal["one-at-a-time", "latin-hypercube", "sobol", "nested"] | None = None
    members: int | None = Field(default=None, ge=1)
    surrogate_hidden: int | None = Field(default=None, ge=1)
    surrogate_epochs: int | None = Field(default=None, ge=1)
    surrogate_windows: int | None = Field(default=None, ge=1)
    generator_hidden: int | None = Field(default=None, ge=1)
    generator_epochs: int | None = Field(default=None, ge=1)
    direct_iterations: int | None = Field(default=None, ge=1)


class Experiment(_Strict):
    """An experiment: sites, methods and the choices that both the file and the command line offer.

    ``together`` learns one rule from all sites (one generator, one surrogate) instead of one for each.
    ``bounds`` narrows the range of parameters, ``values`` (key ``set``) replaces defaults, ``sizes`` single
    sizes of the preset; ``model`` sets options of the land model by name.
    """

    name: str = Field(default="tilth", min_length=1, pattern=r"^[\w.-]+$")
    sites: Annotated[tuple[Site, ...], AfterValidator(_at_least_one)]
    method: Annotated[tuple[Method, ...], *Listed] = ("direct",)
    preset: Literal["quick", "paper"] = "quick"
    target: Literal["raw", "corrected", "closure"] = "raw"
    defaults: Literal["class", "site"] = "class"
    loss: Literal["mse", "mse-correlation", "kge"] = "mse"
    parameters: Annotated[tuple[str, ...], *Listed] = CALIBRATED
    bounds: dict[str, tuple[float, float]] = Field(default_factory=dict)
    values: dict[str, float] = Field(default_factory=dict)
    sizes: Sizes = Sizes()
    seed: int = Field(default=0, ge=0, lt=2**31)
    dtype: Literal["float64", "float32"] = "float64"
    together: bool = False
    model: dict[str, bool | int | float | str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _consistent(self) -> "Experiment":
        self.space()
        for parameter in ParameterSpace.select(tuple(self.values)).parameters:
            value = self.values[parameter.name]
            low, high = self.bounds.get(parameter.name, (parameter.lower, parameter.upper))
            if not low <= value <= high:
                raise ValueError(
                    f"{parameter.name} = {value:g} lies outside its bounds: expected a value from "
                    f"{low:g} to {high:g} {parameter.unit}"
                )
        return self

    def space(self) -> ParameterSpace:
        """The space of the calibrated parameters; ``ValueError`` for unknown names or bounds."""
        return ParameterSpace.select(self.parameters, self.bounds)

    def record(self) -> dict[str, Any]:
        """The experiment as plain values, for files."""
        return self.model_dump(mode="json", by_alias=True)


_INNER: dict[str, type[BaseModel]] = {"sites": Site, "synthetic": SyntheticSite, "sizes": Sizes}


def experiment(settings: Mapping[str, Any], source: str = "the options") -> Experiment:
    """A checked experiment; ``ValueError`` that lists every problem of ``settings`` at once."""
    try:
        return Experiment.model_validate(settings)
    except ValidationError as error:
        problems = [_problem(details) for details in error.errors()]
        counted = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        raise ValueError("\n".join([f"{counted} in {source}:", *(f"  - {p}" for p in problems)])) from None


def read_experiment(path: Path) -> Experiment:
    """The experiment of a YAML file, named after the file unless it has a name; ``ValueError`` if wrong."""
    try:
        settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not a text file"
        raise ValueError(f"cannot read the experiment file {path}: {reason}; expected a YAML file") from None
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f" at line {where.line + 1}" if where else ""
        raise ValueError(f"{path} is not valid YAML{line}: {getattr(error, 'problem', error)}") from None
    if not isinstance(settings, dict):
        raise ValueError(f"{path} must hold keys such as name, sites and method, got {_kind(settings)}")
    return experiment({"name": path.stem, **settings}, str(path))


def _problem(details: ErrorDetails) -> str:
    where = " › ".join(str(part + 1) if isinstance(part, int) else str(part) for part in details["loc"])
    given = details["input"]
    match details["type"]:
        case "extra_forbidden":
            return f"{where}: unknown key; {_expected_keys(details)}"
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


def _expected_keys(details: ErrorDetails) -> str:
    *outer, unknown = details["loc"]
    model: type[BaseModel] = Experiment
    for part in outer:
        model = _INNER.get(str(part), model)
    keys = sorted(_key(name) for name in model.model_fields)
    close = difflib.get_close_matches(str(unknown), keys, n=1)
    hint = f"did you mean {close[0]}? " if close else ""
    return f"{hint}expected some of {', '.join(keys)}"


def _kind(value: object) -> str:
    return repr(value) if isinstance(value, str | int | float | bool) else f"a {type(value).__name__}"
