"""What a tower's energy and water add up to."""

import dataclasses

import numpy as np

from tilth.constants import LATENT_HEAT_VAPORISATION, STEFAN_BOLTZMANN
from tilth.data.containers import MEASURED, UNKNOWN
from tilth.data.gaps import month_hour_mean
from tilth.data.joined import JoinedTower
from tilth.data.screening import flux_series, forcing_series

GROUND_SHARE = 0.1
"""Qg over net radiation where Qg was not measured [-]."""
FOREST = ("ENF", "EBF", "DNF", "DBF", "MF")
FOREST_ALBEDO, OPEN_ALBEDO = 0.12, 0.20
EMISSIVITY = 0.97
YEAR = 365.25 * 86400.0


@dataclasses.dataclass(frozen=True)
class Closure:
    """Energy balance of a tower over the ``n`` steps where every term was measured.

    ``ratio``: sum of Qle + Qh over that of Rnet - Qg [-]; ``slope``: of their regression [-];
    ``half_rms``: half the root mean square of the residual [W m-2], an indication of how low the mean RMSE of
    the two fluxes of a conserving model can go; ``corrected_ratio``: the ratio of the corrected fluxes, NaN
    where there are none.
    ``ground_measured``: False where Qg was taken as 0.1 Rnet.
    """

    n: int
    ratio: float
    slope: float
    half_rms: float
    available: float
    turbulent: float
    corrected: float
    corrected_ratio: float
    ground_measured: bool


@dataclasses.dataclass(frozen=True)
class YearEnergy:
    """Turbulent flux of a year beside the radiation there was for it [W m-2], over ``n`` steps."""

    year: int
    n: int
    turbulent: float
    radiation: float
    exceeding: float


@dataclasses.dataclass(frozen=True)
class Water:
    """Evaporation over its ``n`` steps and rain over its ``rain_n`` steps [mm a-1].

    Evaporation is that of the mean month and time of day, since open-path sensors fail in rain and fluxes at
    night; filled values count.
    """

    n: int
    evaporation: float
    rain_n: int
    rain: float


def trusted(tower: JoinedTower, name: str) -> np.ndarray:
    """Steps where a flux is measured, or finite where the file has no flags."""
    return (
        np.isin(tower.quality[name], (MEASURED, UNKNOWN))
        if name in tower.quality
        else np.zeros(len(tower.time), bool)
    )


def closure(tower: JoinedTower) -> Closure | None:
    """Energy balance closure, None without Qle, Qh and Rnet."""
    flux, _ = flux_series(tower)
    if not {"Qle", "Qh", "Rnet"} <= set(flux):
        return None
    measured = trusted(tower, "Qle") & trusted(tower, "Qh") & trusted(tower, "Rnet")
    ground = flux.get("Qg", np.full(len(tower.time), np.nan))
    use_ground = "Qg" in flux and bool((measured & trusted(tower, "Qg") & np.isfinite(ground)).sum() > 1000)
    if use_ground:
        measured &= trusted(tower, "Qg")
    else:
        ground = GROUND_SHARE * flux["Rnet"]
    available = flux["Rnet"] - ground
    turbulent = flux["Qle"] + flux["Qh"]
    ok = measured & np.isfinite(available) & np.isfinite(turbulent)
    if not ok.any():
        return None
    corrected = flux.get("Qle_cor", np.full_like(ground, np.nan)) + flux.get("Qh_cor", np.nan)
    both = ok & np.isfinite(corrected)
    return Closure(
        n=int(ok.sum()),
        ratio=float(turbulent[ok].sum() / available[ok].sum()),
        slope=float(np.polyfit(available[ok], turbulent[ok], 1)[0]) if ok.sum() > 2 else float("nan"),
        half_rms=float(0.5 * np.sqrt(np.mean((available - turbulent)[ok] ** 2))),
        available=float(available[ok].mean()),
        turbulent=float(turbulent[ok].mean()),
        corrected=float(corrected[both].mean()) if both.any() else float("nan"),
        corrected_ratio=float(corrected[both].sum() / available[both].sum()) if both.any() else float("nan"),
        ground_measured=use_ground,
    )


def radiation_there_is(tower: JoinedTower) -> np.ndarray:
    """Net radiation as measured, else that of a surface at air temperature [W m-2], too much by day.

    The latter is (1 - albedo) SWdown + 0.97 (LWdown - σ Tair⁴), albedo 0.12 for forests and 0.20 elsewhere.
    """
    flux, _ = flux_series(tower)
    if "Rnet" in flux:
        return flux["Rnet"]
    met = forcing_series(tower)
    absent = np.full(len(tower.time), np.nan)
    albedo = FOREST_ALBEDO if tower.igbp in FOREST else OPEN_ALBEDO
    black = STEFAN_BOLTZMANN * met.get("Tair", absent) ** 4
    return np.asarray(
        (1.0 - albedo) * met.get("SWdown", absent) + EMISSIVITY * (met.get("LWdown", absent) - black)
    )


def energy_by_year(tower: JoinedTower) -> list[YearEnergy]:
    """Turbulent flux beside the radiation there is, for each calendar year with both."""
    flux, _ = flux_series(tower)
    if not {"Qle", "Qh"} <= set(flux):
        return []
    turbulent, radiation = flux["Qle"] + flux["Qh"], radiation_there_is(tower)
    ok = trusted(tower, "Qle") & trusted(tower, "Qh") & np.isfinite(turbulent) & np.isfinite(radiation)
    years = tower.time.astype("datetime64[Y]").astype(int) + 1970
    day = tower.get("SWdown") > 100.0
    found = []
    for year in np.unique(years):
        steps = ok & (years == year)
        if steps.any():
            found.append(
                YearEnergy(
                    year=int(year),
                    n=int(steps.sum()),
                    turbulent=float(turbulent[steps].mean()),
                    radiation=float(radiation[steps].mean()),
                    exceeding=float(np.mean((turbulent > radiation + 50.0)[steps & day]))
                    if (steps & day).any()
                    else 0.0,
                )
            )
    return found


def water(tower: JoinedTower) -> Water | None:
    """Rain and evaporation per year, None without Qle or rain."""
    flux, _ = flux_series(tower)
    rain, latent = forcing_series(tower).get("Precip"), flux.get("Qle")
    if rain is None or latent is None or not np.isfinite(rain).any() or not np.isfinite(latent).any():
        return None
    typical = month_hour_mean(tower.time, latent, tower.step)
    return Water(
        n=int(np.isfinite(latent).sum()),
        evaporation=float(
            np.where(np.isfinite(latent), latent, typical).mean() / LATENT_HEAT_VAPORISATION * YEAR
        ),
        rain_n=int(np.isfinite(rain).sum()),
        rain=float(np.nanmean(rain) * YEAR),
    )
