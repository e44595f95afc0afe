"""The experiment file: which sites, which method, which choices; strict, and recorded with every run.

Keys are those of the command line without the leading dashes (``utc-offset``, ``class`` …). Unknown keys and
wrong values are errors, all listed at once.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from tilth.data.options import SiteOptions
from tilth.data.site_classes import PLANT_CLASSES
from tilth.data.weather import CLIMATES
from tilth.parameters.seasonal import seasonal_names
from tilth.parameters.space import ParameterSpace
from tilth.parameters.tables import CALIBRATED, SOIL_WATER, parameter_table

Method = Literal["mdpl", "dpl", "direct"]
METHODS: tuple[Method, ...] = ("mdpl", "dpl", "direct")
"""Calibration methods: through the multi-task surrogate, the single-task one, and the land model itself."""
Pooling = Literal["site", "mean", "class", "network"]
"""What sites share of what is learned."""
Design = Literal["one-at-a-time", "latin-hypercube", "sobol", "nested"]
"""Designs of perturbed parameter ensembles."""


def key_of(field: str) -> str:
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
    return _once(values)


def _once(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(set(map(str, values))) != len(values):
        raise ValueError("expected each entry once")
    return values


Listed = (BeforeValidator(_several), AfterValidator(_at_least_one))
"""Marks a key that takes one entry or a list of different ones."""


def _named_groups(value: Any) -> Any:
    """The names behind ``calibrated``, ``surface`` and ``all``."""
    everything = tuple(parameter_table())
    surface = tuple(name for name in everything if name not in SOIL_WATER)
    groups = {"calibrated": CALIBRATED, "surface": surface, "all": everything}
    if isinstance(value, list | tuple) and len(value) == 1:
        return groups.get(value[0], value)
    return value


Parameters = Annotated[tuple[str, ...], BeforeValidator(_named_groups), *Listed]
"""Names of parameters, or one of ``calibrated`` (the 12 of Xie et al. 2025), ``all`` that the table has, and
``surface``, all but those of the flow of water in the soil."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=key_of, populate_by_name=True)


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
    two networks, ``surrogate_windows`` those drawn in an epoch; ``surrogate_memory``: whether the surrogate
    sees what came before a window; ``surrogate_matched``: whether the hidden size of the single-task network
    is that which gives it as many weights as the multi-task one has; ``direct_iterations``: steps of gradient
    descent through the land model.
    """

    design: Design | None = None
    members: int | None = Field(default=None, ge=1)
    surrogate_hidden: int | None = Field(default=None, ge=1)
    surrogate_epochs: int | None = Field(default=None, ge=1)
    surrogate_windows: int | None = Field(default=None, ge=1)
    surrogate_memory: bool | None = None
    surrogate_matched: bool | None = None
    generator_hidden: int | None = Field(default=None, ge=1)
    generator_epochs: int | None = Field(default=None, ge=1)
    direct_iterations: int | None = Field(default=None, ge=1)


class Experiment(_Strict):
    """An experiment: sites, methods and the choices that both the file and the command line offer.

    ``kind`` is what is asked: a calibration, or one of :mod:`tilth.config_kinds`.
    ``pooling`` is what sites share: nothing (site: parameters of their own), the mean of what was learned at
    each site of the class (mean), one set learned from all sites of the class (class), or one generator
    trained at all sites (network). ``generator_sees_fluxes``: whether generators read observed fluxes
    beside forcing and attributes.
    ``parameters`` that are learned are names, or one of the groups of :data:`Parameters`.
    Parameters named in ``seasonal`` vary over the year (:mod:`tilth.parameters.seasonal`).
    ``bounds`` narrows the range of parameters, ``values`` (key ``set``) replaces defaults, ``sizes`` single
    sizes of the preset; ``model`` sets options of the land model by name. ``verify`` adds members of the
    ensemble around what was learned through a surrogate, and goes on training, until its audit passes there;
    None leaves it to the preset.
    ``peers`` is a table of scores of other models, relative to the data root, to be shown beside those of
    the runs.
    """

    kind: str = "calibration"
    name: str = Field(default="tilth", min_length=1, pattern=r"^[\w.-]+$")
    sites: Annotated[tuple[Site, ...], AfterValidator(_at_least_one)]
    method: Annotated[tuple[Method, ...], *Listed] = ("direct",)
    preset: Literal["quick", "paper"] = "quick"
    target: Literal["raw", "corrected", "closure"] = "raw"
    defaults: Literal["class", "site"] = "class"
    loss: Literal["mse", "mse-correlation", "kge"] = "mse"
    parameters: Parameters = CALIBRATED
    bounds: dict[str, tuple[float, float]] = Field(default_factory=dict)
    values: dict[str, float] = Field(default_factory=dict)
    sizes: Sizes = Sizes()
    seed: int = Field(default=0, ge=0, lt=2**31)
    dtype: Literal["float64", "float32"] = "float64"
    pooling: Pooling = "site"
    generator_sees_fluxes: bool = True
    seasonal: Annotated[tuple[str, ...], BeforeValidator(_several), AfterValidator(_once)] = ()
    seasonal_by: Literal["day-of-year", "lai"] = "day-of-year"
    verify: bool | None = None
    model: dict[str, bool | int | float | str] = Field(default_factory=dict)
    peers: Path | None = None

    @model_validator(mode="after")
    def _consistent(self) -> "Experiment":
        self._check_seasonal()
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
        """The space of the calibrated parameters, amplitudes of those that vary over the year last.

        Raises ``ValueError`` for unknown names or bounds.
        """
        names = (*self.parameters, *seasonal_names(self.seasonal, self.seasonal_by))
        return ParameterSpace.select(tuple(dict.fromkeys(names)), self.bounds)

    def _check_seasonal(self) -> None:
        amplitudes = seasonal_names(self.seasonal, self.seasonal_by)
        for name in (*self.parameters, *self.bounds, *self.values):
            if "." in name and (name in self.parameters or name not in amplitudes):
                raise ValueError(f"{name}: expected a parameter of the table; name what varies in seasonal")
        possible = [name for name in self.parameters if name in CALIBRATED]
        unknown = [name for name in self.seasonal if name not in possible]
        if unknown:
            raise ValueError(
                f"{', '.join(unknown)} cannot vary over the year here: expected calibrated parameters of the "
                f"vegetation, some of {', '.join(possible) or 'none'}"
            )

    def record(self) -> dict[str, Any]:
        """The experiment as plain values, for files."""
        return self.model_dump(mode="json", by_alias=True)
