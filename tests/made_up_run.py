"""A small made-up site with simulations, for tests of evaluation and report."""

import numpy as np

from tilth.data.containers import Attributes, Finding, Observation, SiteRecord


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
