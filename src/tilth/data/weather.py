"""Synthetic sites: a weather generator for demonstrations, tests and twin experiments.

Weather is drawn from a few well-known building blocks: wet and dry days from a two-state Markov chain with
gamma amounts (Richardson 1981, doi:10.1029/WR017i001p00182), first-order autoregressive anomalies of
temperature, humidity, cloud, wind and pressure, short-wave radiation under cloud after Kasten and Czeplak
(1980, doi:10.1016/0038-092X(80)90391-6) and long-wave radiation after Crawford and Duchon, as the reader
has it. It is plausible weather, not that of any place.
"""

import dataclasses
import math
import zlib
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from scipy.signal import lfilter

from tilth.constants import (
    GAS_CONSTANT_DRY_AIR,
    GRAVITY,
    MELTING_POINT,
    SOLAR_CONSTANT,
    WATER_AIR_MOLAR_RATIO,
)
from tilth.data.containers import MEASURED, MISSING, Attributes, Observation, SiteRecord
from tilth.data.flux_errors import random_error
from tilth.data.humidity import vapour_pressure
from tilth.data.leaf_area import climatology
from tilth.data.longwave import crawford_duchon
from tilth.data.site_classes import DEFAULT_CANOPY_HEIGHT, IGBP_OF_CLASS, PLANT_CLASSES, reference_height
from tilth.data.solar import cos_zenith, extraterrestrial_radiation

DAY = 86400.0
START = np.datetime64("2001-01-01T00:00:00", "s")
CO2 = 371.3e-6
"""CO2 of synthetic sites [mol mol-1], about the global mean of 2001."""


@dataclasses.dataclass(frozen=True)
class Climate:
    """What the weather of a synthetic site is drawn around.

    Temperatures in °C or K of amplitude; ``dew_depression`` [K] of dry days; ``wet_after_dry`` and
    ``wet_after_wet`` are daily probabilities, made larger or smaller by ``rain_season`` towards summer
    (positive) or winter; ``rain_per_wet_day`` [kg m-2]; ``cloud`` the mean cover of dry days [-].
    """

    latitude: float
    elevation: float
    mean_temperature: float
    seasonal_amplitude: float
    diurnal_amplitude: float
    synoptic_deviation: float
    dew_depression: float
    wet_after_dry: float
    wet_after_wet: float
    rain_season: float
    rain_per_wet_day: float
    cloud: float
    wind: float


CLIMATES = {
    "tropical": Climate(-3.0, 60.0, 26.0, 0.8, 4.5, 0.8, 5.0, 0.45, 0.70, 0.25, 11.0, 0.50, 1.8),
    "temperate": Climate(47.0, 150.0, 10.0, 9.0, 4.5, 3.5, 5.0, 0.30, 0.55, 0.0, 6.0, 0.50, 3.0),
    "continental": Climate(55.0, 250.0, 2.0, 15.0, 5.0, 4.5, 5.0, 0.28, 0.50, 0.2, 4.5, 0.50, 2.8),
    "semi-arid": Climate(32.0, 900.0, 18.0, 9.5, 8.0, 2.5, 14.0, 0.07, 0.35, 0.3, 8.0, 0.20, 2.6),
    "polar": Climate(71.0, 40.0, -9.0, 13.0, 2.5, 4.0, 3.0, 0.25, 0.45, 0.2, 2.5, 0.60, 4.0),
}
"""Climates by name."""


class Sun(NamedTuple):
    """Mean cosine of the zenith angle over daylight [-] and radiation above the atmosphere [W m-2]."""

    cosine: np.ndarray
    above: np.ndarray


