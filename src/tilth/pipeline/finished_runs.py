"""Finished runs that an experiment goes on from, and the parameters that were learned in them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tilth.config import Experiment
from tilth.parameters.parameter import Parameter
from tilth.report.contents import RunContents, read_run, site_folders

SAME = ("model", "defaults", "set", "seasonal", "seasonal-by")
"""Choices that decide what a parameter value means."""


def finished_runs(paths: Sequence[Path], beside: Path) -> list[RunContents]:
    """The runs of single sites in finished folders; relative paths are looked for ``beside`` the own one.

    Raises ``ValueError`` where a folder is not one of a finished run or experiment.
    """
    runs = []
    for path in paths:
        folder = beside / path
        runs += [read_run(one) for one in site_folders(folder) or [folder]]
    return runs


def learned_parameters(
    experiment: Experiment, runs: Sequence[RunContents], method: str
) -> dict[str, np.ndarray]:
    """Physical parameters ``[param]`` of each site that ``method`` learned in finished ``runs``.

    Raises ``ValueError`` where the choices, the parameters or the bounds of a run are not those of
    ``experiment``, or where a site occurs twice.
    """
    found: dict[str, np.ndarray] = {}
    for run in runs:
        if run.facts["method"] != method or run.parameters is None:
            continue
        _require_same(experiment, run)
        if run.site in found:
            raise ValueError(
                f"{run.site} was calibrated by {method} in more than one of the folders of runs, "
                f"{run.folder} is the second: give each method at a site once"
            )
        listed = {row["parameter"]: row for row in run.parameters.to_dict("records")}
        where = f"{run.site} in {run.folder}"
        names = experiment.space().names
        if set(listed) != set(names):
            raise ValueError(
                f"{where} has learned {', '.join(listed)}: expected {', '.join(names)}; give both "
                "experiments the same parameters"
            )
        found[run.site] = np.array(
            [_value(listed[parameter.name], parameter, where) for parameter in experiment.space().parameters]
        )
    return found


def _require_same(experiment: Experiment, run: RunContents) -> None:
    options: dict[str, Any] = run.facts.get("options") or {}
    own = experiment.record()
    different = [key for key in SAME if options.get(key, own[key]) != own[key]]
    if different:
        given = "; ".join(f"{key}: there {options[key]}, here {own[key]}" for key in different)
        raise ValueError(
            f"{run.folder} was run with other choices ({given}): give both experiments the same ones"
        )


def _value(row: dict[Any, Any], parameter: Parameter, where: str) -> float:
    if not np.allclose([row["lower"], row["upper"]], [parameter.lower, parameter.upper], rtol=1e-6):
        raise ValueError(
            f"{where} has {parameter.name} between {row['lower']:g} and {row['upper']:g}: expected "
            f"{parameter.lower:g} and {parameter.upper:g}; give both experiments the same bounds"
        )
    return float(row["value"])
