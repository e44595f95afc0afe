"""What each calibration of an experiment cost: time, simulations and networks, by stage."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from tilth.config import Experiment
from tilth.data.containers import SiteRecord
from tilth.evaluation.facts import read_facts
from tilth.evaluation.tables import read_table
from tilth.pipeline.presets import ensemble_design
from tilth.pipeline.surrogate import audit_members
from tilth.report.contents import HISTORY_COLUMNS
from tilth.report.experiment_sections import COST_COLUMNS


def cost_rows(
    experiment: Experiment, method: str, name: str, records: Sequence[SiteRecord], folder: Path
) -> pd.DataFrame:
    """Rows of ``costs.csv`` of one calibration, whose site folders lie in ``folder``.

    ``seconds`` of wall time, ``iterations`` (epochs, or steps of descent), ``runs`` of the land model over
    whole records (members times sites), and ``networks`` trained. The gradients of ``direct`` are iterations,
    not runs.
    """
    sites = sorted(path.parent for path in folder.glob("*/run.json"))
    facts = [read_facts(path / "run.json") for path in sites]
    history = sites[0] / "history.csv"
    steps: dict[str, int] = {}
    trainings: dict[str, int] = {}
    if history.is_file():
        for label, number in read_table(history, HISTORY_COLUMNS)["stage"].value_counts().items():
            stage = _stage_of(str(label))
            steps[stage] = steps.get(stage, 0) + int(number)
            trainings[stage] = trainings.get(stage, 0) + 1
    members = {"ensemble": 0, "audit": 0}
    if "ensemble" in facts[0]["seconds"]:
        count = len(ensemble_design(experiment, records))
        members = {"ensemble": count, "audit": audit_members(count)}
    rows: list[dict[str, Any]] = []
    for stage, seconds in facts[0]["seconds"].items():
        free = stage == "direct" and experiment.pooling != "network"
        rows.append(
            {
                "method": method,
                "part": name,
                "stage": stage,
                "seconds": seconds,
                "iterations": steps.get(stage, 0),
                "runs": sum(len(one["unconverged"]) for one in facts)
                if stage == "true model"
                else members.get(stage, 0) * len(records),
                "networks": 0 if free else trainings.get(stage, 0),
            }
        )
    return pd.DataFrame(rows, columns=list(COST_COLUMNS))


def _stage_of(label: str) -> str:
    """The stage of a training curve: without the site before it and the round after it."""
    return label.partition(",")[0].rpartition(" ")[2]
