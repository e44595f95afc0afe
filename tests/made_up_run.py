"""A small made-up site with simulations, for tests of evaluation and report."""

from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pandas as pd

from tilth.data.containers import Attributes, Finding, Observation, SiteRecord
from tilth.evaluation.benchmarks import benchmark_scores
from tilth.evaluation.facts import site_facts, write_facts
from tilth.evaluation.parameters_table import parameter_rows
from tilth.evaluation.scores import score_table
from tilth.evaluation.simulation_file import write_simulation
from tilth.evaluation.tables import write_table
from tilth.parameters.space import ParameterSpace
from tilth.parameters.tables import CALIBRATED


def made_up_record(days: int = 420, seed: int = 0) -> SiteRecord:
    """A half-hourly record whose fluxes follow the sun, with gaps, from 2008-01-01 on."""
    rng = np.random.default_rng(seed)
    n = 48 * days
    time = np.datetime64("2008-01-01", "s") + np.arange(n) * np.timedelta64(1800, "s")
    day = np.arange(n) / 48.0
    season = 0.5 - 0.5 * np.cos(2 * np.pi * day / 366)
    weather = np.repeat(rng.uniform(0.3, 1.0, days), 48)
    sun = np.clip(-np.cos(2 * np.pi * day), 0, None) * (250 + 700 * season) * weather
    air = 278.0 + 18 * season + 6 * np.sin(2 * np.pi * (day - 0.35)) + np.repeat(rng.normal(0, 2, days), 48)
    forcing = {
        "air_temperature": air,
        "specific_humidity": 0.002 + 0.008 * season + 0.0003 * rng.normal(size=n),
        "wind_speed": np.full(n, 3.0),
        "surface_pressure": np.full(n, 1.0e5),
        "shortwave_down": sun,
        "longwave_down": np.full(n, 300.0),
        "precipitation": np.zeros(n),
        "co2": np.full(n, 385e-6),
        "leaf_area_index": 0.3 + 2 * season,
        "cos_zenith": np.clip(sun / 1000, 0, 1),
        "water_input": np.zeros(n),
    }
    fluxes = made_up_fluxes(forcing, 0.35, 0.3)
    noise = {"Qle": 20.0, "Qh": 20.0, "Rnet": 10.0, "Qg": 8.0}
    observations = {}
    for name, sigma in noise.items():
        value = fluxes[name] + sigma * rng.normal(size=n)
        quality = (rng.uniform(size=n) < 0.05).astype(int) * 3
        value[quality == 3] = np.nan
        observations[name] = Observation(value, quality)
    in_range = np.ones(n, bool)
    in_range[1000:1200] = False
    return SiteRecord(
        attributes=Attributes("XX-Tst", 44.6, 123.5, 8.0, "GRA", "grassland", 0.5, 6.0, elevation=171.0),
        time=time,
        step=1800.0,
        forcing=forcing,
        forcing_in_range=in_range,
        usable=np.ones(n, bool),
        segment=np.zeros(n, int),
        observations=observations,
        findings=(
            Finding("warning", "water", "evaporation 408 mm of 333 mm rain"),
            Finding("info", "clock", "clock agrees with the sun to 0.1 h"),
        ),
        sources={"LAI": "file", "LWdown": "file", "CO2": "annual global mean"},
        files={"XX-Tst_Met.nc": "0" * 64},
    )


def made_up_fluxes(forcing, latent_share: float, sensible_share: float) -> dict[str, np.ndarray]:
    """Fluxes that share out net radiation and close the energy balance [W m-2]."""
    rnet = 0.75 * forcing["shortwave_down"] - 45.0
    qle = latent_share * np.clip(rnet, 0, None) * forcing["leaf_area_index"] / 1.3
    qh = sensible_share * rnet
    return {"Qle": qle, "Qh": qh, "Rnet": rnet, "Qg": rnet - qle - qh}


def made_up_simulations(record: SiteRecord) -> dict[str, dict[str, np.ndarray]]:
    """A poor default run and a better calibrated one."""
    return {
        "default": made_up_fluxes(record.forcing, 0.6, 0.15),
        "calibrated": made_up_fluxes(record.forcing, 0.38, 0.28),
    }


def made_up_splits(record: SiteRecord) -> dict[str, np.ndarray]:
    """The first 70 % of the days and the rest."""
    days = (record.time - record.time[0]).astype("timedelta64[D]").astype(int)
    calibration = days < int(0.7 * (days[-1] + 1))
    return {"calibration": calibration, "heldout": ~calibration}


def write_made_up_run(folder: Path, *, calibrated: bool = True, days: int = 420, seed: int = 0) -> Path:
    """Everything a run folder can hold, small."""
    record = made_up_record(days, seed)
    runs, splits = made_up_simulations(record), made_up_splits(record)
    if not calibrated:
        runs["default_site"] = runs.pop("calibrated")
    folder.mkdir(parents=True, exist_ok=True)
    write_simulation(folder / "simulation.nc", record, runs, splits)
    scores = [score_table(record, runs, splits, method="direct"), benchmark_scores(record, splits)]
    write_table(folder / "scores.csv", pd.concat(scores))
    space = ParameterSpace.select(CALIBRATED)
    defaults = space.defaults("grassland")
    rng = np.random.default_rng(seed)
    values = np.array(space.from_fraction(jnp.asarray(rng.uniform(0.05, 0.95, len(defaults)))))
    values[4] = space.upper[4]
    rows = parameter_rows(
        space, defaults, values, site=record.attributes.name, plant_class="grassland", method="direct"
    )
    write_table(folder / "parameters.csv", rows)
    facts = {
        **site_facts(record),
        "method": "direct",
        "command": "tilth calibrate XX-Tst_Met.nc XX-Tst_Flux.nc --method direct",
        "created": "2026-01-02T03:04:05Z",
        "preset": "quick",
        "target": "raw",
        "seed": 0,
        "dtype": "float64",
        "versions": {"tilth": "0.1.0", "jax": "0.10.2"},
        "seconds": {"spin-up": 12.0, "calibration": 345.0},
        "unconverged": dict.fromkeys(runs, 0),
    }
    write_facts(folder / "run.json", facts)
    if calibrated:
        step = np.arange(50)
        loss = 0.3 + 0.7 * np.exp(-step / 8)
        history = pd.DataFrame({"stage": "direct", "step": step, "loss": loss, "validation": loss + 0.05})
        write_table(folder / "history.csv", history)
        model = rng.normal(80, 60, 3000)
        pairs = {"variable": "Qle", "model": model, "surrogate": model + rng.normal(0, 6, 3000)}
        write_table(folder / "audit.csv", pd.DataFrame(pairs))
        peers = {"variable": ["Qle", "Qh"], "peer": "jules", "basis": "whole record", "rmse": [37.3, 56.5]}
        write_table(folder / "peers.csv", pd.DataFrame(peers))
    return folder
