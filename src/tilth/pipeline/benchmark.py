"""The benchmark experiment: calibrated runs beside other land models and empirical benchmarks."""

from pathlib import Path

import numpy as np
import pandas as pd

from tilth.config_kinds import Benchmark
from tilth.data.containers import SiteRecord
from tilth.evaluation.benchmark_tables import (
    BENCHMARK_COLUMNS,
    WITH_ENERGY,
    Line,
    gains_over,
    line_scores,
    means_over_towers,
)
from tilth.evaluation.facts import write_facts
from tilth.evaluation.published import peer_score_rows, published_rows
from tilth.evaluation.tables import write_table
from tilth.observations.splits import split_record
from tilth.pipeline.benchmark_lines import (
    equilibrium_lines,
    file_lines,
    run_lines,
    trained_lines,
)
from tilth.pipeline.calibrate import require_observations
from tilth.pipeline.finished_runs import finished_runs
from tilth.pipeline.folder import FINISHED, RunFolder
from tilth.pipeline.peers import peer_scores
from tilth.pipeline.progress import Progress
from tilth.pipeline.provenance import Stopwatch, provenance
from tilth.pipeline.sites import read_sites
from tilth.report.html import write_report


def run_benchmark(
    experiment: Benchmark,
    folder: Path,
    *,
    root: Path | None = None,
    resume: bool = False,
    force: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Scores every line at every site and writes the folder; trained benchmarks are kept for ``resume``.

    Raises ``ValueError`` for wrong input: a run that is not finished or has another record, a model file
    without the fluxes, a table without its columns.
    """
    stopwatch = Stopwatch()
    with stopwatch.stage("read"):
        runs = finished_runs(experiment.runs, folder.parent)
        records = read_sites(experiment, root)
        require_observations(records)
        lines = {record.attributes.name: run_lines(record, runs) for record in records}
        for record in records:
            lines[record.attributes.name] += file_lines(record, experiment.models, root)
        published = _published(experiment, records, root)
    notes = _notes(experiment, lines)
    with RunFolder(folder, experiment.record(), resume=resume, force=force) as run_folder:
        splits = {record.attributes.name: _splits(record) for record in records}
        with stopwatch.stage("benchmarks"):
            calibration = {site: parts["calibration"] for site, parts in splits.items()}
            kept = run_folder.checkpoints / "benchmarks"
            for site, found in trained_lines(experiment, records, calibration, kept, progress).items():
                lines[site] += found
        with stopwatch.stage("scores"):
            tables = [published]
            for record in records:
                site = record.attributes.name
                equilibrium, reason = (
                    equilibrium_lines(record) if "sfe" in experiment.benchmarks else ([], None)
                )
                notes += [reason] if reason else []
                lines[site] += equilibrium
                tables.append(line_scores(record, lines[site], splits[site]))
                if equilibrium:
                    within = np.isfinite(equilibrium[0].series["Qle"])
                    tables.append(
                        line_scores(record, lines[site], splits[site], mask=WITH_ENERGY, within=within)
                    )
            scores = pd.concat([table for table in tables if len(table)], ignore_index=True)
            kept_out = _kept_out(experiment, records)
            gains = gains_over(records, lines, splits, kept_out)
        facts = {
            **provenance("run", experiment, stopwatch),
            "name": experiment.name,
            "notes": notes,
            "kept_out_of_means": kept_out,
        }

        def write(partial: Path) -> None:
            write_table(partial / "benchmark.csv", scores[list(BENCHMARK_COLUMNS)])
            write_table(partial / "benchmark_means.csv", means_over_towers(scores, kept_out))
            write_table(partial / "benchmark_gains.csv", gains)
            write_facts(partial / FINISHED, facts)
            write_report(partial)

        run_folder.commit(write)
    return folder


def _splits(record: SiteRecord) -> dict[str, np.ndarray]:
    split = split_record(record)
    return {"calibration": split.calibration, "heldout": split.heldout}


def _kept_out(experiment: Benchmark, records: list[SiteRecord]) -> list[str]:
    pairs = zip(experiment.sites, records, strict=True)
    return [record.attributes.name for site, record in pairs if not site.in_means]


def _published(experiment: Benchmark, records: list[SiteRecord], root: Path | None) -> pd.DataFrame:
    """Rows of published scores and of peers at the sites, with the columns of the benchmark."""
    classes = {record.attributes.name: record.attributes.plant_class for record in records}
    tables = []
    for model, path in experiment.published.items():
        tables.append(published_rows(path if root is None else root / path, model, list(classes)))
    peers = peer_scores(experiment, root)
    if peers is not None:
        tables.append(peer_score_rows(peers, list(classes)))
    if not tables:
        return pd.DataFrame(columns=list(BENCHMARK_COLUMNS))
    joined = pd.concat(tables, ignore_index=True)
    joined["class"] = joined["site"].map(classes)
    joined["mask"] = "its own"
    return joined.reindex(columns=list(BENCHMARK_COLUMNS))


def _notes(experiment: Benchmark, lines: dict[str, list[Line]]) -> list[str]:
    """Which towers have no run or no file of a model."""
    notes = []
    without = [site for site, found in lines.items() if not any(line.ours for line in found)]
    if without:
        notes.append(f"No calibrated run at {', '.join(without)}: only benchmarks are shown there.")
    for model in experiment.models:
        absent = [site for site, found in lines.items() if all(line.model != model for line in found)]
        if absent:
            notes.append(f"No file of {model} at {', '.join(absent)}.")
    return notes
