"""What is in a site's files, everything suspicious about it, and what the reader would make of it.

:func:`inspect_site` never refuses: what :func:`tilth.data.plumber2.read_site` refuses becomes an error in the
report, beside all that can be said of the files.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tilth.data.balance import closure, energy_by_year, water
from tilth.data.clock import audit_clock
from tilth.data.containers import FILLED, MEASURED, MISSING, UNKNOWN, Finding, SiteRecord
from tilth.data.diagnostics import diagnose
from tilth.data.joined import JoinedTower, join
from tilth.data.options import SiteOptions
from tilth.data.plumber2 import DEFAULT_OPTIONS, record_of
from tilth.data.ranges import FORCING_OF, OBSERVED, physical_ranges
from tilth.data.runs import longest_run
from tilth.data.screening import flux_series, forcing_series
from tilth.data.site_report import SiteReport, VariableReport
from tilth.data.tower_file import TowerFile, read_tower_file

SHOWN = (*FORCING_OF, "CO2air", "LAI", *OBSERVED)
"""Variables in the order of the report."""


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
