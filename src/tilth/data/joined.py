"""Any number of Met and Flux files of one site, joined on one clock in the units of the package."""

import dataclasses
import itertools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from tilth.data.containers import MISSING, Finding
from tilth.data.gaps import NEW_SEGMENT
from tilth.data.quality import quality_classes
from tilth.data.ranges import FLUX_NAMES, FORCING_OF, MET_NAMES, OBSERVED
from tilth.data.tower_file import TowerFile, read_tower_file
from tilth.data.units import conversion, recognised

FLUXES = ("Qle", "Qh")
SAME_PLACE = 0.1
"""Files whose coordinates differ by more are of different sites [degrees]."""
QUALITY_OF = {"Qle_cor": "Qle", "Qh_cor": "Qh", "GPP": "NEE"}
"""The flux whose flags a derived flux shares where it has none of its own."""


@dataclasses.dataclass(frozen=True, eq=False)
class JoinedTower:
    """A site's files on one clock, before anything is screened or filled.

    ``met`` and ``flux`` are by ALMA name in the units of the package, NaN where there is nothing; ``quality``
    holds the classes of both. ``segment`` counts stretches of a regular clock.
    """

    name: str
    time: np.ndarray
    step: float
    segment: np.ndarray
    met: Mapping[str, np.ndarray]
    flux: Mapping[str, np.ndarray]
    quality: Mapping[str, np.ndarray]
    scalars: Mapping[str, float]
    scalar_sources: Mapping[str, str]
    igbp: str
    attributes: Mapping[str, str]
    findings: Sequence[Finding]
    files: Mapping[str, str]

    def get(self, name: str) -> np.ndarray:
        """A series by ALMA name, all NaN where the files do not have it."""
        if name in self.met:
            return self.met[name]
        return self.flux.get(name, np.full(len(self.time), np.nan))


def _one_site(files: Sequence[TowerFile]) -> str:
    """The site's name; refuses files of different sites."""
    names = {file.site for file in files}
    if len(names) > 1:
        listed = ", ".join(f"{file.path.name} ({file.site})" for file in files)
        raise ValueError(f"expected files of one site, got {listed}: give the files of one site at a time")
    for name in ("latitude", "longitude"):
        values = {file.path.name: file.scalars[name] for file in files if name in file.scalars}
        if values and max(values.values()) - min(values.values()) > SAME_PLACE:
            raise ValueError(
                f"expected files of one site, got different {name}s "
                f"({', '.join(f'{key}: {value:.2f}' for key, value in values.items())}): check the files"
            )
    return names.pop()


def _one_step(files: Sequence[TowerFile]) -> float:
    """The common length of a time step [s]; refuses clocks that do not fit each other."""
    steps = {file.step for file in files}
    if len(steps) > 1:
        listed = ", ".join(f"{file.path.name} ({file.step / 60:g} min)" for file in files)
        raise ValueError(f"expected one length of time step, got {listed}: aggregate the finer files")
    step = steps.pop()
    for file in files[1:]:
        if (file.time[0] - files[0].time[0]) / np.timedelta64(1, "s") % step:
            raise ValueError(
                f"expected clocks that fit each other, got steps from {files[0].time[0]} in "
                f"{files[0].path.name} and from {file.time[0]} in {file.path.name}: shift one of them"
            )
    return step


def _in_order(files: Sequence[TowerFile], kind: str, names: Sequence[str]) -> list[TowerFile]:
    """Files sorted by time; refuses two that hold the same variables of one kind at the same time."""
    ordered = sorted(files, key=lambda file: file.time[0])
    for before, after in itertools.combinations(ordered, 2):
        shared = [name for name in names if name in before.values and name in after.values]
        if shared and after.time[0] <= before.time[-1]:
            raise ValueError(
                f"expected {kind} files that follow each other, got {before.path.name} and {after.path.name} "
                f"that both have {shared[0]} at {after.time[0]}: give one of them"
            )
    return ordered


def _clock(met: Sequence[TowerFile], flux: Sequence[TowerFile], step: float) -> tuple[np.ndarray, np.ndarray]:
    """Start of each step and segment: the time of the Met files within that of the Flux files."""
    seconds = np.unique(np.concatenate([file.time for file in met]))
    if flux:
        inside = np.zeros(len(seconds), dtype=bool)
        for file in flux:
            inside |= (seconds >= file.time[0]) & (seconds <= file.time[-1])
        if not inside.any():
            raise ValueError(
                "expected Met and Flux files that overlap in time, got Met "
                f"{met[0].time[0]} to {met[-1].time[-1]} and Flux {flux[0].time[0]} to {flux[-1].time[-1]}: "
                "give files of the same years"
            )
        seconds = seconds[inside]
    apart = np.diff(seconds) / np.timedelta64(1, "s")
    edges = np.concatenate(([0], np.flatnonzero(apart > NEW_SEGMENT) + 1, [len(seconds)]))
    width = np.timedelta64(int(step), "s")
    pieces = [
        np.arange(seconds[first], seconds[last - 1] + width, width)
        for first, last in itertools.pairwise(edges)
    ]
    segment = np.concatenate([np.full(len(piece), index) for index, piece in enumerate(pieces)])
    return np.concatenate(pieces), segment


def _place(time: np.ndarray, file: TowerFile, values: np.ndarray, into: np.ndarray) -> None:
    """Write a file's values into a series on the joint clock."""
    position = np.searchsorted(time, file.time)
    inside = position < len(time)
    inside[inside] = time[position[inside]] == file.time[inside]
    into[position[inside]] = values[inside]


