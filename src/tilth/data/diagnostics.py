"""Signs that a record cannot be right or deserves a look, each a finding with its numbers."""

from collections.abc import Iterator

import numpy as np

from tilth.data.balance import closure, energy_by_year, trusted, water
from tilth.data.containers import FILLED, MEASURED, Finding
from tilth.data.gaps import runs
from tilth.data.humidity import relative_humidity, saturation_vapour_pressure
from tilth.data.joined import FLUXES, JoinedTower
from tilth.data.ranges import FORCING_OF, physical_ranges
from tilth.data.runs import longest_run, repeated_share
from tilth.data.screening import HANGING, cold_downpour_days, forcing_series

WET_STEP = 0.2
"""Rain of a step from which the air must be moist [mm]."""
DRY_RAIN = 0.45
"""Median relative humidity in rain below which the humidity is wrong [-]; real towers have 0.85 and more."""
STUCK_HOURS = 24.0
IMPOSSIBLE_ENERGY = 1.2
"""A year's flux over the radiation there is from which the energy cannot be right [-]: where it is estimated,
the radiation is uncertain by a tenth."""
MOST_RAIN = 400.0
"""More rain in a day than this is not believed [mm]."""


def _error(topic: str, message: str) -> Finding:
    return Finding("error", topic, message)


def _warning(topic: str, message: str) -> Finding:
    return Finding("warning", topic, message)


def _info(topic: str, message: str) -> Finding:
    return Finding("info", topic, message)


def humidity_findings(tower: JoinedTower) -> Iterator[Finding]:
    """Whether the air is moist when it rains and dry when it should be."""
    if not {"Tair", "Qair", "Psurf"} <= set(tower.met):
        return
    humidity = relative_humidity(tower.met["Qair"], tower.met["Tair"], tower.met["Psurf"])
    humidity = np.where(tower.met["Qair"] > 0.0, humidity, np.nan)
    wet = np.isfinite(humidity) & (tower.get("Precip") * tower.step > WET_STEP)
    if wet.sum() >= 50 and np.median(humidity[wet]) < DRY_RAIN:
        yield _error(
            "humidity",
            "the humidity cannot be right: relative humidity has a median of "
            f"{100 * np.median(humidity[wet]):.0f} % while it rains (n = {wet.sum()}), "
            f"{100 * np.nanmedian(humidity):.0f} % overall and stays below "
            f"{100 * np.nanquantile(humidity, 0.99):.0f} % in 99 % of the steps",
        )
    above = float(np.nanmean(humidity > 1.05)) if np.isfinite(humidity).any() else 0.0
    if above > 0.02:
        yield _warning("humidity", f"relative humidity is above 105 % in {100 * above:.1f} % of the steps")


