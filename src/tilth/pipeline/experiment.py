"""Whole experiments: all sites and methods of an experiment file, one folder, resumable."""

import dataclasses
import functools
import shutil
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from tilth.config import Experiment, Method
from tilth.data.containers import SiteRecord
from tilth.evaluation.facts import write_facts
from tilth.evaluation.parameter_spread import parameter_spread
from tilth.evaluation.peers import PeerScores
from tilth.evaluation.tables import write_table
from tilth.pipeline.calibrate import calibrated, require_observations
from tilth.pipeline.compiled_code import forget_old_code
from tilth.pipeline.costs import cost_rows
from tilth.pipeline.folder import FINISHED, RunFolder
from tilth.pipeline.outcome import write_outcome
from tilth.pipeline.peers import peer_scores
from tilth.pipeline.presets import THROUGH_SURROGATE
from tilth.pipeline.progress import Progress, titled
from tilth.pipeline.provenance import Stopwatch, provenance
from tilth.pipeline.side_by_side import ALONE, Processes, side_by_side
from tilth.pipeline.sites import read_sites
from tilth.pipeline.workplace import Workplace
from tilth.report.contents import SITES, read_run, site_folders
from tilth.report.html import write_report
from tilth.report.overview import summary_of

TABLES = ("scores.csv", "parameters.csv")


@dataclasses.dataclass(frozen=True)
class Part:
    """One calibration of an experiment: a method at one site, or at those that share what is learned.

    Parts of the same ``ensemble`` learn from the same runs of the land model. ``title`` is for the progress.
    """

    method: Method
    records: Sequence[SiteRecord]
    name: str
    ensemble: str
    title: str = ""


def run_experiment(
    experiment: Experiment,
    folder: Path,
    *,
    root: Path | None = None,
    resume: bool = False,
    force: bool = False,
    progress: Progress | None = None,
    processes: Processes = ALONE,
) -> Path:
    """Runs all parts of an experiment that are not finished yet and writes the folder.

    Below ``sites/`` there is a folder for each site and method; the tables of all are joined above. Parts
    that were finished before an interruption are kept with ``resume``. With several ``processes`` parts that
    share no ensemble run side by side; seconds are then sums over processes. Raises as
    :func:`tilth.pipeline.calibrate.calibrate`.
    """
    stopwatch = Stopwatch()
    with stopwatch.stage("read"):
        records = read_sites(experiment, root)
        peers = peer_scores(experiment, root)
    require_observations(records)
    with RunFolder(folder, experiment.record(), resume=resume, force=force) as run_folder:
        parts = parts_of(experiment, records)
        named = zip(experiment.sites, records, strict=True)
        kept_out = [record.attributes.name for site, record in named if not site.in_means]
        finished = run_folder.checkpoints / "finished"
        work = functools.partial(
            _run_together, experiment=experiment, checkpoints=run_folder.checkpoints, peers=peers
        )
        for own in side_by_side(work, _together(parts, finished), processes, progress):
            stopwatch.add(own)
        run_folder.commit(
            lambda partial: _gather(
                partial, experiment, parts, finished, kept_out=kept_out, stopwatch=stopwatch
            )
        )
        for left in (finished, run_folder.checkpoints / "parts", run_folder.checkpoints / "ensembles"):
            shutil.rmtree(left, ignore_errors=True)
    return folder


def parts_of(experiment: Experiment, records: Sequence[SiteRecord]) -> list[Part]:
    """The calibrations of an experiment, in order."""
    if experiment.pooling == "network":
        return [Part(method, records, method, "network") for method in experiment.method]
    if experiment.pooling in ("mean", "class"):
        classes = dict.fromkeys(record.attributes.plant_class for record in records)
        return [
            Part(method, [r for r in records if r.attributes.plant_class == name], f"{name}-{method}", name)
            for name in classes
            for method in experiment.method
        ]
    return [
        Part(method, [record], f"{record.attributes.name}-{method}", record.attributes.name)
        for record in records
        for method in experiment.method
    ]


def _together(parts: Sequence[Part], finished: Path) -> list[list[Part]]:
    """The parts that are not finished, those that share an ensemble together."""
    groups: dict[str, list[Part]] = {}
    for number, part in enumerate(parts):
        if not (finished / part.name).is_dir():
            title = f"{number + 1}/{len(parts)} {part.name}"
            through = part.method in THROUGH_SURROGATE
            key = part.ensemble if through else f"{part.ensemble}, {part.name} alone"
            groups.setdefault(key, []).append(dataclasses.replace(part, title=title))
    return list(groups.values())


def _run_together(
    parts: Sequence[Part],
    progress: Progress | None,
    *,
    experiment: Experiment,
    checkpoints: Path,
    peers: PeerScores | None,
) -> Stopwatch:
    """Runs parts that share an ensemble, which is removed after them, and returns the time taken."""
    stopwatch = Stopwatch()
    shared = checkpoints / "ensembles" / parts[0].ensemble
    for part in parts:
        stopwatch.add(_run_part(experiment, part, checkpoints, shared, titled(progress, part.title), peers))
    if parts[0].method in THROUGH_SURROGATE:
        shutil.rmtree(shared, ignore_errors=True)
    return stopwatch


def _run_part(
    experiment: Experiment,
    part: Part,
    checkpoints: Path,
    shared: Path,
    progress: Progress | None,
    peers: PeerScores | None,
) -> Stopwatch:
    """Runs one part and leaves its site folders below ``finished``, whole or not at all."""
    forget_old_code()
    own, finished = Stopwatch(), checkpoints / "finished"
    place = Workplace(checkpoints / part.name, own, progress, shared)
    outcomes = calibrated(experiment, part.method, part.records, place, peers=peers)
    partial = checkpoints / "parts" / part.name
    shutil.rmtree(partial, ignore_errors=True)
    facts = provenance("run", experiment, own)
    for outcome in outcomes:
        site = partial / f"{outcome.record.attributes.name}-{part.method}"
        site.mkdir(parents=True)
        write_outcome(site, outcome, facts)
    finished.mkdir(parents=True, exist_ok=True)
    partial.rename(finished / part.name)
    shutil.rmtree(checkpoints / part.name, ignore_errors=True)
    return own


def _gather(
    partial: Path,
    experiment: Experiment,
    parts: Sequence[Part],
    finished: Path,
    *,
    kept_out: Sequence[str],
    stopwatch: Stopwatch,
) -> None:
    """The folder of an experiment from those of its parts."""
    for part in parts:
        shutil.copytree(finished / part.name, partial / SITES, dirs_exist_ok=True)
    for name in TABLES:
        tables = [pd.read_csv(path) for path in sorted((partial / SITES).glob(f"*/{name}"))]
        write_table(partial / name, pd.concat(tables, ignore_index=True))
    costs = [
        cost_rows(experiment, part.method, part.name, part.records, finished / part.name) for part in parts
    ]
    write_table(partial / "costs.csv", pd.concat(costs, ignore_index=True))
    runs = [read_run(path) for path in site_folders(partial)]
    write_table(partial / "summary.csv", summary_of(runs, kept_out))
    write_table(partial / "parameter_spread.csv", parameter_spread(pd.read_csv(partial / "parameters.csv")))
    facts = provenance("run", experiment, stopwatch)
    notes = [f"Reported but kept out of means: {', '.join(kept_out)}."] if kept_out else []
    write_facts(
        partial / FINISHED,
        {**facts, "name": experiment.name, "notes": notes, "kept_out_of_means": list(kept_out)},
    )
    write_report(partial)
