"""What a run found out about one site, and the folder that it is written to."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import pandas as pd

from tilth.data.containers import SiteRecord, Sites
from tilth.evaluation.benchmarks import benchmark_scores
from tilth.evaluation.facts import site_facts, write_facts
from tilth.evaluation.parameters_table import parameter_rows
from tilth.evaluation.scores import score_table
from tilth.evaluation.simulation_file import write_simulation
from tilth.evaluation.tables import write_table
from tilth.models.base import AbstractLandModel
from tilth.observations.splits import split_record
from tilth.parameters.space import ParameterSpace
from tilth.report.html import write_report

DEFAULT, DEFAULT_SITE, CALIBRATED = "default", "default_site", "calibrated"
"""Names of runs: with the defaults of the class, of the site, and with what was learned."""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """One site's runs of the true model.

    ``runs[run][variable]`` are series ``[time]`` or ``[time, layer]`` over the record; ``learned`` and
    ``defaults`` physical parameters ``[param]``, ``learned`` None where nothing was learned; ``targets`` the
    observations of targets other than raw fluxes, by target and variable; ``tables`` further tables by the
    name of their file; ``truth`` the parameters of a twin experiment, where they are known.
    """

    record: SiteRecord
    space: ParameterSpace
    method: str
    runs: Mapping[str, Mapping[str, np.ndarray]]
    defaults: np.ndarray
    learned: np.ndarray | None = None
    targets: Mapping[str, Mapping[str, np.ndarray]] = dataclasses.field(default_factory=dict)
    tables: Mapping[str, pd.DataFrame] = dataclasses.field(default_factory=dict)
    truth: Mapping[str, float] = dataclasses.field(default_factory=dict)
    notes: Sequence[str] = ()


class Asked(NamedTuple):
    """A run of the true model that is wanted: its name, parameters [param] and what drives it."""

    run: str
    theta: np.ndarray
    record: SiteRecord


def true_runs(model: AbstractLandModel, asked: Sequence[Asked]) -> list[dict[str, np.ndarray]]:
    """The model's series over the whole records, in the order of ``asked``; all run side by side.

    Raises ``FloatingPointError`` where one fails: a result cannot be judged then.
    """
    found = []
    for wanted, series in zip(asked, attempted_runs(model, asked), strict=True):
        if series is None:
            values = zip(model.space.names, wanted.theta, strict=True)
            raise FloatingPointError(
                f"the {wanted.run} run of the land model at {wanted.record.attributes.name} failed with "
                + ", ".join(f"{name} = {value:g}" for name, value in values)
            )
        found.append(series)
    return found


def attempted_runs(model: AbstractLandModel, asked: Sequence[Asked]) -> list[dict[str, np.ndarray] | None]:
    """The model's series in the order of ``asked``, None for a run that fails."""
    sites = Sites.of([wanted.record for wanted in asked], jnp.result_type(float))
    thetas = jnp.asarray(np.stack([wanted.theta for wanted in asked]), sites.step.dtype)
    ensemble = model.run(thetas[None], sites)
    succeeded = np.asarray(ensemble.succeeded[0])
    outputs = {name: np.asarray(series[0]) for name, series in ensemble.outputs.items()}
    return [
        {name: series[index, : len(wanted.record.time)] for name, series in outputs.items()}
        if succeeded[index]
        else None
        for index, wanted in enumerate(asked)
    ]


def write_run(folder: Path, *, outcome: Outcome, facts: Mapping[str, Any]) -> None:
    """Writes a run as :func:`write_outcome` and its report."""
    write_outcome(folder, outcome, facts)
    write_report(folder)


def write_outcome(folder: Path, outcome: Outcome, facts: Mapping[str, Any]) -> None:
    """Writes the tables, ``simulation.nc`` and ``run.json`` of a run; ``facts`` as of :func:`provenance`."""
    record, attributes = outcome.record, outcome.record.attributes
    split = split_record(record)
    splits = {"calibration": np.asarray(split.calibration), "heldout": np.asarray(split.heldout)}
    write_simulation(
        folder / "simulation.nc",
        record,
        {run: _saved(outputs) for run, outputs in outcome.runs.items()},
        splits,
        attributes={
            "source": f"tilth {facts['versions']['tilth']}",
            "history": f"{facts['created']} tilth {facts['command']}",
        },
    )
    write_table(folder / "scores.csv", scores(outcome, splits))
    if outcome.learned is not None:
        table = parameter_rows(
            outcome.space,
            outcome.defaults,
            outcome.learned,
            site=attributes.name,
            plant_class=attributes.plant_class,
            method=outcome.method,
        )
        write_table(folder / "parameters.csv", table)
    for name, table in outcome.tables.items():
        write_table(folder / f"{name}.csv", table)
    own = {
        "method": outcome.method,
        "unconverged": {run: not_converged(outputs) for run, outputs in outcome.runs.items()},
        "notes": list(outcome.notes),
        **({"truth": dict(outcome.truth)} if outcome.truth else {}),
    }
    write_facts(folder / "run.json", {**site_facts(record), **own, **facts})


def not_converged(outputs: Mapping[str, np.ndarray]) -> int:
    """Number of steps at which the surface balance did not converge."""
    return int(np.sum(outputs["converged"] < 0.5)) if "converged" in outputs else 0


def scores(outcome: Outcome, splits: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """The score table: raw fluxes first, then rows of other targets and of the empirical benchmarks."""
    tables = [score_table(outcome.record, outcome.runs, splits, method=outcome.method)]
    for target, observed in outcome.targets.items():
        tables.append(
            score_table(
                outcome.record,
                outcome.runs,
                splits,
                method=outcome.method,
                target=target,
                observed=observed,
                variables=tuple(observed),
            )
        )
    trained = benchmark_scores(outcome.record, splits)
    return pd.concat([*tables, *([] if trained.empty else [trained])], ignore_index=True)


def _saved(outputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: series for name, series in outputs.items() if name != "converged"}
