"""Signs that the forcing of a tower cannot be right: humidity, rain, ranges, units."""

from collections.abc import Iterator

import numpy as np

from tilth.data.containers import FILLED, Finding
from tilth.data.gaps import runs
from tilth.data.humidity import relative_humidity, saturation_vapour_pressure
from tilth.data.joined import JoinedTower
from tilth.data.ranges import FORCING_OF, physical_ranges
from tilth.data.screening import cold_downpour_days, forcing_series

WET_STEP = 0.2
"""Rain of a step from which the air must be moist [mm]."""
DRY_RAIN = 0.45
"""Median relative humidity in rain below which the humidity is wrong [-]; real towers have 0.85 and more."""
MOST_RAIN = 400.0
"""More rain in a day than this is not believed [mm]."""


def humidity_findings(tower: JoinedTower) -> Iterator[Finding]:
    """Whether the air is moist when it rains and dry when it should be."""
    if not {"Tair", "Qair", "Psurf"} <= set(tower.met):
        return
    humidity = relative_humidity(tower.met["Qair"], tower.met["Tair"], tower.met["Psurf"])
    humidity = np.where(tower.met["Qair"] > 0.0, humidity, np.nan)
    wet = np.isfinite(humidity) & (tower.get("Precip") * tower.step > WET_STEP)
    if wet.sum() >= 50 and np.median(humidity[wet]) < DRY_RAIN:
        yield Finding(
            "error",
            "humidity",
            "the humidity cannot be right: relative humidity has a median of "
            f"{100 * np.median(humidity[wet]):.0f} % while it rains (n = {wet.sum()}), "
            f"{100 * np.nanmedian(humidity):.0f} % overall and stays below "
            f"{100 * np.nanquantile(humidity, 0.99):.0f} % in 99 % of the steps",
        )
    above = float(np.nanmean(humidity > 1.05)) if np.isfinite(humidity).any() else 0.0
    if above > 0.02:
        yield Finding(
            "warning", "humidity", f"relative humidity is above 105 % in {100 * above:.1f} % of the steps"
        )


def rain_findings(tower: JoinedTower) -> Iterator[Finding]:
    """Amounts of precipitation that cannot be."""
    if not {"Precip", "Tair"} <= set(tower.met):
        return
    _, amount, impossible = cold_downpour_days(tower)
    first = np.unique(tower.time.astype("datetime64[D]"))
    days = [f"{amount[i]:.0f} mm on {first[i]}" for i in np.flatnonzero(impossible)]
    if days:
        yield Finding(
            "error",
            "rain",
            f"the rain cannot be right: {', '.join(days[:6])}{' …' if len(days) > 6 else ''} on days below "
            "freezing: taken as missing",
        )
    torrents = np.flatnonzero(amount > MOST_RAIN)
    if len(torrents):
        yield Finding(
            "error",
            "rain",
            f"{amount[torrents[0]]:.0f} mm on {first[torrents[0]]} is more than a day can bring",
        )


def range_findings(tower: JoinedTower) -> Iterator[Finding]:
    """Forcing that is out of physical range, variable by variable."""
    kept = forcing_series(tower)
    for name in FORCING_OF:
        if name not in tower.met or name == "Precip":
            continue
        raw = tower.met[name]
        dropped = np.isfinite(raw) & ~np.isfinite(kept[name])
        if dropped.any():
            unit = physical_ranges()[name].unit
            worst = f"{np.min(raw[dropped]):.3g} to {np.max(raw[dropped]):.3g} {unit}"
            start, end = max(runs(dropped), key=lambda run: run[1] - run[0])
            longest = f", {end - start} in a row from {tower.time[start]}" if end - start >= 12 else ""
            yield Finding(
                "warning",
                "ranges",
                f"{name}: {int(dropped.sum())} values cannot be ({worst}){longest}: taken as missing",
            )


def derived_unit_findings(tower: JoinedTower) -> Iterator[Finding]:
    """RH and VPD of the file beside those of Tair, Qair and Psurf; the model uses the latter."""
    if not {"Tair", "Qair", "Psurf"} <= set(tower.met):
        return
    humidity = relative_humidity(tower.met["Qair"], tower.met["Tair"], tower.met["Psurf"])
    deficit = (1.0 - humidity) * saturation_vapour_pressure(tower.met["Tair"])
    for name, own, factor, unit in (("RH", humidity, 100.0, "fractions"), ("VPD", deficit, 10.0, "kPa")):
        if name not in tower.met:
            continue
        compared = (own > 0.05) & (deficit > 100.0) & (tower.met[name] > 0.0)
        ratio = own[compared] / tower.met[name][compared]
        lies = float(np.mean((ratio > factor / 1.6) & (ratio < factor * 1.6))) if ratio.size else 0.0
        if lies > 0.3:
            yield Finding(
                "warning",
                "units",
                f"{name} holds {unit} in {100 * lies:.0f} % of the steps, not what it says: recomputed",
            )


def synthetic_findings(tower: JoinedTower) -> Iterator[Finding]:
    """Forcing that is mostly filled or made up."""
    for name in FORCING_OF:
        if name in tower.met:
            share = float(np.mean(tower.quality[name] == FILLED))
            if share > 0.4:
                yield Finding(
                    "info", "coverage", f"{name}: {100 * share:.0f} % filled or synthetic in the file"
                )
