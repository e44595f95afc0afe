"""One file of a flux tower as it is: variables with their units, flags, facts of the site, checksum."""

import dataclasses
import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import xarray as xr

from tilth.data.ranges import FLUX_NAMES, MET_NAMES

SCALARS = ("latitude", "longitude", "reference_height", "reference_height_v", "canopy_height", "elevation")
STEPS = (1800.0, 3600.0)
"""Lengths of a time step that are read [s]."""
FILL = -9990.0
"""Values at or below stand for none."""


@dataclasses.dataclass(frozen=True, eq=False)
class TowerFile:
    """What one file holds. ``values`` and ``flags`` are by ALMA name, ``time`` is the start of each step."""

    path: Path
    checksum: str
    site: str
    time: np.ndarray
    step: float
    values: Mapping[str, np.ndarray]
    units: Mapping[str, str]
    flags: Mapping[str, np.ndarray]
    scalars: Mapping[str, float]
    igbp: str
    attributes: Mapping[str, str]

    def has(self, names: tuple[str, ...]) -> bool:
        """Whether the file holds any of the variables."""
        return any(name in self.values for name in names)


def checksum(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _opened(path: Path) -> xr.Dataset:
    """The dataset of a netCDF file in memory, or one clear message."""
    if not path.is_file():
        raise ValueError(f"{path}: expected a netCDF file, got nothing there: check the path")
    try:
        with xr.open_dataset(path, engine="netcdf4", decode_times=False) as dataset:
            return dataset.load()
    except (OSError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"{path.name}: expected a netCDF file in the PLUMBER2 layout, got one that cannot be read "
            f"({type(error).__name__}): check the file or download it again"
        ) from error


def _clock(dataset: xr.Dataset, path: Path) -> np.ndarray:
    """Start of each step [datetime64[s]]."""
    if "time" not in dataset.variables:
        raise ValueError(f"{path.name}: expected a variable 'time', got none: give PLUMBER2 files")
    try:
        decoded = xr.decode_cf(dataset[["time"]])["time"].values
    except (ValueError, OverflowError) as error:
        raise ValueError(
            f"{path.name}: expected a time in the style 'seconds since 2001-01-01 00:00:00', got units "
            f"{dataset['time'].attrs.get('units', 'none')!r}: correct the attribute"
        ) from error
    if not np.issubdtype(decoded.dtype, np.datetime64):
        raise ValueError(
            f"{path.name}: expected a time with units and the standard calendar, got units "
            f"{dataset['time'].attrs.get('units', 'none')!r} and calendar "
            f"{dataset['time'].attrs.get('calendar', 'none')!r}: convert the file"
        )
    return np.asarray((decoded + np.timedelta64(500, "ms")).astype("datetime64[s]"))


def _step(time: np.ndarray, path: Path) -> float:
    """Length of a step [s] of a clock that may leave steps out but never shifts."""
    if len(time) < 2:
        raise ValueError(f"{path.name}: expected a series, got {len(time)} time steps: check the file")
    differences = np.diff(time) / np.timedelta64(1, "s")
    step = float(np.median(differences))
    if step not in STEPS:
        raise ValueError(
            f"{path.name}: expected time steps of 30 or 60 minutes, got {step / 60:g} minutes: aggregate it"
        )
    wrong = (differences <= 0.0) | (differences % step != 0.0)
    if wrong.any():
        first = int(np.argmax(wrong))
        raise ValueError(
            f"{path.name}: expected a regular clock of {step / 60:g} minutes, got {int(wrong.sum())} "
            f"irregular steps, the first from {time[first]} to {time[first + 1]}: "
            "sort the file and drop duplicates"
        )
    return step


def _series(variable: xr.DataArray, path: Path) -> np.ndarray:
    """A series of one point as float64, NaN where there is none."""
    if variable.size != variable.sizes["time"]:
        raise ValueError(
            f"{path.name}: expected one point, got {variable.name} of shape {variable.shape}: select one"
        )
    values = np.asarray(variable.values, dtype=float).ravel()
    return np.where(values <= FILL, np.nan, values)


def _text(dataset: xr.Dataset, name: str) -> str:
    """A text variable or attribute without padding."""
    if name in dataset.variables:
        value = np.asarray(dataset[name].values).ravel()[0]
        return (value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)).strip()
    return str(dataset.attrs.get(name, "")).strip()


def _scalars(dataset: xr.Dataset) -> dict[str, float]:
    """The facts of a site that a file holds."""
    found = {}
    for name in SCALARS:
        if name in dataset.variables and dataset[name].size:
            value = float(np.asarray(dataset[name].values, dtype=float).ravel()[0])
            if np.isfinite(value) and value > FILL:
                found[name] = value
    return found


def read_tower_file(path: Path) -> TowerFile:
    """The file at ``path`` with values and units as it states them; refuses what is no tower file."""
    dataset = _opened(path)
    names = [name for name in (*MET_NAMES, *FLUX_NAMES) if name in dataset.variables]
    names = [name for name in names if "time" in dataset[name].dims]
    if not names:
        raise ValueError(
            f"{path.name}: expected variables of a flux tower under their ALMA names "
            f"(SWdown, Tair, … or Qle, Qh, …), got {', '.join(map(str, dataset.data_vars)) or 'none'}: "
            "give PLUMBER2 Met and Flux files"
        )
    time = _clock(dataset, path)
    flags = {name: dataset[f"{name}_qc"] for name in names if f"{name}_qc" in dataset.variables}
    return TowerFile(
        path=path,
        checksum=checksum(path),
        site=_text(dataset, "site_code") or path.name.split("_")[0],
        time=time,
        step=_step(time, path),
        values={name: _series(dataset[name], path) for name in names},
        units={name: str(dataset[name].attrs.get("units", "")) for name in names},
        flags={name: _series(flag, path) for name, flag in flags.items()},
        scalars=_scalars(dataset),
        igbp=_text(dataset, "IGBP_veg_short"),
        attributes={str(key): str(value) for key, value in dataset.attrs.items()},
    )