def synthetic_site(
    name: str,
    *,
    plant_class: str,
    climate: str,
    years: float,
    seed: int,
    step: float = 1800.0,
    latitude: float | None = None,
) -> SiteRecord:
    """A site with drawn weather and no observations; the same arguments give the same site.

    ``years`` from the start of 2001 (whole days), ``step`` [s], ``latitude`` [degrees north] that of the
    climate unless given. Seasons are those of the hemisphere.
    """
    _check(plant_class, climate, years, step)
    setting = CLIMATES[climate]
    latitude = setting.latitude if latitude is None else float(latitude)
    attributes = _attributes(name, plant_class, setting, latitude)
    days = round(years * 365.25)
    per_day = round(DAY / step)
    time = START + (np.arange(days * per_day) * int(step)).astype("timedelta64[s]")
    generator = np.random.default_rng([seed, zlib.crc32(f"{name}/{plant_class}/{climate}".encode())])
    place = {"latitude": latitude, "longitude": 0.0, "utc_offset": 0.0}
    sun = Sun(cos_zenith(time, step, **place), extraterrestrial_radiation(time, step, **place))
    forcing = _weather(generator, setting, time, step, sun, summer=_summer(time, latitude))
    forcing["leaf_area_index"] = climatology(time, attributes.igbp, latitude)
    everywhere = np.ones(len(time), dtype=bool)
    return SiteRecord(
        attributes=attributes,
        time=time,
        step=float(step),
        forcing=forcing,
        forcing_in_range=everywhere,
        usable=everywhere.copy(),
        segment=np.zeros(len(time), dtype=int),
        observations={},
        sources={
            "forcing": f"weather generator, climate {climate}, seed {seed}",
            "lwdown": "weather generator",
            "lai": f"climatology of IGBP class {attributes.igbp} (Niu et al. 2011)",
            "co2": "weather generator, constant",
            "soil": "weather generator, loam",
        },
    )


def with_twin_observations(
    record: SiteRecord,
    outputs: Mapping[str, np.ndarray],
    noise: float,
    seed: int,
    missing_fraction: float,
) -> SiteRecord:
    """The record with observations made of simulated series and tower-like errors.

    The error of a half-hourly flux is double exponential with ``noise`` times the standard deviation of a
    flux tower's (:func:`tilth.data.flux_errors.random_error`). About ``missing_fraction`` of the steps
    is missing, in gaps of six hours on average. ``outputs`` holds series on the record's clock by ALMA name.
    """
    if noise < 0 or not 0 <= missing_fraction < 1:
        raise ValueError(
            "expected noise of at least 0 and a missing fraction in [0, 1), "
            f"got {noise} and {missing_fraction}"
        )
    generator = np.random.default_rng([seed, zlib.crc32(record.attributes.name.encode())])
    observations = dict(record.observations)
    for name, series in outputs.items():
        truth = np.asarray(series, dtype=float)
        if truth.shape != record.time.shape:
            raise ValueError(
                f"expected {name} of shape {record.time.shape} (the record's), got {truth.shape}"
            )
        deviation = noise * random_error(truth)
        value = truth + generator.laplace(size=truth.shape) * deviation / math.sqrt(2.0)
        missing = _gaps(generator, len(truth), missing_fraction, 6 * 3600.0 / record.step)
        observations[name] = Observation(
            value=np.where(missing, np.nan, value),
            quality=np.where(missing, MISSING, MEASURED),
            uncertainty=deviation,
        )
    return record.replace(observations=observations)


def _check(plant_class: str, climate: str, years: float, step: float) -> None:
    if plant_class not in PLANT_CLASSES:
        raise ValueError(f"expected a plant class out of {', '.join(PLANT_CLASSES)}, got {plant_class!r}")
    if climate not in CLIMATES:
        raise ValueError(f"expected a climate out of {sorted(CLIMATES)}, got {climate!r}")
    if not step > 0 or DAY % step or step % 1:
        raise ValueError(f"expected a step of whole seconds that divides a day, got {step} s")
    if round(years * 365.25) < 1:
        raise ValueError(f"expected a record of at least a day, got {years} years")


def _attributes(name: str, plant_class: str, setting: Climate, latitude: float) -> Attributes:
    height = DEFAULT_CANOPY_HEIGHT[plant_class]
    return Attributes(
        name=name,
        latitude=latitude,
        longitude=0.0,
        utc_offset=0.0,
        igbp=IGBP_OF_CLASS[plant_class],
        plant_class=plant_class,
        canopy_height=height,
        reference_height=reference_height(None, None, height)[0],
        elevation=setting.elevation,
    )


def _summer(time: np.ndarray, latitude: float) -> np.ndarray:
    """Cosine of the season: 1 at its warmest (200th day in the north), -1 half a year later."""
    day = (time - time.astype("datetime64[Y]")) / np.timedelta64(1, "D")
    return np.cos(2.0 * np.pi * (day - 200.0) / 365.25) * (1.0 if latitude >= 0 else -1.0)


