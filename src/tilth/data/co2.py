"""Carbon dioxide in the air of a site: from its file where plausible, else the year's global mean."""

import functools
import tomllib
from importlib import resources

import numpy as np

from tilth.data.units import mole_fraction_of_density

LOW, HIGH = 0.85, 1.6
"""Limits of a single value relative to the year's global mean [-]; nights under a canopy reach the upper."""
MEDIAN_LOW, MEDIAN_HIGH = 0.93, 1.12
"""Limits of the median of a record relative to the global mean [-]."""
GLOBAL_MEAN = "global annual mean (TRENDY v2025 history)"


@functools.cache
def annual_means() -> dict[int, float]:
    """Global mean mole fraction of CO2 by year [mol mol-1]."""
    text = resources.files("tilth.data").joinpath("tables/co2.toml").read_text(encoding="utf-8")
    return {int(year): value * 1e-6 for year, value in tomllib.loads(text)["annual_mean"].items()}


def global_mean(time: np.ndarray) -> np.ndarray:
    """Global annual mean mole fraction of CO2 at each step [mol mol-1]; the nearest year beyond the table."""
    table = annual_means()
    years = time.astype("datetime64[Y]").astype(int) + 1970
    return np.interp(years, np.array(sorted(table)), np.array([table[year] for year in sorted(table)]))


def _plausible(values: np.ndarray, background: np.ndarray) -> bool:
    ratio = values / background
    finite = ratio[np.isfinite(ratio)]
    return finite.size > 0 and bool(MEDIAN_LOW <= np.median(finite) <= MEDIAN_HIGH)


def screened(
    time: np.ndarray, values: np.ndarray | None, air_temperature: np.ndarray, pressure: np.ndarray
) -> tuple[np.ndarray, str, str | None]:
    """Mole fraction of CO2 at every step [mol mol-1], its source, and the unit it was in if that was a lie.

    ``values`` are as the file states them, in mol mol-1. A record whose median is far from the global mean is
    tried as a density [mg m-3]; single values far from it, and gaps, take the global mean.
    """
    background = global_mean(time)
    if values is None:
        return background, GLOBAL_MEAN, None
    lie = None
    if not _plausible(values, background):
        density = mole_fraction_of_density(values, air_temperature, pressure)
        if not _plausible(density, background):
            return background, f"{GLOBAL_MEAN}; that of the file is not plausible", None
        values, lie = density, "mg m-3"
    ratio = values / background
    good = np.isfinite(ratio) & (ratio >= LOW) & (ratio <= HIGH)
    share = 100.0 * float(np.mean(~good))
    source = "file" if share == 0.0 else f"file, {share:.1f} % replaced by the {GLOBAL_MEAN}"
    return np.where(good, values, background), source, lie
