"""Leaf area index of a site: a table of the user's, the file's, or the climatology of the package."""

import functools
import tomllib
from importlib import resources
from pathlib import Path

import numpy as np
import pandas as pd

from tilth.data.gaps import fill
from tilth.data.ranges import physical_ranges

MID_MONTH = np.array([15.5, 45.0, 74.5, 105.0, 135.5, 166.0, 196.5, 227.5, 258.0, 288.5, 319.0, 349.5])
"""Day of the year at the middle of each month."""


@functools.cache
def climatology_table() -> dict[str, tuple[float, ...]]:
    """Monthly leaf area index by IGBP class, northern hemisphere [m2 m-2]."""
    text = resources.files("tilth.data").joinpath("tables/leaf_area.toml").read_text(encoding="utf-8")
    return {name: tuple(months) for name, months in tomllib.loads(text).items()}


def monthly_series(time: np.ndarray, months: np.ndarray) -> np.ndarray:
    """Twelve monthly values at every step, linear between the middles of the months."""
    start = time.astype("datetime64[Y]").astype(time.dtype)
    day = (time - start) / np.timedelta64(86400, "s")
    return np.interp(day, MID_MONTH, months, period=365.25)


def climatology(time: np.ndarray, igbp: str, latitude: float) -> np.ndarray:
    """Leaf area index of an IGBP class at each step [m2 m-2], six months later south of the equator."""
    months = np.array(climatology_table()[igbp])
    return monthly_series(time, np.roll(months, 6) if latitude < 0.0 else months)


def from_table(path: Path, time: np.ndarray) -> np.ndarray:
    """Leaf area index at each step [m2 m-2] from a CSV table.

    The table has a column ``lai`` and either ``month`` (1 to 12, every year alike) or ``date`` (linear in
    between, held before the first and after the last).
    """
    try:
        table = pd.read_csv(path, comment="#")
    except (OSError, ValueError) as error:
        raise ValueError(
            f"{path}: expected a CSV table of leaf area index, got one that cannot be read "
            f"({type(error).__name__}): check the path and the file"
        ) from error
    table.columns = [str(column).strip().lower() for column in table.columns]
    if "lai" not in table or not ({"month", "date"} & set(table.columns)):
        raise ValueError(
            f"{path.name}: expected the columns month,lai or date,lai, got {', '.join(table.columns)}"
        )
    values = pd.to_numeric(table["lai"], errors="coerce").to_numpy(dtype=float)
    if not physical_ranges()["LAI"].holds(values).all():
        raise ValueError(
            f"{path.name}: expected a leaf area index from 0 to 12 in every row: check the column lai"
        )
    if "month" in table:
        month = pd.to_numeric(table["month"], errors="coerce").to_numpy(dtype=float)
        if sorted(month) != list(range(1, 13)):
            raise ValueError(f"{path.name}: expected each month from 1 to 12 once, got {month.tolist()}")
        return monthly_series(time, values[np.argsort(month)])
    date = pd.to_datetime(table["date"], errors="coerce").to_numpy().astype("datetime64[s]")
    if np.isnat(date).any() or (np.diff(date) <= np.timedelta64(0, "s")).any():
        raise ValueError(
            f"{path.name}: expected dates such as 2001-07-15 in increasing order in the column date"
        )
    origin = date[0]
    return np.interp(
        (time - origin) / np.timedelta64(1, "s"), (date - origin) / np.timedelta64(1, "s"), values
    )


def leaf_area_index(
    time: np.ndarray, measured: np.ndarray | None, step: float, *, segment: np.ndarray, igbp: str,
    latitude: float, table: Path | None,
) -> tuple[np.ndarray, str]:  # fmt: skip
    """Leaf area index at every step [m2 m-2] and where it came from."""
    if table is not None:
        return from_table(table, time), f"table {table.name}"
    if measured is not None:
        inside = np.where(physical_ranges()["LAI"].holds(measured), measured, np.nan)
        if np.isfinite(inside).any():
            filled = fill(time, inside, step, segment=segment)
            return filled.values, "file"  # noqa: PD011
    return climatology(time, igbp, latitude), f"climatology of IGBP class {igbp} (Niu et al. 2011)"
