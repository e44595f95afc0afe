"""The ALMA names that are read, and the physical range of each."""

import dataclasses
import functools
import tomllib
from importlib import resources

import numpy as np

FORCING_OF = {
    "Tair": "air_temperature",
    "Qair": "specific_humidity",
    "Wind": "wind_speed",
    "Psurf": "surface_pressure",
    "SWdown": "shortwave_down",
    "LWdown": "longwave_down",
    "Precip": "precipitation",
}
"""ALMA name of each of the seven forcings."""

MET_NAMES = (*FORCING_OF, "CO2air", "LAI", "RH", "VPD")
OBSERVED = (
    "Qle", "Qh", "Rnet", "Qg", "NEE", "GPP", "Qle_cor", "Qh_cor", "LWup", "SWup", "Ustar",
)  # fmt: skip
"""Fluxes that a record keeps as observations."""
FLUX_NAMES = (*OBSERVED, *(f"{name}_uc" for name in OBSERVED))


@dataclasses.dataclass(frozen=True)
class Range:
    """Physical limits of a quantity in ``unit``."""

    low: float
    high: float
    unit: str

    def holds(self, values: np.ndarray) -> np.ndarray:
        """Where values are finite and within the limits."""
        return np.asarray(np.isfinite(values) & (values >= self.low) & (values <= self.high))


@functools.cache
def physical_ranges() -> dict[str, Range]:
    """Physical limits by ALMA name."""
    text = resources.files("tilth.data").joinpath("tables/ranges.toml").read_text(encoding="utf-8")
    return {name: Range(**entry) for name, entry in tomllib.loads(text).items()}
