"""The demonstration: synthetic towers of known parameters, calibrated by both methods and judged."""

import math
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from tilth.config import Experiment
from tilth.config_files import experiment
from tilth.evaluation.facts import read_facts
from tilth.pipeline.experiment import run_experiment
from tilth.pipeline.progress import Progress
from tilth.pipeline.side_by_side import ALONE, Processes
from tilth.report.contents import SITES

METHODS = ("direct", "mdpl")
"""Methods that the demonstration compares; its scores also hold rows of regressions."""
PARAMETERS = ("vmax0", "gradm", "rlfn", "chl", "binter", "effcon")
"""Parameters that the demonstration learns."""
TOWERS = (
    ("SY-Gra", "grassland", "temperate", 11),
    ("SY-Wod", "woodland", "continental", 12),
    ("SY-Evg", "evergreen", "tropical", 13),
)
"""Name, class, climate and seed of the synthetic towers."""


def demo(
    folder: Path,
    *,
    seed: int = 0,
    force: bool = False,
    progress: Progress | None = None,
    processes: Processes = ALONE,
) -> str:
    """Runs the demonstration and returns what it found, as text for a screen."""
    run_experiment(demonstration(seed), folder, force=force, progress=progress, processes=processes)
    scores = pd.read_csv(folder / "scores.csv")
    parameters = pd.read_csv(folder / "parameters.csv")
    return "\n".join(
        [
            "Three synthetic towers were observed by the land model itself with hidden parameters, with the",
            "noise and gaps of a flux tower. Calibration saw the first 70 % of each record only.",
            "",
            "RMSE of half-hourly fluxes on the held-out part [W m-2]",
            *_score_lines(scores),
            "",
            "Parameters: position in the range from 0 (lower bound) to 1 (upper bound)",
            *_parameter_lines(parameters, folder),
            "",
            f"Results in {folder}; open {folder / 'report.html'}.",
        ]
    )


def demonstration(seed: int = 0) -> Experiment:
    """The experiment of the demonstration."""
    sites = [
        {
            "synthetic": {
                "name": name,
                "class": plant_class,
                "climate": climate,
                "years": 1,
                "seed": own + seed,
            }
        }
        for name, plant_class, climate, own in TOWERS
    ]
    return experiment(
        {
            "name": "demo",
            "sites": sites,
            "method": list(METHODS),
            "parameters": list(PARAMETERS),
            "seed": seed,
            "pooling": "network",
            "verify": False,
            "model": {"spin_up_years": 1},
            "sizes": {
                "members": 32,
                "surrogate-hidden": 32,
                "surrogate-epochs": 6,
                "generator-epochs": 25,
                "direct-iterations": 12,
            },
        },
        "the demonstration",
    )


def _score_lines(scores: pd.DataFrame) -> list[str]:
    chosen = scores[
        (scores["split"] == "heldout")
        & (scores["resolution"] == "native")
        & (scores["target"] == "raw")
        & scores["method"].isin(METHODS)
    ]
    lines = [f"  {'site':8}{'method':8}{'flux':6}{'default':>9}{'calibrated':>12}{'n':>7}"]
    for (site, method, flux), rows in chosen.groupby(["site", "method", "variable"], sort=False):
        error = dict(zip(rows["run"], rows["rmse"], strict=True))
        count = dict(zip(rows["run"], rows["n"], strict=True))
        values = f"{error['default']:9.1f}{error['calibrated']:12.1f}{count['calibrated']:7d}"
        lines.append(f"  {site!s:8}{method!s:8}{flux!s:6}{values}")
    return lines


def _parameter_lines(parameters: pd.DataFrame, folder: Path) -> list[str]:
    truths = {path.name: _truth(path) for path in sorted((folder / SITES).iterdir())}
    lines = [f"  {'site':8}{'parameter':11}{'default':>9}{'truth':>9}{'direct':>9}{'mdpl':>9}"]
    for (site, name), rows in parameters.groupby(["site", "parameter"], sort=False):
        first = rows.iloc[0]
        truth = truths[f"{site}-{first['method']}"][str(name)]
        learned = {row["method"]: _position(row, row["value"]) for _, row in rows.iterrows()}
        numbers: Sequence[float] = (
            _position(first, first["default"]),
            _position(first, truth),
            learned["direct"],
            learned["mdpl"],
        )
        lines.append(f"  {site!s:8}{name!s:11}" + "".join(f"{number:9.2f}" for number in numbers))
    return lines


def _truth(folder: Path) -> dict[str, float]:
    return read_facts(folder / "run.json")["truth"]


def _position(row: pd.Series, value: float) -> float:
    """Where a value lies in its linear or logarithmic range, from 0 to 1."""
    low, high = float(row["lower"]), float(row["upper"])
    if row["scale"] == "log":
        low, high, value = math.log(low), math.log(high), math.log(value)
    return (value - low) / (high - low)
