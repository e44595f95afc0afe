"""The report of a site's files: structured for machines, in lines that fit one screen for people."""

import dataclasses
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tilth.data.containers import Finding
from tilth.data.joined import FLUXES

LEVELS = ("error", "warning", "info")
SCALE = {
    "Qair": (1e3, "g kg-1"),
    "Precip": (3600.0, "mm h-1"),
    "CO2air": (1e6, "ppm"),
    "Psurf": (1e-2, "hPa"),
}
"""Factor and unit that a variable is shown in where its own reads badly."""


@dataclasses.dataclass(frozen=True)
class VariableReport:
    """One variable of a site: shares of its quality classes [%], range, values dropped, longest run [h]."""

    name: str
    unit: str
    measured: float
    filled: float
    unknown: float
    missing: float
    low: float
    mean: float
    high: float
    dropped: int
    longest_run_hours: float


@dataclasses.dataclass(frozen=True, eq=False)
class SiteReport:
    """What is known of a site from its files; ``refused`` says why the reader would not take them."""

    site: str
    files: Sequence[Mapping[str, Any]]
    facts: Mapping[str, Any]
    variables: Sequence[VariableReport]
    clock: Mapping[str, Any]
    energy: Mapping[str, Any]
    water: Mapping[str, Any]
    gaps: Mapping[str, Any]
    sources: Mapping[str, str]
    findings: Sequence[Finding]
    refused: str | None

    def to_dict(self) -> dict[str, Any]:
        """The report as plain lists, numbers and texts; what is not a number becomes None."""
        return {name: _plain(value) for name, value in dataclasses.asdict(self).items()}

    def sections(self) -> list[tuple[str, list[str]]]:
        """Titles and lines of the report, for a screen."""
        sections = [("Site", self._site_lines())]
        if self.variables:
            sections.append(("Variables", self._variable_lines()))
            sections.append(("Balances", self._balance_lines()))
        sections.append(("Findings", self._finding_lines()))
        return sections

    def lines(self, width: int = 110, height: int = 45) -> list[str]:
        """The report on one screen: findings that do not fit are counted in the last line."""
        shown: list[str] = []
        for title, lines in self.sections():
            shown.append(title)
            for line in lines:
                shown.extend(_wrapped(line, width))
        if len(shown) <= height:
            return shown
        left = len(shown) - height + 1
        return [*shown[: height - 1], f"  … and {left} more lines: --json lists everything"]

    def _site_lines(self) -> list[str]:
        lines = [
            f"{file['name']}: {file['start']} to {file['end']}, {file['steps']} × {file['minutes']:g} min"
            for file in self.files
            if "steps" in file
        ]
        facts = "; ".join(f"{name} {value}" for name, value in self.facts.items())
        return [line for line in (self.site, *lines, facts) if line]

    def _variable_lines(self) -> list[str]:
        header = (
            f"{'':8}{'unit':>14}{'measured':>9}{'filled':>8}{'no flag':>8}{'missing':>8}"
            f"{'min':>9}{'mean':>9}{'max':>9}{'dropped':>8}{'run [h]':>8}"
        )
        return [header, *(_variable_line(variable) for variable in self.variables)]

    def _balance_lines(self) -> list[str]:
        lines = []
        if self.clock:
            lines.append(
                f"clock: UTC{self.clock['offset']:+g} by the sun (estimate {self.clock['estimate']:+.2f} h)"
                if self.clock["confident"]
                else "clock: the sun cannot tell the offset from UTC"
            )
        if "ratio" in self.energy:
            ground = "Qg measured" if self.energy["ground_measured"] else "Qg taken as 0.1 Rnet"
            lines.append(
                f"energy: (Qle + Qh) / (Rnet - Qg) = {self.energy['ratio']:.2f}, "
                f"slope {self.energy['slope']:.2f}, n = {self.energy['n']}, {ground}; "
                f"½ RMS of the residual {self.energy['half_rms']:.0f} W m-2"
            )
        if self.water:
            lines.append(
                f"water: evaporation {self.water['evaporation']:.0f} mm a-1 (n = {self.water['n']}), "
                f"rain {self.water['rain']:.0f} mm a-1 (n = {self.water['rain_n']})"
            )
        if self.gaps:
            lines.append(
                f"reader: forcing filled in {self.gaps['filled']:.1f} % of the steps, "
                f"{self.gaps['masked']:.1f} % masked, {self.gaps['segments']} segment(s); scored: "
                + (
                    ", ".join(f"{k} {v:.0f} %" for k, v in self.gaps["scored"].items() if k in FLUXES)
                    or "nothing"
                )
            )
        return lines

    def _finding_lines(self) -> list[str]:
        ordered = sorted(self.findings, key=lambda finding: LEVELS.index(finding.level))
        return [f"{finding.level}: {finding.message}" for finding in ordered] or ["nothing suspicious"]


def _wrapped(line: str, width: int) -> list[str]:
    """A line of the report, broken where it is longer than the screen is wide."""
    if len(line) <= width - 2:
        return [f"  {line}"]
    return textwrap.wrap(line, width, initial_indent="  ", subsequent_indent="      ", break_on_hyphens=False)


def _variable_line(variable: VariableReport) -> str:
    factor, unit = SCALE.get(variable.name, (1.0, variable.unit))
    numbers = "".join(f"{value * factor:>9.4g}" for value in (variable.low, variable.mean, variable.high))
    shares = "".join(
        f"{share:>{width}.0f}"
        for share, width in zip(
            (variable.measured, variable.filled, variable.unknown, variable.missing),
            (9, 8, 8, 8),
            strict=True,
        )
    )
    return (
        f"{variable.name:8}{unit:>14}{shares}{numbers}{variable.dropped:>8}{variable.longest_run_hours:>8.3g}"
    )


def _plain(value: Any) -> Any:
    """A value that JSON can hold."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value
