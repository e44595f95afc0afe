"""The file of a leaf experiment: which table or which synthetic leaves, what is learned, how it is judged.

Unknown keys and wrong values are errors, all listed at once.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from tilth.calibration.leaf import FullBatchAdam
from tilth.calibration.leaf_formulations import FORMULATIONS, NetworkChoices
from tilth.data.leaf_layout import Column, LeafLayout
from tilth.data.leaf_units import LEAF_QUANTITIES
from tilth.models.leaf import (
    AbstractTransportRatio,
    AcclimatedTransportRatio,
    ConstantTransportRatio,
    LeafModel,
)

Sizes = Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LeafColumn(_Strict):
    """A column of a table, or one a soil layer from the top, and its unit."""

    column: str | tuple[str, ...]
    unit: str


class LeafFiles(_Strict):
    """A table of leaf gas exchange; the keys are those of :class:`tilth.data.leaf_layout.LeafLayout`.

    ``files`` are paths or patterns below the data folder.
    """

    files: Annotated[tuple[str, ...], Field(min_length=1)]
    columns: dict[str, LeafColumn]
    labels: dict[Literal["location", "species", "date", "year", "day_of_year"], str]
    type_columns: Annotated[tuple[str, ...], Field(min_length=1)]
    plant_types: dict[str, str] = Field(default_factory=dict)
    omit_other_types: bool = False
    traits: tuple[str, ...] = ()
    date_format: str | None = None
    file_name: str | None = None
    pair: tuple[str, str] | None = None
    unit_row: bool = False
    constants_in_first_row: bool = False
    missing: float | None = None
    encoding: str = "utf-8"
    boundary_conductance: float = Field(default=2.84, gt=0, le=50)
    growth_temperature: float = Field(default=25.0, ge=-30, le=50)
    absorbed: float = Field(default=1.0, gt=0, le=1)

    @model_validator(mode="after")
    def _known_quantities(self) -> "LeafFiles":
        unknown = sorted(set(self.columns) - set(LEAF_QUANTITIES))
        if unknown:
            known = ", ".join(sorted(LEAF_QUANTITIES))
            raise ValueError(f"unknown quantities {unknown}: expected some of {known}")
        return self

    def layout(self) -> LeafLayout:
        """The layout for the reader."""
        settings = {name: getattr(self, name) for name in LeafFiles.model_fields if name != "files"}
        settings["columns"] = {name: Column(c.column, c.unit) for name, c in self.columns.items()}
        return LeafLayout(**settings)


class GeneratedLeaves(_Strict):
    """Leaves of the generator; see :func:`tilth.data.synthetic_leaves.synthetic_leaves`."""

    seed: int = Field(default=0, ge=0)
    points_per_type: int = Field(default=50, ge=1)
    dates_per_type: int = Field(default=10, ge=1)


class LeafLearning(_Strict):
    """Optimiser and networks; of ``restarts`` (measured experiments) the least training loss is kept."""

    learning_rate: float = Field(default=0.045, gt=0)
    iterations: int = Field(default=600, ge=1)
    decay: bool = True
    restarts: int = Field(default=5, ge=1)
    carboxylation_from: Literal["type", "species", "traits"] = "type"
    carboxylation_hidden: Sizes | None = None
    shape_hidden: Sizes = (8,)
    embedding: int = Field(default=5, ge=0)

    def method(self) -> FullBatchAdam:
        """The optimiser."""
        return FullBatchAdam(self.learning_rate, self.iterations, self.decay)

    def networks(self) -> NetworkChoices:
        """The shapes of the networks."""
        return NetworkChoices(
            self.carboxylation_from, self.carboxylation_hidden, self.shape_hidden, self.embedding
        )


class LeafPhysics(_Strict):
    """Options of the leaf model. ``transport_ratio`` is Jmax25 / Vcmax25, or acclimated."""

    transport_ratio: Literal["acclimated"] | Annotated[float, Field(gt=0, le=5)] = 1.67
    oxygen_fraction: float = Field(default=0.209, gt=0, lt=1)
    curvature_light: float = Field(default=0.999, gt=0, lt=1)
    curvature_product: float = Field(default=0.999, gt=0, lt=1)

    def model(self) -> LeafModel:
        """The leaf model."""
        ratio: AbstractTransportRatio = AcclimatedTransportRatio()
        if self.transport_ratio != "acclimated":
            ratio = ConstantTransportRatio(float(self.transport_ratio))
        return LeafModel(ratio, self.oxygen_fraction, self.curvature_light, self.curvature_product)


class LeafExperiment(_Strict):
    """A leaf experiment.

    ``kind`` synthetic: known parameters are recovered from the model's own photosynthesis with relative
    ``noise`` (of its mean), for ``runs`` draws of noise and networks; drivers from ``data``, else generated.
    Every one is also recovered without noise, with ``iterations_without_noise``: as many iterations would
    fit the noise where there is some.
    ``kind`` measured: the ``formulations`` are compared by temporal holdout and by ``folds`` of dates;
    ``hidden_sizes`` are further sizes of the network of B, ``resamples`` those of the intervals.
    """

    name: str = Field(min_length=1, pattern=r"^[\w.-]+$")
    kind: Literal["synthetic", "measured"]
    data: LeafFiles | None = None
    generated: GeneratedLeaves = GeneratedLeaves()
    formulations: Annotated[tuple[str, ...], Field(min_length=1)]
    noise: float = Field(default=0.05, ge=0, le=1)
    runs: int = Field(default=1, ge=1)
    iterations_without_noise: int = Field(default=6000, ge=1)
    folds: int = Field(default=5, ge=2)
    hidden_sizes: tuple[Sizes, ...] = ()
    resamples: int = Field(default=1000, ge=10)
    learning: LeafLearning = LeafLearning()
    model: LeafPhysics = LeafPhysics()
    seed: int = Field(default=0, ge=0, lt=2**31)

    @model_validator(mode="after")
    def _consistent(self) -> "LeafExperiment":
        if self.kind == "measured" and self.data is None:
            raise ValueError("a measured experiment needs `data`: the files and their columns")
        allowed = ("V", "V+B") if self.kind == "synthetic" else FORMULATIONS
        unknown = [name for name in self.formulations if name not in allowed]
        if unknown:
            raise ValueError(f"formulations {unknown}: a {self.kind} experiment has {', '.join(allowed)}")
        return self


def leaf_experiment(settings: Any, source: str = "the options") -> LeafExperiment:
    """A checked experiment; ``ValueError`` that lists every problem at once."""
    try:
        return LeafExperiment.model_validate(settings)
    except ValidationError as error:
        problems = [_problem(details["loc"], details["msg"]) for details in error.errors()]
        raise ValueError("\n".join([f"{len(problems)} problem(s) in {source}:", *problems])) from None


def read_leaf_experiment(path: Path) -> LeafExperiment:
    """The experiment of a YAML file, named after the file unless it has a name."""
    try:
        settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"cannot read the experiment file {path}: {error.strerror}") from None
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is not valid YAML: {error}") from None
    if not isinstance(settings, dict):
        raise ValueError(
            f"{path} must hold keys such as kind and formulations, got {type(settings).__name__}"
        )
    return leaf_experiment({"name": path.stem, **settings}, str(path))


def _problem(location: tuple[int | str, ...], message: str) -> str:
    where = " › ".join(str(part) for part in location) or "experiment"
    text = message.removeprefix("Value error, ").replace("Extra inputs are not permitted", "unknown key")
    return f"  - {where}: {text}"