def _weather(
    generator: np.random.Generator,
    setting: Climate,
    time: np.ndarray,
    step: float,
    sun: Sun,
    *,
    summer: np.ndarray,
) -> dict[str, np.ndarray]:
    per_day = round(DAY / step)
    days = len(time) // per_day
    wet = _wet_days(generator, setting, summer[::per_day])
    precipitation = _rain(generator, setting, wet, per_day) / step
    cloud = _cloud(generator, setting, wet, per_day)
    pressure = _pressure(generator, setting, days, per_day)
    temperature = _temperature(generator, setting, summer, cloud, sun.above, per_day)
    humidity = _specific_humidity(generator, setting, temperature, pressure, wet, per_day)
    clearness = 1.0 - 0.75 * cloud**3.4
    return {
        "air_temperature": temperature,
        "specific_humidity": humidity,
        "wind_speed": _wind(generator, setting, sun.above, days, per_day),
        "surface_pressure": pressure,
        "shortwave_down": _clear_sky_shortwave(sun, pressure) * clearness,
        "longwave_down": crawford_duchon(temperature, vapour_pressure(humidity, pressure), clearness),
        "precipitation": precipitation,
        "co2": np.full(len(time), CO2),
        "cos_zenith": sun.cosine,
        "water_input": np.zeros(len(time)),
    }


def _autoregressive(generator: np.random.Generator, count: int, memory: float) -> np.ndarray:
    """A stationary first-order autoregressive series of unit variance; ``memory`` in steps."""
    persistence = math.exp(-1.0 / memory)
    noise = generator.standard_normal(count) * math.sqrt(1.0 - persistence**2)
    noise[0] /= math.sqrt(1.0 - persistence**2)
    return np.asarray(lfilter([1.0], [1.0, -persistence], noise))


def _synoptic(generator: np.random.Generator, days: int, per_day: int, memory_days: float) -> np.ndarray:
    """A smooth anomaly of unit variance: daily autoregressive values joined by straight lines."""
    daily = _autoregressive(generator, days + 1, memory_days)
    return np.interp(np.arange(days * per_day) / per_day, np.arange(days + 1), daily)


def _wet_days(generator: np.random.Generator, setting: Climate, summer: np.ndarray) -> np.ndarray:
    draws = generator.random(len(summer))
    wet = np.zeros(len(summer), dtype=bool)
    previous = False
    for day, (draw, season) in enumerate(zip(draws, summer, strict=True)):
        chance = setting.wet_after_wet if previous else setting.wet_after_dry
        previous = bool(draw < chance * (1.0 + setting.rain_season * season))
        wet[day] = previous
    return wet


def _rain(generator: np.random.Generator, setting: Climate, wet: np.ndarray, per_day: int) -> np.ndarray:
    """Rain and snow of each step [kg m-2]: one event a wet day, skewed in amount and in time."""
    amount = generator.gamma(0.75, setting.rain_per_wet_day / 0.75, len(wet)) * wet
    duration = np.clip(generator.gamma(2.0, 2.5, len(wet)), 0.5, 12.0) * per_day / 24.0
    start = generator.random(len(wet)) * np.maximum(per_day - duration, 0.0)
    position = (np.arange(per_day) + 0.5 - start[:, None]) / duration[:, None]
    shape = np.where((position > 0) & (position < 1), position * (1.0 - position) ** 2, 0.0)
    total = shape.sum(axis=1, keepdims=True)
    steps = np.where(total > 0, shape / np.maximum(total, 1e-30), 1.0 / per_day)
    return (amount[:, None] * steps).ravel()


def _cloud(generator: np.random.Generator, setting: Climate, wet: np.ndarray, per_day: int) -> np.ndarray:
    """Cloud cover [0, 1]: synoptic and passing clouds, more on wet days."""
    days = len(wet)
    level = math.log(setting.cloud / (1.0 - setting.cloud))
    wetness = np.interp(np.arange(days * per_day) / per_day - 0.5, np.arange(days), wet.astype(float))
    passing = _autoregressive(generator, days * per_day, per_day / 8.0)
    latent = level + 1.5 * _synoptic(generator, days, per_day, 2.0) + 0.8 * passing + 2.0 * wetness
    return 1.0 / (1.0 + np.exp(-latent))


def _pressure(generator: np.random.Generator, setting: Climate, days: int, per_day: int) -> np.ndarray:
    """Surface pressure [Pa]: that of the elevation with synoptic anomalies."""
    scale_height = GAS_CONSTANT_DRY_AIR * (setting.mean_temperature + MELTING_POINT) / GRAVITY
    mean = 101325.0 * math.exp(-setting.elevation / scale_height)
    anomaly = 60.0 + 0.8e3 * abs(math.sin(math.radians(setting.latitude)))
    return mean + anomaly * _synoptic(generator, days, per_day, 3.0)


