"""What of a joined record can be believed: ranges, humidity, longwave, rain, the sign of Qg."""

import numpy as np

from tilth.constants import MELTING_POINT, STEFAN_BOLTZMANN
from tilth.data.containers import Finding
from tilth.data.gaps import runs
from tilth.data.humidity import relative_humidity, saturation_vapour_pressure
from tilth.data.joined import JoinedTower
from tilth.data.ranges import FORCING_OF, OBSERVED, physical_ranges

SKY_EMISSIVITY = (0.4, 1.4)
"""Limits of longwave radiation over that of a black body at air temperature [-]."""
OVER_SHORTWAVE = 150.0
"""Net radiation this far above the shortwave radiation is no net radiation [W m-2]."""
SIGN_STEPS = 2000
SIGN_CORRELATION = -0.3
SIGN_DAY_CORRELATION = -0.8
"""Qg has the opposite sign where over so many steps its correlation with net radiation is below the first,
and that of its mean day below the second [-]."""
COLD_DAY_RAIN, LEAST_COLD_DAY_RAIN = 50.0, 10.0
"""More precipitation than this on a day at 0 °C is impossible [mm]; on colder days the limit falls with the
vapour that air can hold, down to the second."""
HANGING = ("Tair", "Qair", "SWdown", "LWdown", "Qle", "Qh", "Rnet", "NEE", "SWup", "LWup")
"""Series that never stand still for a day: where they do, the instrument hangs."""
HANGING_TIME = 24.0 * 3600.0
BRIDGE = 3.0 * 3600.0
"""Values between two wrong ones that are no further apart than this belong to the same failure [s]."""


def hanging(values: np.ndarray, step: float) -> np.ndarray:
    """Steps in runs of a day or more of one value other than zero."""
    same = np.isfinite(values[1:]) & (values[1:] == values[:-1]) & (values[1:] != 0.0)
    stuck = np.zeros(len(values), dtype=bool)
    for start, end in runs(same):
        if (end - start + 1) * step >= HANGING_TIME:
            stuck[start : end + 1] = True
    return stuck


def failures(wrong: np.ndarray, step: float) -> np.ndarray:
    """``wrong`` with the moments at which a sensor that fails for a day or more falls back into range."""
    spread = wrong.copy()
    bridge, long = round(BRIDGE / step), round(HANGING_TIME / step)
    for start, end in [run for run in runs(~wrong) if run[1] - run[0] <= bridge]:
        spread[start:end] = start > 0 and end < len(wrong)
    for start, end in runs(spread):
        if end - start < long:
            spread[start:end] = wrong[start:end]
    return spread


