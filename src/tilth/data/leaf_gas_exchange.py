"""Reader of leaf gas-exchange tables: comma-separated files and a map of their columns.

Layouts that work: one table with a row a measurement, such as the database of Lin et al. 2015
(doi:10.1038/nclimate2550); and pairs of files, drivers and measurements, with a row of units and constants
in the first row only.
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pandas as pd

from tilth.data.leaf_layout import LeafLayout, dates, label, read_frame
from tilth.data.leaf_points import LeafTable
from tilth.data.leaf_soil import leaf_soil
from tilth.data.leaf_units import LEAF_QUANTITIES, in_inner_unit, unit_complaint
from tilth.parameters.leaf_types import named_leaf_types
from tilth.physics.leaf_conductance import boundary_conductance
from tilth.physics.thermodynamics import saturation_vapour_pressure

NEEDED = ("leaf_temperature", "light", "pressure")
"""Quantities without which there is no simulation, beside a humidity."""
DEFAULT_CO2 = 390e-6
"""Mole fraction of CO2 where none is given [mol mol-1] (Aboelyazeed et al. 2023, section 2.4.1)."""
CALM = 1e-6
"""Wind below which the boundary layer cannot be computed from it [m s-1]."""


def read_leaf_table(files: Sequence[Path], layout: LeafLayout) -> LeafTable:
    """The measurements in ``files``, in SI and checked; rows without a needed driver are left out.

    Raises ``ValueError`` with everything that is wrong with the table at once: missing columns, units that
    cannot be, plant types that are not in the table of types.
    """
    frame = read_frame(files, layout)
    _check_columns(frame, layout)
    frame = _without_other_types(frame, layout)
    values = _converted(frame, layout)
    plant_type = _plant_types(frame, layout)
    drivers, notes = _drivers(values, layout)
    keep = np.all([np.isfinite(series) for series in drivers.values()], axis=0)
    if "net_photosynthesis" in values:
        keep &= np.isfinite(values["net_photosynthesis"])
    soil = leaf_soil(values, named_leaf_types(plant_type.tolist()))
    for array in soil.values():
        keep &= np.isfinite(array).reshape(len(array), -1).all(axis=1)
    if not keep.any():
        raise ValueError("no row has all drivers: expected finite values in the mapped columns")
    if not keep.all():
        out = int((~keep).sum())
        notes.append(f"{out} of {keep.size} rows left out: a driver or the measurement is missing")
    traits = frame[list(layout.traits)].to_numpy(float) if layout.traits else None
    return LeafTable(
        surroundings={name: series[keep] for name, series in drivers.items()},
        location=label(frame, layout, "location")[keep],
        species=label(frame, layout, "species")[keep],
        plant_type=plant_type[keep],
        date=dates(frame, layout)[keep],
        net_rate=values["net_photosynthesis"][keep] if "net_photosynthesis" in values else None,
        feature_names=("sand", "clay", "organic_matter") if "sand" in values else ("exponent", "air_entry"),
        traits=None if traits is None else traits[keep],
        trait_names=layout.traits,
        notes=tuple(notes),
        files={path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files},
        **{name: array[keep] for name, array in soil.items()},  # type: ignore[arg-type]
    )


def _check_columns(frame: pd.DataFrame, layout: LeafLayout) -> None:
    problems = []
    unknown = sorted(set(layout.columns) - set(LEAF_QUANTITIES))
    if unknown:
        problems.append(f"unknown quantities {unknown}: expected some of {sorted(LEAF_QUANTITIES)}")
    lacking = [name for name in NEEDED if name not in layout.columns]
    if not {"vapour_pressure_deficit", "relative_humidity"} & set(layout.columns):
        lacking.append("vapour_pressure_deficit or relative_humidity")
    if lacking:
        problems.append(f"the column map lacks {lacking}: name their columns and units under `columns`")
    named = [name for column in layout.columns.values() for name in column.names]
    named += [*layout.labels.values(), *layout.type_columns, *layout.traits]
    absent = sorted({name for name in named if name not in frame})
    if absent:
        problems.append(f"the table has no columns {absent}: it has {sorted(map(str, frame.columns))}")
    if problems:
        raise ValueError("; ".join(problems))


def _converted(frame: pd.DataFrame, layout: LeafLayout) -> dict[str, np.ndarray]:
    values, problems = {}, []
    for quantity, column in layout.columns.items():
        try:
            raw = frame[list(column.names)].to_numpy(float)
            converted = in_inner_unit(quantity, raw if len(column.names) > 1 else raw[:, 0], column.unit)
        except ValueError as error:
            problems.append(f"column {column.name!r}: {error}")
            continue
        values[quantity] = converted
    if "co2" in values and "pressure" in values and layout.columns["co2"].unit == "ppm":
        values["co2"] = values["co2"] * 1e-6 * values["pressure"]
    for quantity, converted in values.items():
        complaint = unit_complaint(
            quantity, converted, layout.columns[quantity].unit, str(layout.columns[quantity].name)
        )
        problems += [complaint] if complaint else []
    if problems:
        raise ValueError("the leaf table cannot be used as mapped: " + "; ".join(problems))
    return values


def _type_labels(frame: pd.DataFrame, layout: LeafLayout) -> pd.Series:
    return frame[list(layout.type_columns)].astype(str).agg(" ".join, axis=1)


def _without_other_types(frame: pd.DataFrame, layout: LeafLayout) -> pd.DataFrame:
    if not layout.omit_other_types:
        return frame
    labels = _type_labels(frame, layout)
    known = labels.isin(list(layout.plant_types))
    if not known.any():
        raise ValueError(
            f"no row has a plant type: the table has {sorted(set(labels))[:10]}, `plant_types` "
            f"{sorted(layout.plant_types)}; write them alike"
        )
    return frame[known].reset_index(drop=True)


def _plant_types(frame: pd.DataFrame, layout: LeafLayout) -> np.ndarray:
    labels = _type_labels(frame, layout)
    if layout.plant_types:
        unknown = sorted(set(labels) - set(layout.plant_types))
        if unknown:
            raise ValueError(
                f"no plant type for {unknown}: expected entries of {sorted(layout.plant_types)}; add them "
                "under `plant_types`"
            )
        labels = labels.map(dict(layout.plant_types))
    return np.array([kind.name for kind in named_leaf_types(labels.tolist())])


def _drivers(values: Mapping[str, np.ndarray], layout: LeafLayout) -> tuple[dict[str, np.ndarray], list[str]]:
    notes: list[str] = []
    kelvin = values["leaf_temperature"] + 273.15
    pressure = values["pressure"]
    if "vapour_pressure_deficit" in values:
        deficit = values["vapour_pressure_deficit"]
    else:
        deficit = _saturation(kelvin) - 0.01 * values["relative_humidity"] * _saturation(
            values.get("air_temperature", values["leaf_temperature"]) + 273.15
        )
    if "co2" not in values:
        notes.append(f"CO2 taken as {DEFAULT_CO2 * 1e6:g} ppm: no column given")
    growth = values.get("growth_temperature")
    if growth is None:
        notes.append(
            f"10-day mean air temperature taken as {layout.growth_temperature:g} degC: no column given"
        )
        growth = np.full_like(kelvin, layout.growth_temperature)
    boundary = _boundary(values, kelvin, layout, notes)
    return {
        "temperature": kelvin,
        "light": np.maximum(values["light"], 0.0) * layout.absorbed,
        "pressure": pressure,
        "co2": values.get("co2", DEFAULT_CO2 * pressure),
        "deficit": deficit,
        "boundary": 1e6 * boundary,
        "growth_temperature": growth,
    }, notes


def _boundary(
    values: Mapping[str, np.ndarray], kelvin: np.ndarray, layout: LeafLayout, notes: list[str]
) -> np.ndarray:
    nothing = np.full_like(kelvin, np.nan)
    boundary = values.get("boundary_conductance", nothing).copy()
    boundary[~(boundary > 0.0)] = np.nan
    wind = values.get("wind_speed", nothing)
    blown = np.isnan(boundary) & (wind > CALM)
    if blown.any():
        drivers = (jnp.asarray(series[blown]) for series in (wind, kelvin, values["pressure"]))
        boundary[blown] = 1e-6 * np.asarray(boundary_conductance(*drivers))
        notes.append(f"boundary-layer conductance of {int(blown.sum())} rows computed from wind")
    absent = np.isnan(boundary)
    if absent.any():
        boundary[absent] = layout.boundary_conductance
        notes.append(
            f"boundary-layer conductance of {int(absent.sum())} rows taken as "
            f"{layout.boundary_conductance:g} mol m-2 s-1: neither given nor any wind"
        )
    return boundary


def _saturation(kelvin: np.ndarray) -> np.ndarray:
    return np.asarray(saturation_vapour_pressure(jnp.asarray(kelvin)))
