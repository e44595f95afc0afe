"""From the units of tower files to those the package works in, and units that lie.

Two steps. What a file says of a unit is looked up (:func:`conversion`), anything unknown is an error. Then
what it holds is compared with what a tower can measure (:func:`recognised`): a series in a unit other than
the stated one stands far outside any climate, and the factor that brings it back is known.
"""

import re
from collections.abc import Callable

import numpy as np

from tilth.constants import GAS_CONSTANT, MELTING_POINT

MOLAR_MASS_CO2 = 44.01e-3
"""Molar mass of carbon dioxide [kg mol-1]."""

ENERGY = {"W/m2": (1.0, 0.0)}
CARBON = {"umol/m2/s": (1.0, 0.0)}
SPEED = {"m/s": (1.0, 0.0)}

CONVERSIONS: dict[str, dict[str, tuple[float, float]]] = {
    "Tair": {"K": (1.0, 0.0), "degC": (1.0, MELTING_POINT)},
    "Qair": {"kg/kg": (1.0, 0.0), "g/kg": (1e-3, 0.0), "1": (1.0, 0.0)},
    "Wind": SPEED,
    "Psurf": {"Pa": (1.0, 0.0), "hPa": (100.0, 0.0), "kPa": (1000.0, 0.0)},
    "SWdown": ENERGY,
    "LWdown": ENERGY,
    "Precip": {"kg/m2/s": (1.0, 0.0), "mm/s": (1.0, 0.0), "mm/h": (1.0 / 3600.0, 0.0)},
    "CO2air": {"ppm": (1e-6, 0.0), "umol/mol": (1e-6, 0.0), "mol/mol": (1.0, 0.0)},
    "LAI": {"1": (1.0, 0.0), "": (1.0, 0.0)},
    "VPD": {"hPa": (100.0, 0.0), "kPa": (1000.0, 0.0), "Pa": (1.0, 0.0)},
    "RH": {"%": (0.01, 0.0), "1": (1.0, 0.0)},
    "Ustar": SPEED,
    "NEE": CARBON,
    "GPP": CARBON,
}
"""Factor and offset from each unit a file may state to the unit of the package, by ALMA name."""
for _name in ("Qle", "Qh", "Qle_cor", "Qh_cor", "Rnet", "Qg", "SWup", "LWup"):
    CONVERSIONS[_name] = ENERGY


SPELLINGS = {
    "degreesC": "degC", "degrees_C": "degC", "celsius": "degC", "Celsius": "degC", "C": "degC", "kelvin": "K",
    "mbar": "hPa", "Wm-2": "W/m2", "-": "1", "unitless": "1", "fraction": "1", "m2/m2": "1",
    "umolCO2/m2/s": "umol/m2/s",
}  # fmt: skip
"""Other spellings of a unit."""


def normalised(unit: str) -> str:
    """A unit in one spelling, with slashes for negative powers: W m^-2 becomes W/m2."""
    text = unit.replace("°", "deg").replace("µ", "u").replace("μ", "u").replace("^", "").replace("**", "")
    words = re.split(r"[\s*·]+", text.strip())
    joined = ""
    for word in words:
        power = re.fullmatch(r"([A-Za-z]+)-(\d+)", word)
        if power and joined:
            joined += f"/{power[1]}{power[2] if power[2] != '1' else ''}"
        else:
            joined += word
    return SPELLINGS.get(joined, joined)


def conversion(name: str, unit: str) -> tuple[float, float]:
    """Factor and offset from the unit a file states to that of the package.

    A variable called after another (Qle_uc, Qle_cor_uc) takes its units, without offset.
    """
    known = CONVERSIONS[name]
    text = normalised(unit)
    if text not in known:
        raise ValueError(
            f"{name}: expected a unit of {', '.join(key for key in known if key)}, "
            f"got {repr(unit) if unit else 'none'}: convert the variable or correct its attribute"
        )
    return known[text]


def _celsius(values: np.ndarray) -> np.ndarray:
    return values + MELTING_POINT


def _scaled(factor: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda values: values * factor


LIES: dict[str, tuple[tuple[float, float, str, Callable[[np.ndarray], np.ndarray]], ...]] = {
    "Tair": ((-60.0, 60.0, "°C", _celsius),),
    "Psurf": ((45.0, 110.0, "kPa", _scaled(1e3)), (450.0, 1100.0, "hPa", _scaled(1e2))),
    "Qair": ((0.1, 40.0, "g kg-1", _scaled(1e-3)),),
}
"""Where the median of a series lies [in the unit of the package], the unit it must be in, and the remedy."""


def recognised(name: str, values: np.ndarray, step: float) -> tuple[np.ndarray, str | None]:
    """The series in the unit of the package and the unit it turned out to be in, None where all is well.

    Precipitation above 30 m a year is taken for an amount per step [s].
    """
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return values, None
    middle = float(np.median(finite))
    for low, high, unit, remedy in LIES.get(name, ()):
        if low <= middle <= high:
            return remedy(values), unit
    if name == "Precip" and float(finite.mean()) > 1e-3:
        return values / step, "mm per step"
    return values, None


def mole_fraction_of_density(
    density: np.ndarray, air_temperature: np.ndarray, pressure: np.ndarray
) -> np.ndarray:
    """Mole fraction of CO2 [mol mol-1] from its density [kg m-3], T [K] and pressure [Pa] (ideal gas)."""
    return np.asarray(density / MOLAR_MASS_CO2 * GAS_CONSTANT * air_temperature / pressure)
