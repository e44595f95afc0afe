"""Small tower files in the PLUMBER2 layout, with weather that is plausible enough for the reader."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import xarray as xr

from tilth.data.solar import extraterrestrial_radiation

LATITUDE, LONGITUDE, OFFSET = 45.0, 120.0, 8.0
UNITS = {
    **dict.fromkeys(("SWdown", "LWdown", "Qle", "Qh", "Rnet", "Qg", "Qle_cor", "Qh_cor", "Qle_uc"), "W/m2"),
    "Tair": "K", "Qair": "kg/kg", "Wind": "m/s", "Psurf": "Pa", "Precip": "kg/m2/s", "CO2air": "ppm",
    "LAI": "1", "NEE": "umol/m2/s", "RH": "%", "VPD": "hPa",
}  # fmt: skip


def clock(days: int = 60, start: str = "2001-04-01", step: int = 1800) -> np.ndarray:
    """Start of each step."""
    return np.datetime64(start, "s") + np.arange(days * 86400 // step) * np.timedelta64(step, "s")


def weather(time: np.ndarray, step: float = 1800.0, offset: float = OFFSET) -> dict[str, np.ndarray]:
    """A clear and rainy spring: forcing by ALMA name in SI."""
    sun = extraterrestrial_radiation(time, step, latitude=LATITUDE, longitude=LONGITUDE, utc_offset=offset)
    day = ((time - time[0]) // np.timedelta64(86400, "s")).astype(int)
    cloudy = day % 5 == 4
    generator = np.random.default_rng(1)
    noise = generator.standard_normal((3, len(time)))
    return {
        "Tair": 285.0 + 0.008 * sun + 0.3 * noise[0],
        "Qair": np.where(cloudy, 0.0085, 0.0065) + 1e-4 * noise[1],
        "Wind": 2.5 + 0.2 * noise[2],
        "Psurf": 98000.0 + 50.0 * noise[0],
        "SWdown": sun * np.where(cloudy, 0.2, 0.75),
        "LWdown": np.where(cloudy, 350.0, 300.0) + noise[1],
        "Precip": np.where(cloudy & (sun == 0.0), 1.0 / step, 0.0),
    }


def fluxes(met: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Fluxes whose energy balance closes, by ALMA name."""
    net = 0.8 * met["SWdown"] - 50.0
    wobble = np.random.default_rng(2).standard_normal(len(net))
    return {"Qle": 0.5 * net + wobble, "Qh": 0.4 * net + wobble, "Rnet": net, "Qg": 0.1 * net}


def write(
    folder: Path,
    kind: str,
    time: np.ndarray,
    series: Mapping[str, np.ndarray],
    *,
    site: str = "XX-Tst",
    units: Mapping[str, str] | None = None,
    flags: Mapping[str, np.ndarray] | None = None,
    attributes: Mapping[str, str] | None = None,
    scalars: Mapping[str, float] | None = None,
    igbp: str = "GRA",
    name: str | None = None,
) -> Path:
    """A tower file ``<site>_<kind>.nc`` in ``folder``."""
    facts = {"latitude": LATITUDE, "longitude": LONGITUDE, "canopy_height": 0.5, "reference_height": 4.0}
    variables: dict[str, object] = {}
    for key, values in series.items():
        unit = (units or {}).get(key, UNITS[key])
        variables[key] = (("time", "y", "x"), np.asarray(values)[:, None, None], {"units": unit})
    for key, values in (flags or {}).items():
        variables[f"{key}_qc"] = (("time", "y", "x"), np.asarray(values, dtype=float)[:, None, None])
    for key, value in {**facts, **(scalars or {})}.items():
        if np.isfinite(value):
            variables[key] = (("y", "x"), np.array([[value]]))
    if igbp:
        variables["IGBP_veg_short"] = ((), np.bytes_(igbp.ljust(10)))
    dataset = xr.Dataset(variables, attrs={"site_code": site, **(attributes or {})})
    seconds = (time - time[0]) / np.timedelta64(1, "s")
    start = str(time[0]).replace("T", " ")
    dataset["time"] = ("time", seconds, {"units": f"seconds since {start}", "calendar": "standard"})
    path = folder / (name or f"{site}_{str(time[0])[:4]}_Made_{kind}.nc")
    dataset.to_netcdf(path)
    return path


def pair(folder: Path, time: np.ndarray | None = None, **options: object) -> list[Path]:
    """A Met and a Flux file that fit each other."""
    stamps = clock() if time is None else time
    met = weather(stamps, float((stamps[1] - stamps[0]) / np.timedelta64(1, "s")))
    return [
        write(folder, "Met", stamps, met, **options),  # type: ignore[arg-type]
        write(folder, "Flux", stamps, fluxes(met), **options),  # type: ignore[arg-type]
    ]
