"""What of a joined record can be believed: ranges, humidity, longwave, rain, the sign of Qg."""

import numpy as np

from tilth.constants import STEFAN_BOLTZMANN
from tilth.data.containers import Finding
from tilth.data.humidity import relative_humidity
from tilth.data.joined import JoinedTower
from tilth.data.ranges import FORCING_OF, OBSERVED, physical_ranges

SKY_EMISSIVITY = (0.4, 1.4)
"""Limits of longwave radiation over that of a black body at air temperature [-]."""
OVER_SHORTWAVE = 150.0
"""Net radiation this far above the shortwave radiation is no net radiation [W m-2]."""
SIGN_CORRELATION = -0.5
"""A correlation of Qg with net radiation below this says that Qg has the opposite sign [-]."""
SIGN_STEPS = 2000
COLD_DAY_RAIN = 50.0
"""More precipitation than this on a day below freezing is impossible [mm]: air at 0 °C holds some 10 mm."""


def cold_downpour_days(tower: JoinedTower) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Index of each step's day, each day's precipitation [mm], and whether it is impossible when that cold."""
    _, day = np.unique(tower.time.astype("datetime64[D]"), return_inverse=True)
    rain, air = tower.get("Precip"), tower.get("Tair")
    amount = np.bincount(day, np.nan_to_num(rain) * tower.step)
    seen = np.isfinite(air)
    count = np.bincount(day, seen.astype(float))
    mean = np.bincount(day, np.where(seen, air, 0.0)) / np.maximum(count, 1.0)
    return day, amount, (amount > COLD_DAY_RAIN) & (count > 0) & (mean < 273.15)


def forcing_series(tower: JoinedTower) -> dict[str, np.ndarray]:
    """The forcings that the files hold by ALMA name, NaN where out of physical range.

    Small negative shortwave radiation, as pyranometers give at night, becomes zero. Humidity that would be
    below 1 % or above 120 % of saturation, longwave radiation no sky emits at that temperature, and
    precipitation above 50 mm on a day below freezing are out of range too.
    """
    ranges = physical_ranges()
    series = {
        name: np.where(ranges[name].holds(tower.met[name]), tower.met[name], np.nan)
        for name in FORCING_OF
        if name in tower.met
    }
    if "SWdown" in series:
        series["SWdown"] = np.maximum(series["SWdown"], 0.0)
    if {"Tair", "Qair", "Psurf"} <= set(series):
        humidity = relative_humidity(series["Qair"], series["Tair"], series["Psurf"])
        wrong = np.isfinite(humidity) & ~ranges["RH"].holds(humidity)
        series["Qair"] = np.where(wrong, np.nan, series["Qair"])
    if {"Tair", "LWdown"} <= set(series):
        emissivity = series["LWdown"] / (STEFAN_BOLTZMANN * series["Tair"] ** 4)
        wrong = (emissivity < SKY_EMISSIVITY[0]) | (emissivity > SKY_EMISSIVITY[1])
        series["LWdown"] = np.where(wrong, np.nan, series["LWdown"])
    if {"Tair", "Precip"} <= set(series):
        day, _, impossible = cold_downpour_days(tower)
        series["Precip"] = np.where(impossible[day], np.nan, series["Precip"])
    return series


def _opposite_sign(ground: np.ndarray, driver: np.ndarray) -> float | None:
    """Correlation of Qg with net radiation where it is overwhelming evidence of an opposite sign."""
    both = np.isfinite(ground) & np.isfinite(driver)
    if both.sum() < SIGN_STEPS or ground[both].std() == 0.0:
        return None
    correlation = float(np.corrcoef(ground[both], driver[both])[0, 1])
    return correlation if correlation < SIGN_CORRELATION else None


def flux_series(tower: JoinedTower) -> tuple[dict[str, np.ndarray], list[Finding]]:
    """The observed fluxes by ALMA name, NaN where out of physical range, and what was changed.

    Net radiation more than 150 W m-2 above the shortwave radiation is dropped; Qg is turned where its
    correlation with net radiation (or shortwave radiation) is below -0.5.
    """
    ranges = physical_ranges()
    findings = []
    series = {}
    for name in OBSERVED:
        if name not in tower.flux:
            continue
        raw = tower.flux[name]
        kept = ranges[name].holds(raw)
        if name == "Rnet" and "SWdown" in tower.met:
            kept &= ~(raw > np.maximum(tower.met["SWdown"], 0.0) + OVER_SHORTWAVE)
        series[name] = np.where(kept, raw, np.nan)
        dropped = int((np.isfinite(raw) & ~kept).sum())
        if dropped:
            findings.append(
                Finding(
                    "warning",
                    "ranges",
                    f"{name}: {dropped} values out of physical range "
                    f"({np.nanmin(raw):.0f} to {np.nanmax(raw):.0f}) dropped",
                )
            )
    if "Qg" in series:
        correlation = _opposite_sign(series["Qg"], series.get("Rnet", tower.get("SWdown")))
        if correlation is not None:
            series["Qg"] = -series["Qg"]
            findings.append(
                Finding(
                    "warning",
                    "sign",
                    f"Qg has the opposite sign (correlation {correlation:.2f} with Rnet): turned to positive down",
                )
            )
    return series, findings