def rain_findings(tower: JoinedTower) -> Iterator[Finding]:
    """Amounts of precipitation that cannot be."""
    if not {"Precip", "Tair"} <= set(tower.met):
        return
    _, amount, impossible = cold_downpour_days(tower)
    first = np.unique(tower.time.astype("datetime64[D]"))
    days = [f"{amount[i]:.0f} mm on {first[i]}" for i in np.flatnonzero(impossible)]
    if days:
        yield _error(
            "rain",
            f"the rain cannot be right: {', '.join(days[:6])}{' …' if len(days) > 6 else ''} on days below "
            "freezing: taken as missing",
        )
    torrents = np.flatnonzero(amount > MOST_RAIN)
    if len(torrents):
        yield _error(
            "rain", f"{amount[torrents[0]]:.0f} mm on {first[torrents[0]]} is more than a day can bring"
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
            yield _warning(
                "ranges",
                f"{name}: {int(dropped.sum())} values cannot be ({worst}){longest}: taken as missing",
            )


def run_findings(tower: JoinedTower) -> Iterator[Finding]:
    """Values that stand still for a day or more, and fluxes that repeat the value before."""
    for name in (*FORCING_OF, "Qle", "Qh", "Rnet", "Qg", "NEE"):
        if name not in tower.met and name not in tower.flux:
            continue
        values = tower.get(name)
        distinct = len(np.unique(values[np.isfinite(values)]))
        if name == "Psurf" and distinct < max(len(values) // 200, 20):
            yield _info("runs", f"{name} has {distinct} distinct values: made up, not measured")
            continue
        run = longest_run(values, ignore_zero=name in ("Precip", "SWdown"))
        dropped = name in HANGING and run.value != 0.0
        if run.length * tower.step >= STUCK_HOURS * 3600.0 and not dropped:
            flagged = ", though flagged measured" if tower.quality[name][run.start] == MEASURED else ""
            yield _warning(
                "runs",
                f"{name} = {run.value:.4g} for {run.length} steps in a row "
                f"from {tower.time[run.start]}{flagged}",
            )
    for name in FLUXES:
        if name in tower.flux:
            share = repeated_share(tower.flux[name], trusted(tower, name))
            if share > 0.05:
                yield _warning("runs", f"{100 * share:.0f} % of the measured {name} repeat the value before")


def coverage_findings(tower: JoinedTower) -> Iterator[Finding]:
    """Forcing that is mostly filled, fluxes that are mostly not measured, years without."""
    for name in FORCING_OF:
        if name in tower.met:
            share = float(np.mean(tower.quality[name] == FILLED))
            if share > 0.4:
                yield _info("coverage", f"{name}: {100 * share:.0f} % filled or synthetic in the file")
    years = tower.time.astype("datetime64[Y]")
    for name in FLUXES:
        if not tower.flux:
            break
        if name not in tower.flux:
            yield _warning("coverage", f"no {name} in the Flux files")
            continue
        good = trusted(tower, name) & np.isfinite(tower.flux[name])
        shares = {str(year): float(good[years == year].mean()) for year in np.unique(years)}
        poor = [f"{year} {100 * share:.0f} %" for year, share in shares.items() if share < 0.5]
        if poor:
            yield _warning("coverage", f"{name} is measured in less than half of: {', '.join(poor)}")
    if "GPP" in tower.flux:
        finite = tower.flux["GPP"][np.isfinite(tower.flux["GPP"])]
        negative = float(np.mean(finite < 0.0)) if finite.size else 0.0
        if negative > 0.1:
            yield _info(
                "coverage", f"GPP is negative in {100 * negative:.0f} % of the steps (partitioning noise)"
            )


def energy_findings(tower: JoinedTower) -> Iterator[Finding]:
    """Closure, corrected fluxes, years with more flux than radiation, radiation that lags."""
    closed = closure(tower)
    if closed is not None:
        if not 0.65 <= closed.ratio <= 1.15:
            yield _warning(
                "energy",
                f"Qle + Qh is {closed.ratio:.2f} of Rnet - Qg (n = {closed.n}): the energy does not close",
            )
        if closed.corrected_ratio > 1.1:
            yield _warning(
                "energy",
                f"Qle_cor + Qh_cor ({closed.corrected:.0f} W m-2) exceed Rnet - Qg "
                f"({closed.available:.0f} W m-2) by {100 * (closed.corrected_ratio - 1):.0f} %: "
                "do not trust the corrected fluxes",
            )
        if closed.slope < 0.55:
            yield _warning(
                "energy",
                f"Qle + Qh follow Rnet - Qg step by step with a slope of {closed.slope:.2f} only "
                f"(n = {closed.n}): heat is stored and given back, or lost",
            )
    for year in energy_by_year(tower):
        if year.n > 2000 and year.turbulent > year.radiation:
            text = (
                f"Qle + Qh average {year.turbulent:.0f} W m-2, the radiation there is "
                f"{year.radiation:.0f} W m-2 (n = {year.n}; "
                f"exceeded in {100 * year.exceeding:.0f} % of the daytime)"
            )
            if year.turbulent > IMPOSSIBLE_ENERGY * year.radiation:
                yield _error("energy", f"the energy cannot be right in {year.year}: {text}")
            else:
                yield _warning("energy", f"hardly enough energy in {year.year}: {text}")
    if {"Rnet"} <= set(tower.flux) and "SWdown" in tower.met:
        lags = [_lagged_correlation(tower.flux["Rnet"], tower.met["SWdown"], lag) for lag in (-1, 0, 1)]
        if np.argmax(lags) != 1:
            word = "lags behind" if np.argmax(lags) == 2 else "runs ahead of"
            yield _warning(
                "clock", f"Rnet {word} SWdown by one step: its stamps differ from those of the forcing"
            )


def _lagged_correlation(later: np.ndarray, earlier: np.ndarray, lag: int) -> float:
    """Correlation of one series with another ``lag`` steps before."""
    shifted = np.roll(earlier, lag)
    both = np.isfinite(later) & np.isfinite(shifted)
    if both.sum() < 1000 or later[both].std() == 0.0 or shifted[both].std() == 0.0:
        return 0.0
    return float(np.corrcoef(later[both], shifted[both])[0, 1])


def water_findings(tower: JoinedTower) -> Iterator[Finding]:
    """Evaporation beside rain."""
    amounts = water(tower)
    if amounts is not None and amounts.evaporation > 1.02 * amounts.rain:
        yield _warning(
            "water",
            f"evaporation of {amounts.evaporation:.0f} mm a-1 exceeds the rain of {amounts.rain:.0f} mm a-1 "
            f"(n = {amounts.n} and {amounts.rain_n}): irrigation, ground water or undercatch",
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
            yield _warning(
                "units",
                f"{name} holds {unit} in {100 * lies:.0f} % of the steps, not what it says: recomputed",
            )


def note_findings(tower: JoinedTower) -> Iterator[Finding]:
    """What the files themselves warn of."""
    for key, text in tower.attributes.items():
        if key.endswith("_note") and text:
            yield _info("file", f"{key.removesuffix('_note')}: {text}")


def height_findings(tower: JoinedTower) -> Iterator[Finding]:
    """A reference height within the canopy."""
    reference, canopy = tower.scalars.get("reference_height"), tower.scalars.get("canopy_height")
    if reference is not None and canopy is not None and reference <= canopy:
        yield _warning(
            "attributes", f"the reference height {reference:g} m is not above the canopy of {canopy:g} m"
        )


def diagnose(tower: JoinedTower) -> list[Finding]:
    """Everything suspicious in a joined record, errors first."""
    sources = (
        humidity_findings,
        rain_findings,
        range_findings,
        run_findings,
        coverage_findings,
        energy_findings,
        water_findings,
        derived_unit_findings,
        height_findings,
        note_findings,
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        return [finding for source in sources for finding in source(tower)]