def _temperature(
    generator: np.random.Generator,
    setting: Climate,
    summer: np.ndarray,
    cloud: np.ndarray,
    radiation_above: np.ndarray,
    per_day: int,
) -> np.ndarray:
    """Air temperature [K]; the diurnal cycle peaks at 15 h and fades under cloud and in the polar night."""
    days = len(summer) // per_day
    synoptic = setting.synoptic_deviation * _synoptic(generator, days, per_day, 3.5)
    hour = np.tile(np.arange(per_day) * 24.0 / per_day, days)
    daily = radiation_above.reshape(days, per_day).mean(axis=1) / SOLAR_CONSTANT
    insolation = np.interp(np.arange(len(cloud)) / per_day - 0.5, np.arange(days), daily)
    amplitude = setting.diurnal_amplitude * (1.0 - 0.6 * cloud) * np.minimum(insolation / 0.25, 1.4)
    diurnal = amplitude * np.cos(2.0 * np.pi * (hour - 15.0) / 24.0)
    mean = setting.mean_temperature + setting.seasonal_amplitude * summer
    return mean + synoptic + diurnal + MELTING_POINT


def _specific_humidity(
    generator: np.random.Generator,
    setting: Climate,
    temperature: np.ndarray,
    pressure: np.ndarray,
    wet: np.ndarray,
    per_day: int,
) -> np.ndarray:
    """Specific humidity [kg kg-1]: a dew point below the day's mean, never above 98 % relative humidity."""
    days = len(wet)
    centres = np.arange(days)
    position = np.arange(len(temperature)) / per_day - 0.5
    daily_mean = np.interp(position, centres, temperature.reshape(days, per_day).mean(axis=1))
    wetness = np.interp(position, centres, wet.astype(float))
    spread = np.exp(0.4 * _synoptic(generator, days, per_day, 2.5))
    depression = setting.dew_depression * (1.0 - 0.75 * wetness) * spread
    vapour = np.minimum(
        _saturation_vapour_pressure(daily_mean - depression), 0.98 * _saturation_vapour_pressure(temperature)
    )
    dry_pressure = pressure - (1.0 - WATER_AIR_MOLAR_RATIO) * vapour
    return WATER_AIR_MOLAR_RATIO * vapour / dry_pressure


def _saturation_vapour_pressure(temperature: np.ndarray) -> np.ndarray:
    """Saturation vapour pressure over water, over ice below freezing [Pa].

    Magnus form with the coefficients of the land model (:mod:`tilth.physics.thermodynamics`), in NumPy so
    that the weather is the same whatever the precision of JAX.
    """
    celsius = temperature - MELTING_POINT
    frozen = celsius < 0
    slope, offset = np.where(frozen, 22.46, 17.67), np.where(frozen, 272.62, 243.5)
    return 611.2 * np.exp(slope * celsius / (celsius + offset))


def _wind(
    generator: np.random.Generator, setting: Climate, radiation_above: np.ndarray, days: int, per_day: int
) -> np.ndarray:
    """Wind speed [m s-1]: log-normal, windier by day, at least 0.3."""
    anomaly = 0.35 * _synoptic(generator, days, per_day, 1.5)
    gusts = 0.3 * _autoregressive(generator, days * per_day, per_day / 12.0)
    daytime = 0.8 + 0.5 * radiation_above / SOLAR_CONSTANT
    return np.maximum(setting.wind * np.exp(anomaly + gusts - 0.1) * daytime, 0.3)


def _clear_sky_shortwave(sun: Sun, pressure: np.ndarray) -> np.ndarray:
    """Clear-sky short-wave radiation on the horizontal [W m-2] (Meinel's beam and a tenth diffuse)."""
    air_mass = pressure / 101325.0 / np.maximum(sun.cosine, 0.03)
    return 1.1 * sun.above * 0.7 ** (air_mass**0.678)


def _gaps(generator: np.random.Generator, count: int, fraction: float, mean_length: float) -> np.ndarray:
    """A mask of about ``fraction`` of the steps, in runs of ``mean_length`` steps on average."""
    if fraction == 0:
        return np.zeros(count, dtype=bool)
    missing = np.zeros(count, dtype=bool)
    while missing.mean() < fraction:
        start = int(generator.integers(count))
        missing[start : start + int(generator.geometric(1.0 / mean_length))] = True
    return missing
