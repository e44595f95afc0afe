"""The file of a site's simulations and observations, ``simulation.nc``: CF-1.11 with ALMA variable names.

Every variable is ``[run, time]`` or ``[run, time, layer]`` with the runs default, calibrated and observed
as the coordinate ``run``; a run that has no such variable holds NaN. Times are starts of steps with bounds.
The site's offset from UTC is part of the unit of time, as CF section 4.4 asks for, so that readers that
honour it show UTC; :func:`read_simulation` gives local standard time. ``<name>_scored`` marks the steps
that count in scores, ``<name>_quality`` the class of each observation and ``split`` the part of the record.
"""

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import xarray as xr

from tilth.data.containers import SiteRecord
from tilth.evaluation.alma import AlmaVariable, alma_variable

OBSERVED = "observed"
"""Name of the observations along the coordinate ``run``."""
SPLITS = ("calibration", "heldout")
"""Parts of the record; number 1 and 2 in the file, 0 for neither."""
QUALITIES = "measured filled unknown missing"
"""Names of the quality classes 0 to 3 of an observation."""


@dataclasses.dataclass(frozen=True)
class Simulation:
    """Contents of a simulation file: ``runs[run][variable]`` are series ``[time]`` or ``[time, layer]``.

    ``time`` is the start of each step [datetime64[s]] in local standard time and ``step`` its length [s];
    ``scored[variable]`` and ``splits[split]`` are masks ``[time]``.
    """

    site: str
    time: np.ndarray
    step: float
    utc_offset: float
    runs: Mapping[str, Mapping[str, np.ndarray]]
    observed: Mapping[str, np.ndarray]
    scored: Mapping[str, np.ndarray]
    splits: Mapping[str, np.ndarray]


def write_simulation(
    path: Path,
    record: SiteRecord,
    simulations: Mapping[str, Mapping[str, np.ndarray]],
    splits: Mapping[str, np.ndarray],
    *,
    attributes: Mapping[str, str] | None = None,
) -> None:
    """Writes simulated and observed series of one site; a file that exists is replaced in one step.

    ``simulations[run][variable]`` are series ``[time]`` or ``[time, layer]``; the observations of every
    simulated variable come from ``record``. ``attributes`` are global ones (history, source, version …).
    Raises ``ValueError`` for a series whose length is not that of the record or a run called observed.
    """
    if OBSERVED in simulations:
        raise ValueError(
            f"a simulation cannot be called {OBSERVED!r}: expected default, calibrated or the like"
        )
    runs = (*simulations, OBSERVED)
    data: dict[str, tuple] = _coordinates(record, runs, splits)
    for name in dict.fromkeys(name for outputs in simulations.values() for name in outputs):
        data[name] = _variable(name, record, simulations)
        if name in record.observations:
            quality = record.observations[name].quality
            data[f"{name}_scored"] = _flags(record.scored(name), f"{name} counts in scores", "no yes")
            data[f"{name}_quality"] = _flags(quality, f"quality of observed {name}", QUALITIES)
    dataset = xr.Dataset(data).set_coords(["run", "time", "latitude", "longitude", "utc_offset"])
    dataset.attrs = {
        "Conventions": "CF-1.11",
        "title": f"Land model simulations and flux observations at {record.attributes.name}",
        "site": record.attributes.name,
        "step_seconds": float(record.step),
        "utc_offset_hours": float(record.attributes.utc_offset),
        **(attributes or {}),
    }
    encoding = {
        name: {"zlib": True, "complevel": 4, "shuffle": True}
        for name, variable in dataset.data_vars.items()
        if "time" in variable.dims
    }
    partial = path.with_name(path.name + ".part")
    try:
        dataset.to_netcdf(partial, engine="netcdf4", format="NETCDF4", encoding=encoding)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def read_simulation(path: Path) -> Simulation:
    """Reads a simulation file; ``ValueError`` where it is not one that :func:`write_simulation` wrote."""
    try:
        with xr.open_dataset(path, engine="netcdf4", decode_times=False) as dataset:
            return _simulation(dataset.load())
    except (OSError, KeyError) as problem:
        raise ValueError(
            f"{path} cannot be read as a simulation file ({problem}): expected the simulation.nc that "
            "`tilth simulate` or `tilth calibrate` writes; run it again"
        ) from problem


