"""Signs that the fluxes of a tower cannot be right: energy, water, coverage."""

from collections.abc import Iterator

import numpy as np

from tilth.data.balance import closure, energy_by_year, trusted, water
from tilth.data.containers import Finding
from tilth.data.joined import FLUXES, JoinedTower

IMPOSSIBLE_ENERGY = 1.2
"""A year's flux over the radiation there is from which the energy cannot be right [-]: where it is estimated,
the radiation is uncertain by a tenth."""


def coverage_findings(tower: JoinedTower) -> Iterator[Finding]:
    """Fluxes that are not there, years in which they are hardly measured, noise in GPP."""
    years = tower.time.astype("datetime64[Y]")
    for name in FLUXES:
        if not tower.flux:
            break
        if name not in tower.flux:
            yield Finding("warning", "coverage", f"no {name} in the Flux files")
            continue
        good = trusted(tower, name) & np.isfinite(tower.flux[name])
        shares = {str(year): float(good[years == year].mean()) for year in np.unique(years)}
        poor = [f"{year} {100 * share:.0f} %" for year, share in shares.items() if share < 0.5]
        if poor:
            yield Finding(
                "warning", "coverage", f"{name} is measured in less than half of: {', '.join(poor)}"
            )
    if "GPP" in tower.flux:
        finite = tower.flux["GPP"][np.isfinite(tower.flux["GPP"])]
        negative = float(np.mean(finite < 0.0)) if finite.size else 0.0
        if negative > 0.1:
            yield Finding(
                "info",
                "coverage",
                f"GPP is negative in {100 * negative:.0f} % of the steps (partitioning noise)",
            )


def energy_findings(tower: JoinedTower) -> Iterator[Finding]:
    """Closure, corrected fluxes, years with more flux than radiation, radiation that lags."""
    closed = closure(tower)
    if closed is not None:
        if not 0.65 <= closed.ratio <= 1.15:
            yield Finding(
                "warning",
                "energy",
                f"Qle + Qh is {closed.ratio:.2f} of Rnet - Qg (n = {closed.n}): the energy does not close",
            )
        if closed.corrected_ratio > 1.1:
            yield Finding(
                "warning",
                "energy",
                f"Qle_cor + Qh_cor ({closed.corrected:.0f} W m-2) exceed Rnet - Qg "
                f"({closed.available:.0f} W m-2) by {100 * (closed.corrected_ratio - 1):.0f} %: "
                "do not trust the corrected fluxes",
            )
        if closed.slope < 0.55:
            yield Finding(
                "warning",
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
                yield Finding("error", "energy", f"the energy cannot be right in {year.year}: {text}")
            else:
                yield Finding("warning", "energy", f"hardly enough energy in {year.year}: {text}")
    if {"Rnet"} <= set(tower.flux) and "SWdown" in tower.met:
        lags = [_lagged_correlation(tower.flux["Rnet"], tower.met["SWdown"], lag) for lag in (-1, 0, 1)]
        if np.argmax(lags) != 1:
            word = "lags behind" if np.argmax(lags) == 2 else "runs ahead of"
            yield Finding(
                "warning",
                "clock",
                f"Rnet {word} SWdown by one step: its stamps differ from those of the forcing",
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
        yield Finding(
            "warning",
            "water",
            f"evaporation of {amounts.evaporation:.0f} mm a-1 exceeds the rain of {amounts.rain:.0f} mm a-1 "
            f"(n = {amounts.n} and {amounts.rain_n}): irrigation, ground water or undercatch",
        )
