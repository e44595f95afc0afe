"""The kinds of experiments beyond a calibration: the keys that each has besides those of all."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from tilth.config import Design, Experiment, Listed
from tilth.parameters.space import ParameterSpace

Paths = Annotated[tuple[Path, ...], *Listed]
"""One path or several different ones."""
Analysis = Literal["one-at-a-time", "morris", "sobol", "gradient"]
Network = Literal["multitask", "single-task"]


def _power_of_two(value: int) -> int:
    if value & (value - 1):
        raise ValueError("expected a power of two (2, 4, 8, 16 …), which Sobol sequences are balanced at")
    return value


class SensitivityExperiment(Experiment):
    """What each parameter does to the fluxes, by several methods.

    ``analyses`` are the methods, ``years`` the length of the part of each record that they are run on,
    ``trajectories`` the number of Morris trajectories and ``samples`` that of base samples of the Sobol
    indices.
    """

    kind: Literal["sensitivity"] = "sensitivity"
    analyses: Annotated[tuple[Analysis, ...], *Listed] = ("one-at-a-time", "morris", "sobol", "gradient")
    years: float = Field(default=1.0, gt=0, le=50)
    trajectories: int = Field(default=10, ge=2)
    samples: Annotated[int, AfterValidator(_power_of_two)] = Field(default=32, ge=2)


class Transfer(Experiment):
    """Leave-one-site-out: what parameters learned at the other sites do at each site.

    ``runs`` are folders of finished runs or experiments whose learned parameters are taken for the sites that
    they have, relative to the folder that holds this one's. ``at_default`` parameters are not averaged over a
    class but keep the default of the site (Xie et al. 2025, section 2.4.3).
    """

    kind: Literal["transfer"] = "transfer"
    runs: Paths = ()
    at_default: tuple[str, ...] = ("vegh", "vgcov")
    generator_sees_fluxes: bool = False

    @model_validator(mode="after")
    def _possible(self) -> "Transfer":
        ParameterSpace.select(self.at_default)
        if self.generator_sees_fluxes:
            raise ValueError(
                "generator-sees-fluxes: expected false, since the fluxes of a site that is left out count as "
                "not known"
            )
        if self.pooling != "site":
            raise ValueError(
                f"pooling: expected site, got {self.pooling}: a transfer has its own rules, the mean of a "
                "class and the network"
            )
        if self.verify:
            raise ValueError(
                "verify: expected false, since one surrogate serves all sites and networks of a transfer; "
                "verify it in a calibration and name its folder in runs"
            )
        if len(self.sites) < 3:
            raise ValueError(
                f"expected at least three sites, so that two are left to learn from, got {len(self.sites)}"
            )
        return self


class Benchmark(Experiment):
    """Calibrated runs beside other land models and empirical benchmarks, from half-hours to years.

    ``runs`` are folders of finished runs or experiments, relative to the folder that holds this one's.
    ``models`` are files of other land models by name, with ``{site}`` for the name of a site; ``published``
    tables of their published scores by name: all relative to the data root.
    ``benchmarks`` are computed here; ``lstm_*`` are the size of the LSTM.
    """

    kind: Literal["benchmark"] = "benchmark"
    runs: Paths
    models: dict[str, str] = Field(default_factory=dict)
    published: dict[str, Path] = Field(default_factory=dict)
    benchmarks: Annotated[tuple[Literal["1lin", "3km27", "lstm", "sfe"], ...], *Listed] = (
        "1lin",
        "3km27",
        "lstm",
        "sfe",
    )
    lstm_hidden: int = Field(default=48, ge=1)
    lstm_epochs: int = Field(default=12, ge=1)
    lstm_windows: int = Field(default=4096, ge=1)


class UnseenFlux(Experiment):
    """Fluxes that no calibration has seen, before and after, from finished runs.

    ``runs`` are folders of finished runs or experiments, relative to the folder that holds this one's.
    """

    kind: Literal["unseen-flux"] = "unseen-flux"
    runs: Paths


class SurrogateAudit(Experiment):
    """How far surrogates are from the land model, and what that does to a calibration through them.

    At each site, or with ``pooling: network`` for all of them at once, a surrogate of each of ``networks`` is
    trained on an ensemble of each of ``designs``. ``audit_members`` joint perturbations over the box, and as
    many around what was learned through the surrogate, are what it is compared with.
    """

    kind: Literal["surrogate-audit"] = "surrogate-audit"
    designs: Annotated[tuple[Design, ...], *Listed] = ("one-at-a-time", "nested")
    networks: Annotated[tuple[Network, ...], *Listed] = ("multitask", "single-task")
    audit_members: int = Field(default=100, ge=3)

    @model_validator(mode="after")
    def _possible(self) -> "SurrogateAudit":
        if self.pooling not in ("site", "network"):
            raise ValueError(
                f"pooling: expected site or network, got {self.pooling}: an audit is of the "
                "surrogates of each site, or of those of all sites at once"
            )
        return self


KINDS: dict[str, type[Experiment]] = {
    "calibration": Experiment,
    "sensitivity": SensitivityExperiment,
    "transfer": Transfer,
    "benchmark": Benchmark,
    "unseen-flux": UnseenFlux,
    "surrogate-audit": SurrogateAudit,
}
"""The model of each kind of experiment, by the key ``kind`` of its file."""
