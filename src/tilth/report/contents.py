"""What a report is made from: the files of a run folder, and exactly which columns of them are read.

A run folder of one site holds

``run.json``
    ``method`` and ``site`` (with ``name`` and ``plant_class``; see :func:`tilth.evaluation.facts.site_facts`)
    are needed. Shown where they are there: ``findings`` (level, topic, message), ``sources`` and ``files``
    (name to text, name to SHA-256), ``command``, ``created``, ``preset``, ``target``, ``defaults``,
    ``seed``, ``dtype``, ``versions`` (name to text), ``options`` (name to value), ``seconds`` (stage to
    number), ``unconverged`` (run to number of steps), ``notes`` (list of sentences) and, for twin
    experiments, ``truth`` (parameter to value).
``scores.csv``
    The columns :data:`tilth.evaluation.scores.SCORE_COLUMNS`. Rows whose method is 1lin or 3km27 are shown
    as benchmarks.
``simulation.nc``
    As :func:`tilth.evaluation.simulation_file.write_simulation` writes it; runs default and, unless nothing
    was calibrated, calibrated; default_site, if there, is shown beside them in tables.
``parameters.csv``
    The columns :data:`tilth.evaluation.parameters_table.PARAMETER_COLUMNS`; optional.
``history.csv``
    Training curves, optional: ``stage`` (surrogate, generator, direct …), ``step`` (epoch or iteration),
    ``loss`` (on what is learned from) and ``validation`` (on blocks held back; may be empty).
``audit.csv``
    Surrogate against model, optional: pairs of values at the same step of the same member, ``variable``,
    ``model`` and ``surrogate``, in the unit of the variable.
``peers.csv``
    Scores of other models, optional: ``variable``, ``peer``, ``basis`` and ``rmse`` as in
    :class:`tilth.evaluation.peers.PeerScores`, the rows of this site.

A folder of several sites holds one such folder for each below ``sites/`` and, itself, a ``run.json`` of
which only the optional keys are read.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from tilth.evaluation.facts import read_facts
from tilth.evaluation.parameters_table import PARAMETER_COLUMNS
from tilth.evaluation.scores import SCORE_COLUMNS
from tilth.evaluation.simulation_file import Simulation, read_simulation
from tilth.evaluation.tables import read_table

HISTORY_COLUMNS = ("stage", "step", "loss", "validation")
AUDIT_COLUMNS = ("variable", "model", "surrogate")
PEER_COLUMNS = ("variable", "peer", "basis", "rmse")
RUNS = ("default", "default_site", "calibrated")
"""Runs that a report can show: defaults of the class, of the site, and what was learned."""
SITES = "sites"
"""Folder of the single sites inside the folder of a run over several."""
FINISHED_PARTS = Path("checkpoints", "finished")
"""Folder of the parts that an interrupted run over several sites has finished, each with its sites."""


@dataclasses.dataclass(frozen=True)
class RunContents:
    """Everything that is read of a run folder of one site; a table that is not there is None."""

    folder: Path
    facts: dict[str, Any]
    scores: pd.DataFrame
    simulation: Simulation
    parameters: pd.DataFrame | None
    history: pd.DataFrame | None
    audit: pd.DataFrame | None
    peers: pd.DataFrame | None

    @property
    def site(self) -> str:
        """Name of the site."""
        return str(self.facts["site"]["name"])

    @property
    def calibrated(self) -> bool:
        """Whether something was calibrated."""
        return "calibrated" in self.simulation.runs

    def observed_variables(self, names: Sequence[str]) -> list[str]:
        """Those of ``names`` that were observed, scored at some step and simulated by the default run."""
        simulation = self.simulation
        return [
            name
            for name in names
            if name in simulation.observed
            and name in simulation.runs["default"]
            and simulation.scored[name].any()
        ]


def read_run(folder: Path) -> RunContents:
    """Reads the run folder of one site; ``ValueError`` says what is missing and how to make it."""
    if not folder.is_dir():
        raise ValueError(
            f"{folder} is not a folder: expected one that `tilth simulate` or `tilth calibrate` wrote"
        )
    missing = [name for name in ("run.json", "scores.csv", "simulation.nc") if not (folder / name).is_file()]
    if missing:
        raise ValueError(
            f"{folder} lacks {', '.join(missing)}: expected a folder that `tilth simulate` or "
            "`tilth calibrate` finished writing; run it again, with --resume where it was interrupted"
            f"{_or_one_of(finished_folders(folder))}"
        )
    facts = read_facts(folder / "run.json")
    site = facts.get("site")
    if not (isinstance(site, dict) and {"name", "plant_class"} <= set(site) and "method" in facts):
        raise ValueError(
            f"{folder / 'run.json'} must have the keys method and site, with name and plant_class: "
            f"got {', '.join(facts)}; run `tilth simulate` or `tilth calibrate` again"
        )
    simulation = read_simulation(folder / "simulation.nc")
    unknown = sorted(set(simulation.runs) - set(RUNS))
    if unknown:
        raise ValueError(
            f"{folder / 'simulation.nc'} has runs that are not known: {', '.join(unknown)}; expected some of "
            f"{', '.join(RUNS)}"
        )
    if "default" not in simulation.runs:
        raise ValueError(
            f"{folder / 'simulation.nc'} has no run called default: got {', '.join(simulation.runs)}; "
            "a report compares with the default parameters"
        )

    def optional(name: str, columns: Sequence[str]) -> pd.DataFrame | None:
        return read_table(folder / name, columns) if (folder / name).is_file() else None

    return RunContents(
        folder=folder,
        facts=facts,
        scores=read_table(folder / "scores.csv", SCORE_COLUMNS),
        simulation=simulation,
        parameters=optional("parameters.csv", PARAMETER_COLUMNS),
        history=optional("history.csv", HISTORY_COLUMNS),
        audit=optional("audit.csv", AUDIT_COLUMNS),
        peers=optional("peers.csv", PEER_COLUMNS),
    )


def _or_one_of(finished: Sequence[Path]) -> str:
    """The end of a sentence that says what an interrupted experiment has finished; empty where nothing."""
    if not finished:
        return ""
    return f", or give one of the {len(finished)} runs that it has finished, such as {finished[0]}"


def site_folders(folder: Path) -> list[Path]:
    """Folders of the single sites of a run over several, by name; empty for a run of one site."""
    return sorted(path.parent for path in (folder / SITES).glob("*/run.json"))


def finished_folders(folder: Path) -> list[Path]:
    """Folders of the single runs that an interrupted experiment has finished, by name."""
    return sorted(path.parent for path in (folder / FINISHED_PARTS).glob("*/*/run.json"))