def _base(name: str) -> str:
    """The variable whose unit an uncertainty has."""
    return name.removesuffix("_uc")


def _joined_series(
    time: np.ndarray, files: Sequence[TowerFile], name: str, report: Callable[[str, str, str], None]
) -> tuple[np.ndarray, np.ndarray]:
    """One variable of all files on the joint clock in the unit of the package, and its quality classes."""
    values, quality = np.full(len(time), np.nan), np.full(len(time), MISSING, dtype=np.int8)
    for file in files:
        if name not in file.values:
            continue
        factor, offset = conversion(_base(name), file.units[name])
        series = file.values[name] * factor + offset
        series, unit = recognised(name, series, file.step)
        if unit is not None:
            report(
                "warning",
                "units",
                f"{name} of {file.path.name} says {file.units[name]} and holds {unit}: converted",
            )
        flags = file.flags.get(name, file.flags.get(QUALITY_OF.get(name, "")))
        classes = quality_classes(series, flags, file.attributes.get("QC_flag_descriptions", ""))
        _place(time, file, series, values)
        _place(time, file, classes, quality)
    return values, quality


def _units_problems(files: Sequence[TowerFile]) -> None:
    """Refuses unknown units, all listed at once."""
    problems = []
    for file in files:
        for name in file.values:
            try:
                conversion(_base(name), file.units[name])
            except ValueError as error:
                problems.append(f"{file.path.name}: {error}")
    if problems:
        raise ValueError("; ".join(problems))


def _scalars(
    files: Sequence[TowerFile], report: Callable[[str, str, str], None]
) -> tuple[dict[str, float], dict[str, str]]:
    """Facts of the site, the first file that has one counting; conflicts are reported."""
    values: dict[str, float] = {}
    sources: dict[str, str] = {}
    for file in files:
        for name, value in file.scalars.items():
            key = name.removesuffix("_v")
            if key not in values:
                values[key], sources[key] = value, file.path.name
            elif abs(values[key] - value) > 0.05 * max(abs(values[key]), 1.0):
                report(
                    "warning",
                    "attributes",
                    f"{key} is {values[key]:g} in {sources[key]} and {value:g} in {file.path.name}: "
                    "the first is used",
                )
    return values, sources


def _report_clock(
    met: Sequence[TowerFile], flux: Sequence[TowerFile], time: np.ndarray, segment: np.ndarray,
    report: Callable[[str, str, str], None],
) -> None:  # fmt: skip
    """Findings on what was dropped and where the record is cut into segments."""
    total = sum(len(file.time) for file in met)
    present = sum(int(np.isin(file.time, time).sum()) for file in met)
    if flux and present < total:
        report(
            "info",
            "time",
            f"{total - present} of {total} steps of the Met files lie outside the Flux files: dropped",
        )
    if len(time) > present:
        report(
            "warning",
            "time",
            f"{len(time) - present} steps are left out of the clock of the files: filled as gaps",
        )
    for number in range(1, int(segment[-1]) + 1):
        start, before = time[segment == number][0], time[segment == number - 1][-1]
        report("info", "time", f"nothing from {before} to {start}: the state is spun up again")


def join(files: Sequence[TowerFile]) -> JoinedTower:
    """The files of one site on one clock; refuses files that do not belong together."""
    findings: list[Finding] = []

    def report(level: str, topic: str, message: str) -> None:
        findings.append(Finding(level, topic, message))

    name = _one_site(files)
    step = _one_step(files)
    met = _in_order([file for file in files if file.has(tuple(FORCING_OF))], "Met", MET_NAMES)
    flux = _in_order([file for file in files if file.has(OBSERVED)], "Flux", OBSERVED)
    if not met:
        raise ValueError(
            f"{name}: expected a Met file (SWdown, Tair, …), got only "
            f"{', '.join(file.path.name for file in files)}: add the Met file of the site"
        )
    _units_problems(files)
    time, segment = _clock(met, flux, step)
    series: dict[str, dict[str, np.ndarray]] = {"met": {}, "flux": {}}
    quality: dict[str, np.ndarray] = {}
    for kind, names, sources in (("met", MET_NAMES, met), ("flux", FLUX_NAMES, flux)):
        for variable in names:
            if any(variable in file.values for file in sources):
                series[kind][variable], quality[variable] = _joined_series(time, sources, variable, report)
    ordered = [*met, *(file for file in flux if file not in met)]
    scalars, scalar_sources = _scalars(ordered, report)
    _report_clock(met, flux, time, segment, report)
    return JoinedTower(
        name=name,
        time=time,
        step=step,
        segment=segment,
        met=series["met"],
        flux=series["flux"],
        quality=quality,
        scalars=scalars,
        scalar_sources=scalar_sources,
        igbp=next((file.igbp for file in ordered if file.igbp), ""),
        attributes={key: value for file in reversed(ordered) for key, value in file.attributes.items()},
        findings=tuple(findings),
        files={file.path.name: file.checksum for file in ordered},
    )


def read_joined(paths: Sequence[Path]) -> JoinedTower:
    """The files at ``paths``, read and joined; refuses an empty list and a file given twice."""
    if not paths:
        raise ValueError("expected Met and Flux files of one site, got none: name at least a Met file")
    resolved = [path.resolve() for path in paths]
    if len(set(resolved)) < len(resolved):
        raise ValueError("expected each file once, got one of them twice: name each file once")
    return join([read_tower_file(path) for path in paths])
