"""Files of a made-up tower in the PLUMBER2 layout, whole or with something wrong."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import xarray as xr

from tilth.data.containers import SiteRecord

MET_UNITS = {
    "Tair": ("air_temperature", "K"),
    "Qair": ("specific_humidity", "kg/kg"),
    "Wind": ("wind_speed", "m/s"),
    "Psurf": ("surface_pressure", "Pa"),
    "SWdown": ("shortwave_down", "W/m2"),
    "LWdown": ("longwave_down", "W/m2"),
    "Precip": ("precipitation", "kg/m2/s"),
}


def write_tower(
    folder: Path,
    record: SiteRecord,
    fluxes: Mapping[str, np.ndarray],
    *,
    leave_out: tuple[str, ...] = (),
    units: Mapping[str, str] | None = None,
) -> list[Path]:
    """Writes Met and Flux files of a record; variables can be left out or be given a wrong unit."""
    met = {name: (record.forcing[field], unit) for name, (field, unit) in MET_UNITS.items()}
    flux = {name: (series, "W/m2") for name, series in fluxes.items()}
    paths = []
    for kind, variables in (("Met", met), ("Flux", flux)):
        data = {
            name: (("time", "y", "x"), series[:, None, None], {"units": (units or {}).get(name, unit)})
            for name, (series, unit) in variables.items()
            if name not in leave_out
        }
        paths.append(folder / f"{record.attributes.name}_2001_Test_{kind}.nc")
        _dataset(record, data).to_netcdf(paths[-1], engine="netcdf4")
    return paths


def _dataset(record: SiteRecord, data: Mapping[str, tuple]) -> xr.Dataset:
    site = record.attributes
    point = {
        "latitude": site.latitude,
        "longitude": site.longitude,
        "reference_height": site.reference_height,
        "canopy_height": site.canopy_height,
        "elevation": site.elevation,
    }
    seconds = (record.time - record.time[0]) / np.timedelta64(1, "s")
    start = str(record.time[0]).replace("T", " ")
    dataset = xr.Dataset(
        {**data, **{name: (("y", "x"), [[value]]) for name, value in point.items()}},
        coords={"time": ("time", seconds, {"units": f"seconds since {start}", "calendar": "standard"})},
        attrs={"site_code": site.name, "QC_flag_descriptions": "0 = measured; 1 = not measured"},
    )
    dataset["IGBP_veg_short"] = ((), np.bytes_(site.igbp))
    return dataset
