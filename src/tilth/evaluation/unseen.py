"""Fluxes that no calibration saw: what was observed, what was simulated, before and after.

Calibrations learn from Qle and Qh. Rnet, Qg, carbon and radiative temperature are judged here wherever the
tower measured them. Towers of the PLUMBER2 layout hold no soil moisture.
"""

import dataclasses
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from tilth.constants import STEFAN_BOLTZMANN
from tilth.data.containers import SiteRecord
from tilth.evaluation.aggregation import period_means
from tilth.evaluation.metrics import all_metrics
from tilth.evaluation.respiration import BRIGHT, fitted_respiration
from tilth.evaluation.significance import comparison_of, resampled_scores
from tilth.evaluation.simulation_file import SPLITS, Simulation

DAYTIME_NEE = "NEE by day"
"""Name of daytime net exchange against a fitted respiration less simulated GPP."""
UNITS = {"Rnet": "W m-2", "Qg": "W m-2", "GPP": "umol m-2 s-1", DAYTIME_NEE: "umol m-2 s-1", "RadT": "K"}
"""The quantities that are judged, with their units."""
MEASURES = ("rmse", "bias", "r", "kge", "nse", "nme")
UNSEEN_COLUMNS = (
    "site", "class", "method", "variable", "unit", "split", "resolution", "n", "std_obs",
    *(f"{name}_{run}" for name in MEASURES for run in ("default", "calibrated")),
    "delta_rmse", "delta_rmse_low_90", "delta_rmse_high_90", "verdict",
)  # fmt: skip
"""Columns of ``unseen_flux.csv``."""


@dataclasses.dataclass(frozen=True, eq=False)
class Unseen:
    """An observed quantity, its simulations by run, and the steps at which it is scored, ``[time]`` each."""

    observed: np.ndarray
    runs: Mapping[str, np.ndarray]
    scored: np.ndarray


def radiative_temperature(longwave_up: np.ndarray) -> np.ndarray:
    """Temperature [K] of a black body that emits ``longwave_up`` [W m-2], by Stefan and Boltzmann.

    The simulated one is defined alike: of all upward radiation, what is reflected included.
    """
    return np.asarray((np.maximum(longwave_up, 0.0) / STEFAN_BOLTZMANN) ** 0.25)


def unseen_fluxes(record: SiteRecord, simulation: Simulation) -> tuple[dict[str, Unseen], list[str]]:
    """The quantities of :data:`UNITS` that the site measured and the model simulated, and remarks.

    GPP where the files have it; elsewhere the net exchange of bright steps against respiration less GPP, the
    respiration fitted to dark steps of the calibration part.
    """
    found: dict[str, Unseen] = {}
    notes = []
    site = record.attributes.name
    runs = {run: simulation.runs[run] for run in ("default", "calibrated")}

    def observed(name: str) -> bool:
        return name in record.observations and bool(record.scored(name).any())

    for name in ("Rnet", "Qg", "GPP"):
        if observed(name) and all(name in series for series in runs.values()):
            series = {run: np.asarray(outputs[name]) for run, outputs in runs.items()}
            found[name] = Unseen(record.observations[name].value, series, record.scored(name))
    if observed("LWup") and all("RadT" in series for series in runs.values()):
        temperature = radiative_temperature(record.observations["LWup"].value)
        series = {run: np.asarray(outputs["RadT"]) for run, outputs in runs.items()}
        found["RadT"] = Unseen(temperature, series, record.scored("LWup"))
    if "GPP" not in found and observed("NEE") and all("GPP" in series for series in runs.values()):
        try:
            respiration = fitted_respiration(record, simulation.splits["calibration"])
        except ValueError as problem:
            return found, [f"{problem}; its NEE is not judged."]
        lost = respiration(np.asarray(record.forcing["air_temperature"], float))
        series = {run: lost - np.asarray(outputs["GPP"]) for run, outputs in runs.items()}
        bright = np.asarray(record.forcing["shortwave_down"]) > BRIGHT
        found[DAYTIME_NEE] = Unseen(record.observations["NEE"].value, series, record.scored("NEE") & bright)
        limit = " (at its limit)" if respiration.at_limit else ""
        notes.append(
            f"{site}: respiration of {respiration.base:.2f} µmol m⁻² s⁻¹ at 10 °C with E0 = "
            f"{respiration.sensitivity:.0f} K{limit}, fitted to {respiration.n} dark steps of the "
            "calibration part."
        )
    return found, notes


def unseen_rows(record: SiteRecord, simulation: Simulation, method: str) -> tuple[pd.DataFrame, list[str]]:
    """Rows of ``unseen_flux.csv`` of one calibration, at the native step and for daily means, and remarks.

    ``delta_rmse`` = (default - calibrated) / default, positive where calibration helped, with its interval
    from blocks of 7 days.
    """
    found, notes = unseen_fluxes(record, simulation)
    rows = []
    for variable, unseen in found.items():
        for split in SPLITS:
            for resolution in ("native", "1D"):
                row = _row(record, unseen, simulation.splits[split], resolution, variable)
                if row is not None:
                    where = {"method": method, "variable": variable, "unit": UNITS[variable]}
                    site = {"site": record.attributes.name, "class": record.attributes.plant_class}
                    rows.append({**site, **where, "split": split, "resolution": resolution, **row})
    return pd.DataFrame(rows, columns=list(UNSEEN_COLUMNS)), notes


def _row(
    record: SiteRecord, unseen: Unseen, inside: np.ndarray, resolution: str, variable: str
) -> dict[str, Any] | None:
    if variable == DAYTIME_NEE and resolution == "1D":
        return None  # a day has no 80 % of bright steps
    series = {"observed": unseen.observed, **unseen.runs}
    scored = unseen.scored & inside & np.isfinite(unseen.observed)
    means = period_means(record.time, record.step, series, scored, resolution)
    if len(means.start) == 0:
        return None
    of = means.series
    before, after = (all_metrics(of[run], of["observed"]) for run in ("default", "calibrated"))
    row: dict[str, Any] = {"n": before["n"], "std_obs": before["std_obs"]}
    for name in MEASURES:
        row |= {f"{name}_default": before[name], f"{name}_calibrated": after[name]}
    row |= {"delta_rmse": 1.0 - after["rmse"] / before["rmse"], "verdict": "unknown"}
    seed = zlib.crc32(record.attributes.name.encode())
    try:
        drawn = resampled_scores(of["observed"], of["default"], of["calibrated"], means.start, seed=seed)
    except ValueError:
        return row
    gain = comparison_of([drawn]).relative_rmse
    low, high = gain.interval_90
    return row | {"delta_rmse_low_90": low, "delta_rmse_high_90": high, "verdict": gain.verdict}