def cold_downpour_days(tower: JoinedTower) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each step's day, each day's precipitation [mm], and whether that is impossible when so cold."""
    _, day = np.unique(tower.time.astype("datetime64[D]"), return_inverse=True)
    rain, air = tower.get("Precip"), tower.get("Tair")
    amount = np.bincount(day, np.nan_to_num(rain) * tower.step)
    seen = np.isfinite(air)
    count = np.bincount(day, seen.astype(float))
    mean = np.where(
        count > 0, np.bincount(day, np.where(seen, air, 0.0)) / np.maximum(count, 1.0), MELTING_POINT
    )
    held = saturation_vapour_pressure(np.minimum(mean, MELTING_POINT)) / saturation_vapour_pressure(
        np.array(MELTING_POINT)
    )
    limit = np.maximum(COLD_DAY_RAIN * held, LEAST_COLD_DAY_RAIN)
    return day, amount, (amount > limit) & (count > 0) & (mean < MELTING_POINT)


def forcing_series(tower: JoinedTower) -> dict[str, np.ndarray]:
    """The forcings that the files hold by ALMA name, NaN where out of physical range.

    Small negative shortwave radiation, as pyranometers give at night, becomes zero. Humidity that would be
    below 1 % or above 120 % of saturation, longwave radiation no sky emits at that temperature, more
    precipitation than a day below freezing can bring, and instruments that hang are out of range too.
    """
    ranges = physical_ranges()
    series = {
        name: np.where(ranges[name].holds(tower.met[name]), tower.met[name], np.nan)
        for name in FORCING_OF
        if name in tower.met
    }
    for name in set(HANGING) & set(series):
        series[name] = np.where(hanging(tower.met[name], tower.step), np.nan, series[name])
    if "SWdown" in series:
        series["SWdown"] = np.maximum(series["SWdown"], 0.0)
    if {"Tair", "Qair", "Psurf"} <= set(series):
        humidity = relative_humidity(series["Qair"], series["Tair"], series["Psurf"])
        wrong = np.isfinite(tower.met["Qair"]) & ~ranges["Qair"].holds(tower.met["Qair"])
        wrong |= np.isfinite(humidity) & ~ranges["RH"].holds(humidity)
        series["Qair"] = np.where(failures(wrong, tower.step), np.nan, series["Qair"])
    if {"Tair", "LWdown"} <= set(series):
        emissivity = series["LWdown"] / (STEFAN_BOLTZMANN * series["Tair"] ** 4)
        wrong = (emissivity < SKY_EMISSIVITY[0]) | (emissivity > SKY_EMISSIVITY[1])
        series["LWdown"] = np.where(wrong, np.nan, series["LWdown"])
    if {"Tair", "Precip"} <= set(series):
        day, _, impossible = cold_downpour_days(tower)
        series["Precip"] = np.where(impossible[day], np.nan, series["Precip"])
    return series


def _opposite_sign(time: np.ndarray, ground: np.ndarray, driver: np.ndarray) -> float | None:
    """Correlation of Qg with its driver where there is overwhelming evidence of an opposite sign."""
    both = np.isfinite(ground) & np.isfinite(driver)
    if both.sum() < SIGN_STEPS or ground[both].std() == 0.0 or driver[both].std() == 0.0:
        return None
    hour = ((time - time.astype("datetime64[D]").astype(time.dtype)) // np.timedelta64(3600, "s"))[both]
    count = np.maximum(np.bincount(hour, minlength=24), 1)
    days = [np.bincount(hour, series[both], minlength=24) / count for series in (ground, driver)]
    correlation = float(np.corrcoef(ground[both], driver[both])[0, 1])
    day_correlation = float(np.corrcoef(days[0], days[1])[0, 1])
    opposite = correlation < SIGN_CORRELATION and day_correlation < SIGN_DAY_CORRELATION
    return correlation if opposite else None


def _neighbourhood_maximum(values: np.ndarray) -> np.ndarray:
    """The largest of each value and its two neighbours, infinite next to NaN."""
    padded = np.pad(np.where(np.isfinite(values), values, np.inf), 1, mode="edge")
    return np.asarray(np.maximum(np.maximum(padded[:-2], padded[2:]), padded[1:-1]))


def flux_series(tower: JoinedTower) -> tuple[dict[str, np.ndarray], list[Finding]]:
    """The observed fluxes by ALMA name, NaN where out of physical range, and what was changed.

    Net radiation more than 150 W m-2 above the shortwave radiation of its time is dropped; Qg is turned where
    net radiation (or shortwave radiation) says beyond doubt that it has the opposite sign.
    """
    ranges = physical_ranges()
    findings = []
    series = {}
    for name in OBSERVED:
        if name not in tower.flux:
            continue
        raw = tower.flux[name]
        kept = ranges[name].holds(raw)
        if name in HANGING:
            kept &= ~hanging(raw, tower.step)
        if name == "Rnet" and "SWdown" in tower.met:
            kept &= ~(raw > _neighbourhood_maximum(tower.met["SWdown"]) + OVER_SHORTWAVE)
        series[name] = np.where(kept, raw, np.nan)
        dropped = np.isfinite(raw) & ~kept
        if dropped.any():
            worst = f"{raw[dropped].min():.4g} to {raw[dropped].max():.4g} {ranges[name].unit}"
            message = f"{name}: {int(dropped.sum())} values cannot be ({worst}): taken as missing"
            findings.append(Finding("warning", "ranges", message))
    if "Qg" in series:
        driver = "Rnet" if "Rnet" in series else "SWdown"
        correlation = _opposite_sign(tower.time, series["Qg"], series.get("Rnet", tower.get("SWdown")))
        if correlation is not None:
            series["Qg"] = -series["Qg"]
            message = (
                f"Qg has the opposite sign (correlation {correlation:.2f} with {driver}): turned to down"
            )
            findings.append(Finding("warning", "sign", message))
    return series, findings
