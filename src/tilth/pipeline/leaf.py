"""Leaf experiments from their file to a folder of tables and a report, and the demonstration."""

import datetime
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from tilth.config_leaf import LeafExperiment, leaf_experiment, read_leaf_experiment
from tilth.data.leaf_points import LeafTable
from tilth.evaluation.facts import write_facts
from tilth.evaluation.tables import write_table
from tilth.pipeline.folder import FINISHED, RunFolder
from tilth.pipeline.leaf_data import leaf_table
from tilth.pipeline.leaf_measured import measured_outcome
from tilth.pipeline.leaf_synthetic import recovery_sentence, synthetic_tables
from tilth.pipeline.provenance import Stopwatch, versions
from tilth.report.leaf_report import write_leaf_report

Progress = Callable[[int, int, str], None] | None
DEMONSTRATION = {
    "name": "leaf-demo",
    "kind": "synthetic",
    "formulations": ["V", "V+B"],
    "runs": 1,
    "learning": {"iterations": 1000},
}
"""The experiment of ``tilth leaf demo``: generated leaves of nine plant types."""


def run_leaf(
    file: Path, *, data: Path | None, out: Path | None = None, force: bool = False, progress: Progress = None
) -> str:
    """Runs the experiment of a file; returns the folder of the results and the main finding in words."""
    experiment = read_leaf_experiment(file)
    return _run(experiment, data, out or Path("runs") / experiment.name, force, progress)


def demo_leaf(
    *, out: Path | None = None, seed: int = 0, force: bool = False, progress: Progress = None
) -> str:
    """Recovers known parameters of generated leaves; returns the folder and how well Vcmax was recovered."""
    experiment = leaf_experiment({**DEMONSTRATION, "seed": seed, "generated": {"seed": seed}})
    return _run(experiment, None, out or Path("runs") / experiment.name, force, progress)


def _run(experiment: LeafExperiment, data: Path | None, out: Path, force: bool, progress: Progress) -> str:
    stopwatch = Stopwatch()
    with stopwatch.stage("reading"):
        table = leaf_table(experiment, data)
    folder = RunFolder(out, experiment.model_dump(mode="json"), force=force)
    surface = None
    try:
        with stopwatch.stage("learning"):
            if experiment.kind == "synthetic":
                tables = synthetic_tables(experiment, table, progress)
                headline = recovery_sentence(tables["summary"])
            else:
                outcome = measured_outcome(experiment, table, progress)
                tables, surface = outcome.tables, outcome.surface
                headline = comparison_sentence(tables)
    except BaseException:
        folder.abandon()
        raise

    def write(partial: Path) -> None:
        for name, frame in tables.items():
            write_table(partial / f"{name}.csv", frame)
        facts = _facts(experiment, table, stopwatch)
        write_leaf_report(
            partial / "report.html",
            title=experiment.name,
            headline=headline,
            facts=[(name.capitalize(), str(value)) for name, value in facts.items() if name != "options"],
            tables=tables,
            surface=surface,
        )
        write_facts(partial / FINISHED, {**facts, "headline": headline})

    folder.commit(write)
    return f"results in {out}; open {out / 'report.html'}\n{headline}"


def comparison_sentence(tables: Mapping[str, pd.DataFrame]) -> str:
    """What V+B gains over the default and the least-squares fit on held-out days, in one line."""
    if "gains" not in tables:
        best = tables["scores"].query("split == 'test'").sort_values("rmse").iloc[0]
        return f"{best['formulation']} has the lowest RMSE of held-out days, {best['rmse']:.3f}"
    parts = []
    for test, rows in tables["scores"].query("split == 'test'").groupby("test", sort=False):
        shown = rows.set_index("formulation")
        words = [
            f"{name}: r {shown['r'][name]:.3f}, RMSE {shown['rmse'][name]:.3f}, "
            f"bias {shown['bias'][name]:+.3f}, NSE {shown['nse'][name]:.3f}"
            for name in ("V_def+B_def", "V_lsq+B_def", "V+B")
            if name in shown.index
        ]
        parts.append(f"{test} ({int(rows['n'].iloc[0])} points): " + "; ".join(words))
    return ". ".join(parts)


def _facts(experiment: LeafExperiment, table: LeafTable, stopwatch: Stopwatch) -> dict[str, object]:
    kinds, counts = np.unique(table.plant_type, return_counts=True)
    return {
        "points": len(table),
        "types": ", ".join(f"{kind} {count}" for kind, count in zip(kinds, counts, strict=True)),
        "notes": "; ".join(table.notes),
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "seed": experiment.seed,
        "seconds": {name: round(value, 2) for name, value in stopwatch.seconds.items()},
        "versions": versions(),
        "files": dict(table.files),
        "options": experiment.model_dump(mode="json"),
    }
