"""What is in a site's files, everything suspicious about it, and what the reader would make of it.

:func:`inspect_site` never refuses: what :func:`tilth.data.plumber2.read_site` refuses becomes an error in the
report, beside all that can be said of the files.
"""

import dataclasses
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tilth.data.balance import closure, energy_by_year, water
from tilth.data.clock import audit_clock
from tilth.data.containers import FILLED, MEASURED, MISSING, UNKNOWN, Finding, SiteRecord
from tilth.data.diagnostics import diagnose
from tilth.data.joined import FLUXES, JoinedTower, join
from tilth.data.options import SiteOptions
from tilth.data.plumber2 import DEFAULT_OPTIONS, record_of
from tilth.data.ranges import FORCING_OF, OBSERVED, physical_ranges
from tilth.data.runs import longest_run
from tilth.data.screening import flux_series, forcing_series
from tilth.data.tower_file import TowerFile, read_tower_file

LEVELS = ("error", "warning", "info")
SCALE = {
    "Qair": (1e3, "g kg-1"),
    "Precip": (3600.0, "mm h-1"),
    "CO2air": (1e6, "ppm"),
    "Psurf": (1e-2, "hPa"),
}
"""Factor and unit that a variable is shown in where its own reads badly."""
SHOWN = (*FORCING_OF, "CO2air", "LAI", *OBSERVED)


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


def _variable(tower: JoinedTower, name: str, kept: np.ndarray) -> VariableReport:
    """The report of one variable."""
    values, quality = tower.get(name), tower.quality[name]
    finite = values[np.isfinite(values)]
    run = longest_run(values, ignore_zero=name in ("Precip", "SWdown", "GPP"))
    shares = {cls: 100.0 * float(np.mean(quality == cls)) for cls in (MEASURED, FILLED, UNKNOWN, MISSING)}
    return VariableReport(
        name=name,
        unit=physical_ranges()[name].unit,
        measured=shares[MEASURED],
        filled=shares[FILLED],
        unknown=shares[UNKNOWN],
        missing=shares[MISSING],
        low=float(finite.min()) if finite.size else float("nan"),
        mean=float(finite.mean()) if finite.size else float("nan"),
        high=float(finite.max()) if finite.size else float("nan"),
        dropped=int((np.isfinite(values) & ~np.isfinite(kept)).sum()),
        longest_run_hours=run.length * tower.step / 3600.0,
    )


def _variables(tower: JoinedTower) -> list[VariableReport]:
    """The report of every variable there is."""
    flux, _ = flux_series(tower)
    kept = {**forcing_series(tower), **flux}
    return [
        _variable(tower, name, kept.get(name, tower.get(name)))
        for name in SHOWN
        if name in tower.met or name in tower.flux
    ]


def _facts(tower: JoinedTower) -> dict[str, Any]:
    """The facts of a site as its files state them."""
    facts: dict[str, Any] = {name: round(value, 3) for name, value in tower.scalars.items()}
    facts["IGBP"] = tower.igbp or "none"
    facts["step"] = f"{tower.step / 60:g} min"
    facts["segments"] = int(tower.segment[-1]) + 1
    return facts


def _file_facts(file: TowerFile) -> dict[str, Any]:
    """The facts of one file."""
    return {
        "name": file.path.name,
        "sha256": file.checksum,
        "site": file.site,
        "start": str(file.time[0])[:16],
        "end": str(file.time[-1])[:16],
        "steps": len(file.time),
        "minutes": file.step / 60.0,
        "variables": sorted(file.values),
    }


def _clock_facts(tower: JoinedTower) -> dict[str, Any]:
    """The audit of the clock."""
    shortwave = forcing_series(tower).get("SWdown")
    if shortwave is None or not {"latitude", "longitude"} <= set(tower.scalars):
        return {}
    audit = audit_clock(
        tower.time,
        shortwave,
        tower.step,
        latitude=tower.scalars["latitude"],
        longitude=tower.scalars["longitude"],
    )
    return dataclasses.asdict(audit)


def _energy_facts(tower: JoinedTower) -> dict[str, Any]:
    """Closure, and flux beside radiation by year."""
    closed = closure(tower)
    facts: dict[str, Any] = dataclasses.asdict(closed) if closed is not None else {}
    facts["years"] = [dataclasses.asdict(year) for year in energy_by_year(tower)]
    return facts


def _gap_facts(record: SiteRecord) -> dict[str, Any]:
    """What the reader filled and masked."""
    return {
        "filled": 100.0 * float(np.mean(~record.forcing_in_range)),
        "masked": 100.0 * float(np.mean(~record.usable)),
        "segments": int(record.segment[-1]) + 1,
        "scored": {name: 100.0 * float(record.scored(name).mean()) for name in record.observations},
    }


def _nothing(site: str, files: Sequence[Mapping[str, Any]], problems: Sequence[str]) -> SiteReport:
    """The report of files that cannot be joined."""
    return SiteReport(
        site=site,
        files=files,
        facts={},
        variables=(),
        clock={},
        energy={},
        water={},
        gaps={},
        sources={},
        findings=tuple(Finding("error", "files", problem) for problem in problems),
        refused=problems[0],
    )


def inspect_site(files: Sequence[Path], options: SiteOptions = DEFAULT_OPTIONS) -> SiteReport:
    """What is in a site's Met and Flux files and what is suspicious, also where the reader refuses them."""
    opened: list[TowerFile] = []
    problems: list[str] = []
    for file in files:
        try:
            opened.append(read_tower_file(Path(file)))
        except ValueError as error:
            problems.append(str(error))
    facts = [_file_facts(file) for file in opened]
    site = opened[0].site if opened else "none"
    if problems or not opened:
        return _nothing(site, facts, problems or ["expected Met and Flux files of one site, got none"])
    try:
        tower = join(opened)
    except ValueError as error:
        return _nothing(site, facts, [str(error)])
    record, refused = None, None
    try:
        record = record_of(tower, options)
        findings = list(record.findings)
    except ValueError as error:
        refused = str(error)
        findings = [
            Finding("error", "reader", refused),
            *tower.findings,
            *flux_series(tower)[1],
            *diagnose(tower),
        ]
    rain_and_evaporation = water(tower)
    return SiteReport(
        site=tower.name,
        files=facts,
        facts=_facts(tower),
        variables=_variables(tower),
        clock=_clock_facts(tower),
        energy=_energy_facts(tower),
        water=dataclasses.asdict(rain_and_evaporation) if rain_and_evaporation else {},
        gaps=_gap_facts(record) if record else {},
        sources=dict(record.sources) if record else {},
        findings=tuple(findings),
        refused=refused,
    )
