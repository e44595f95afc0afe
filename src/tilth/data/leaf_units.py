"""Units of the quantities of leaf gas-exchange tables, and whether values can be in them.

Every quantity has the unit used inside, the units a table may be in and the range of possible values and of
possible medians, which is narrower: a column of kilopascals declared as pascals has possible values only.
"""

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np

Convert = Callable[[np.ndarray], np.ndarray]
CHECK = "check the column, and `missing` if a number stands for no value"
MILLIMETRES_PER_MEGAPASCAL = 1e6 / 9.80665
"""Height of a water column [mm] per pressure [MPa] at 1000 kg m-3."""


def _times(factor: float) -> Convert:
    return lambda values: values * factor


@dataclasses.dataclass(frozen=True)
class LeafQuantity:
    """A quantity of a table: units by name, and the ranges of values and of the median in the inner unit."""

    units: Mapping[str, Convert]
    values: tuple[float, float]
    medians: tuple[float, float]

    @property
    def unit(self) -> str:
        """The unit used inside."""
        return next(iter(self.units))


_PRESSURE = {"Pa": _times(1.0), "hPa": _times(1e2), "kPa": _times(1e3)}
_CELSIUS = {"degC": _times(1.0), "K": lambda values: values - 273.15}
_POTENTIAL = {
    "mm": _times(1.0),
    "MPa": _times(MILLIMETRES_PER_MEGAPASCAL),
    "kPa": _times(1e-3 * MILLIMETRES_PER_MEGAPASCAL),
}
_PERCENT = {"percent": _times(1.0), "fraction": _times(100.0)}
_FRACTION = {"fraction": _times(1.0), "percent": _times(0.01)}

LEAF_QUANTITIES: dict[str, LeafQuantity] = {
    "leaf_temperature": LeafQuantity(_CELSIUS, (-20.0, 60.0), (-5.0, 50.0)),
    "air_temperature": LeafQuantity(_CELSIUS, (-30.0, 60.0), (-10.0, 50.0)),
    "growth_temperature": LeafQuantity(_CELSIUS, (-30.0, 50.0), (-20.0, 45.0)),
    "light": LeafQuantity(
        {"umol m-2 s-1": _times(1.0), "W m-2": _times(4.6), "mol m-2 s-1": _times(1e6)},
        (-5.0, 3500.0),
        (10.0, 2500.0),
    ),
    "pressure": LeafQuantity(_PRESSURE, (4e4, 1.1e5), (4e4, 1.1e5)),
    "co2": LeafQuantity({"Pa": _times(1.0), "ppm": _times(1.0)}, (3.0, 200.0), (10.0, 150.0)),
    "vapour_pressure_deficit": LeafQuantity(_PRESSURE, (-100.0, 1.3e4), (50.0, 8e3)),
    "relative_humidity": LeafQuantity(_PERCENT, (0.0, 110.0), (2.0, 105.0)),
    "boundary_conductance": LeafQuantity(
        {"mol m-2 s-1": _times(1.0), "umol m-2 s-1": _times(1e-6), "mmol m-2 s-1": _times(1e-3)},
        (0.0, 50.0),
        (0.02, 30.0),
    ),
    "wind_speed": LeafQuantity({"m s-1": _times(1.0)}, (0.0, 40.0), (0.0, 20.0)),
    "net_photosynthesis": LeafQuantity(
        {"umol m-2 s-1": _times(1.0), "mol m-2 s-1": _times(1e6)}, (-30.0, 120.0), (0.2, 80.0)
    ),
    "sand": LeafQuantity(_PERCENT, (0.0, 100.0), (1.5, 100.0)),
    "clay": LeafQuantity(_PERCENT, (0.0, 100.0), (1.5, 100.0)),
    "organic_matter": LeafQuantity(_FRACTION, (0.0, 1.0), (1e-4, 0.9)),
    "soil_moisture": LeafQuantity(_FRACTION, (0.0, 1.0), (0.01, 0.95)),
    "soil_wetness": LeafQuantity(_FRACTION, (0.0, 1.01), (0.015, 1.0)),
    "root_fraction": LeafQuantity(_FRACTION, (0.0, 1.0), (0.0, 1.0)),
    "soil_water_potential": LeafQuantity(_POTENTIAL, (-2e6, 0.0), (-1e6, -50.0)),
    "air_entry_potential": LeafQuantity(_POTENTIAL, (-1e5, -1.0), (-2e4, -3.0)),
    "retention_exponent": LeafQuantity({"1": _times(1.0)}, (1.0, 25.0), (1.5, 20.0)),
}
"""The quantities a column map may name, with their units; the first unit is the one used inside.

``co2`` in ppm is multiplied by the pressure before its range is looked at.
"""


def in_inner_unit(quantity: str, values: np.ndarray, unit: str) -> np.ndarray:
    """``values`` of a quantity converted to the unit used inside; ``ValueError`` for an unknown unit."""
    units = LEAF_QUANTITIES[quantity].units
    if unit not in units:
        raise ValueError(f"{quantity}: unknown unit {unit!r}, expected one of {sorted(units)}")
    return units[unit](values)


def unit_complaint(quantity: str, values: np.ndarray, unit: str, column: str) -> str | None:
    """What is wrong with converted values, with the unit that would fit; None where they are possible."""
    known = LEAF_QUANTITIES[quantity]
    finite = values[np.isfinite(values)]
    if finite.size == 0 or _possible(known, finite):
        return None
    raw = finite / known.units[unit](np.ones(1)) if unit != "K" else finite + 273.15
    fitting = [
        name for name, convert in known.units.items() if name != unit and _possible(known, convert(raw))
    ]
    advice = f"they would fit as {' or '.join(fitting)}" if fitting and quantity != "co2" else CHECK
    return (
        f"{quantity} (column {column!r}, given as {unit}): values {finite.min():.4g} to {finite.max():.4g} "
        f"{known.unit}, median {np.median(finite):.4g}, are outside {known.values[0]:g} to "
        f"{known.values[1]:g} (median {known.medians[0]:g} to {known.medians[1]:g}); {advice}"
    )


def _possible(quantity: LeafQuantity, values: np.ndarray) -> bool:
    low, high = quantity.values
    inside = bool(values.min() >= low and values.max() <= high)
    return inside and quantity.medians[0] <= float(np.median(values)) <= quantity.medians[1]
