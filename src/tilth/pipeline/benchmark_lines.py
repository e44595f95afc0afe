"""The lines of a benchmark: finished runs, files of other models, and benchmarks trained here."""

import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import jax
import numpy as np

from tilth.config_kinds import Benchmark
from tilth.data.containers import SiteRecord
from tilth.evaluation.benchmark_tables import FLUXES, Line
from tilth.evaluation.benchmarks import CLUSTERS, series_trained_on
from tilth.evaluation.flux_equilibrium import equilibrium_series
from tilth.evaluation.lstm import LstmSettings, lstm_series
from tilth.evaluation.model_files import model_series
from tilth.evaluation.simulation_file import Simulation
from tilth.report.contents import RunContents

AT_TOWER, ELSEWHERE, NOT_TRAINED = "at the tower", "elsewhere", "not trained"
"""Where a line was trained."""
DEFAULT_NAMES = {"default": "default", "default_site": "default of the site"}
"""Names of the runs of the land model with default parameters."""
REGRESSIONS = ("1lin", "3km27")
SITE_MARK = "{site}"
"""Stands for the name of the site in the pattern of a model's files."""


def run_lines(record: SiteRecord, runs: Sequence[RunContents]) -> list[Line]:
    """The default and calibrated runs of the record's site; one default of each kind, the first found.

    Raises ``ValueError`` where a run is not on the clock of the record or a method occurs twice.
    """
    lines: dict[str, Line] = {}
    for run in runs:
        if run.site != record.attributes.name:
            continue
        require_same_clock(record, run.simulation, run.folder)
        for name, outputs in run.simulation.runs.items():
            series = {flux: outputs[flux] for flux in FLUXES if flux in outputs}
            if name in DEFAULT_NAMES:
                label = DEFAULT_NAMES[name]
                lines.setdefault(label, Line(label, NOT_TRAINED, series))
                continue
            label = str(run.facts["method"])
            if label in lines:
                raise ValueError(
                    f"{record.attributes.name} was calibrated by {label} in more than one of the folders of "
                    f"runs, {run.folder} is the second: give each method at a site once"
                )
            lines[label] = Line(label, AT_TOWER, series, ours=True)
    return list(lines.values())


def require_same_clock(record: SiteRecord, simulation: Simulation, folder: Path) -> None:
    """``ValueError`` where a simulation is not at the very steps of the record."""
    if not np.array_equal(simulation.time, record.time.astype(simulation.time.dtype)):
        raise ValueError(
            f"{folder} simulates {simulation.site} in {len(simulation.time)} steps from "
            f"{simulation.time[0]}, the files hold {len(record.time)} from {record.time[0]}: expected one "
            "record; give the files and the choices for the site that the run had"
        )


def file_lines(record: SiteRecord, models: Mapping[str, str], root: Path | None) -> list[Line]:
    """The land models whose files the experiment names; a model without a file for this site has no line."""
    lines = []
    for model, pattern in models.items():
        path = Path(pattern.replace(SITE_MARK, record.attributes.name))
        path = path if root is None else root / path
        if path.is_file():
            lines.append(Line(model, NOT_TRAINED, model_series(path, record)))
    return lines


def trained_lines(
    experiment: Benchmark,
    records: Sequence[SiteRecord],
    calibration: Mapping[str, np.ndarray],
    folder: Path,
    progress: Callable[[int, int, str], None] | None,
) -> dict[str, list[Line]]:
    """The benchmarks that are trained here, by site; what ``folder`` holds is not trained again.

    At the tower they learn from the mask ``calibration[site]``, elsewhere from the whole records of all other
    towers. A line that cannot be trained is left out.
    """
    wanted = [name for name in experiment.benchmarks if name != "sfe"]
    total = 2 * len(records)
    found: dict[str, list[Line]] = {record.attributes.name: [] for record in records}
    folder.mkdir(parents=True, exist_ok=True)
    for number, record in enumerate(records):
        site = record.attributes.name
        others = [(one, np.ones(len(one.time), bool)) for one in records if one is not record]
        choices = {AT_TOWER: [(record, calibration[site])], ELSEWHERE: others}
        for place, (trained, training) in enumerate(choices.items()):
            if progress is not None:
                progress(2 * number + place, total, f"benchmarks {trained}: {site}")
            for name in wanted:
                if enough(training):
                    path = folder / f"{site}-{name}-{place}.npz"
                    series = _kept(path, name, experiment, record, training, trained)
                    found[site].append(Line(name, trained, series))
    return found


def enough(training: Sequence[tuple[SiteRecord, np.ndarray]]) -> bool:
    """Whether every flux has the steps that the regressions need."""
    for name in FLUXES:
        scored = [int((one.scored(name) & mask).sum()) for one, mask in training if name in one.observations]
        if sum(scored) < 10 * CLUSTERS:
            return False
    return True


def equilibrium_lines(record: SiteRecord) -> tuple[list[Line], str | None]:
    """The line of surface flux equilibrium, or why there is none."""
    try:
        return [Line("sfe", NOT_TRAINED, equilibrium_series(record))], None
    except ValueError as reason:
        return [], f"{reason}."


def _kept(
    path: Path,
    name: str,
    experiment: Benchmark,
    record: SiteRecord,
    training: Sequence[tuple[SiteRecord, np.ndarray]],
    trained: str,
) -> dict[str, np.ndarray]:
    """The series of a benchmark, trained unless an interrupted run has kept them."""
    if not path.exists():
        series = _trained(name, experiment, record, training, trained)
        partial = path.with_suffix(".part.npz")
        np.savez(partial, series=np.stack([series[flux] for flux in FLUXES]))
        partial.rename(path)
    with np.load(path) as kept:
        return dict(zip(FLUXES, kept["series"], strict=True))


def _trained(
    name: str,
    experiment: Benchmark,
    record: SiteRecord,
    training: Sequence[tuple[SiteRecord, np.ndarray]],
    trained: str,
) -> dict[str, np.ndarray]:
    if name in REGRESSIONS:
        return series_trained_on(record, training, FLUXES, seed=experiment.seed, benchmarks=[name])[name]
    word = f"{record.attributes.name} {trained}"
    key = jax.random.fold_in(jax.random.key(experiment.seed), zlib.crc32(word.encode()))
    settings = LstmSettings(
        hidden=experiment.lstm_hidden, epochs=experiment.lstm_epochs, windows=experiment.lstm_windows
    )
    return lstm_series([record], training, settings, key=key)[0]