def _simulation(dataset: xr.Dataset) -> Simulation:
    names = [name for name, variable in dataset.data_vars.items() if variable.dims[:2] == ("run", "time")]
    runs: dict[str, dict[str, np.ndarray]] = {}
    for i, run in enumerate(dataset["run"].values.astype(str)):
        series = {str(name): dataset[name].values[i] for name in names}
        runs[str(run)] = {name: values for name, values in series.items() if np.isfinite(values).any()}
    origin = np.datetime64(str(dataset["time"].attrs["units"]).split()[2] + "T00:00:00", "s")
    split = dataset["split"].values
    return Simulation(
        site=str(dataset.attrs["site"]),
        time=origin + dataset["time"].values.astype("timedelta64[s]"),
        step=float(dataset.attrs["step_seconds"]),
        utc_offset=float(dataset.attrs["utc_offset_hours"]),
        observed=runs.pop(OBSERVED),
        runs=runs,
        scored={
            str(name).removesuffix("_scored"): variable.values.astype(bool)
            for name, variable in dataset.data_vars.items()
            if str(name).endswith("_scored")
        },
        splits={name: split == number for number, name in enumerate(SPLITS, start=1)},
    )


def _coordinates(
    record: SiteRecord, runs: tuple[str, ...], splits: Mapping[str, np.ndarray]
) -> dict[str, tuple]:
    site = record.attributes
    day = record.time[0].astype("datetime64[D]")
    seconds = (record.time.astype("datetime64[s]") - day.astype("datetime64[s]")).astype("int64")
    unit = f"seconds since {day} 00:00:00 {_clock(site.utc_offset)}"
    part = np.zeros(len(record.time), "int8")
    for number, name in enumerate(SPLITS, start=1):
        if name in splits:
            part[splits[name]] = number
    calendar = {"standard_name": "time", "units": unit, "calendar": "standard", "bounds": "time_bounds"}
    return {
        "run": ("run", np.array(runs, dtype="U"), {"long_name": "simulation or observation"}),
        "time": ("time", seconds, {**calendar, "long_name": "start of the step"}),
        "time_bounds": (("time", "bound"), np.stack([seconds, seconds + round(record.step)], axis=1), {}),
        "split": _flags(part, "part of the record", "neither " + " ".join(SPLITS)),
        "latitude": ((), site.latitude, {"standard_name": "latitude", "units": "degrees_north"}),
        "longitude": ((), site.longitude, {"standard_name": "longitude", "units": "degrees_east"}),
        "utc_offset": ((), site.utc_offset, {"long_name": "local standard time minus UTC", "units": "h"}),
    }


def _variable(name: str, record: SiteRecord, simulations: Mapping[str, Mapping[str, np.ndarray]]) -> tuple:
    shape = next(np.shape(outputs[name]) for outputs in simulations.values() if name in outputs)
    stack = np.full((len(simulations) + 1, len(record.time), *shape[1:]), np.nan, "float32")
    for i, (run, outputs) in enumerate(simulations.items()):
        if name in outputs:
            if np.shape(outputs[name]) != stack.shape[1:]:
                raise ValueError(
                    f"{name} of the {run} run must have the shape {stack.shape[1:]} ([time] or "
                    f"[time, layer]), got {np.shape(outputs[name])}; cut off the padding of a batch"
                )
            stack[i] = outputs[name]
    if name in record.observations and stack.ndim == 2:
        stack[-1] = record.observations[name].value
    dims = ("run", "time", "layer")[: stack.ndim]
    return dims, stack, _attributes(alma_variable(name))


def _attributes(variable: AlmaVariable) -> dict[str, str]:
    facts = {
        "long_name": variable.long_name,
        "units": variable.units or None,
        "standard_name": variable.standard_name,
        "cell_methods": "time: mean" if variable.average else "time: point (comment: at the end of the step)",
        "comment": f"positive {variable.positive}" if variable.positive else None,
    }
    return {key: value for key, value in facts.items() if value is not None}


def _flags(values: np.ndarray, long_name: str, meanings: str) -> tuple:
    numbers = np.arange(len(meanings.split()), dtype="int8")
    attributes = {"long_name": long_name, "flag_values": numbers, "flag_meanings": meanings}
    return "time", np.asarray(values).astype("int8"), attributes


def _clock(hours: float) -> str:
    """An offset from UTC as in ``+09:30``."""
    minutes = round(abs(hours) * 60)
    return f"{'-' if hours < 0 else '+'}{minutes // 60:02d}:{minutes % 60:02d}"
