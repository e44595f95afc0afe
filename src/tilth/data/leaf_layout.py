"""How a leaf gas-exchange table is laid out, and its files as one frame."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd


@dataclasses.dataclass(frozen=True)
class Column:
    """Where a quantity is: one column name, or one a soil layer from the top, and its unit."""

    name: str | tuple[str, ...]
    unit: str

    @property
    def names(self) -> tuple[str, ...]:
        """The column names."""
        return (self.name,) if isinstance(self.name, str) else self.name


@dataclasses.dataclass(frozen=True)
class LeafLayout:
    """How to read a table.

    ``columns`` maps quantities of :data:`~tilth.data.leaf_units.LEAF_QUANTITIES`. ``labels`` names the
    columns of ``location``, ``species``, ``date`` (with ``date_format``) or ``year`` and ``day_of_year``.
    ``type_columns`` are joined by spaces and looked up in ``plant_types`` (as they are where it is empty);
    ``omit_other_types`` leaves out rows that have no entry there, which are an error otherwise.
    ``file_name`` is a regular expression with groups that become columns. ``pair`` replaces the end of a
    file's name to find its measurements. ``missing`` is the number that stands for no value.
    ``boundary_conductance`` [mol m-2 s-1] and ``growth_temperature`` [degC] are used where none is known;
    ``absorbed`` is the fraction of the light that the leaf absorbs.
    """

    columns: Mapping[str, Column]
    labels: Mapping[str, str]
    type_columns: tuple[str, ...]
    plant_types: Mapping[str, str] = dataclasses.field(default_factory=dict)
    omit_other_types: bool = False
    traits: tuple[str, ...] = ()
    date_format: str | None = None
    file_name: str | None = None
    pair: tuple[str, str] | None = None
    unit_row: bool = False
    constants_in_first_row: bool = False
    missing: float | None = None
    encoding: str = "utf-8"
    boundary_conductance: float = 2.84
    growth_temperature: float = 25.0
    absorbed: float = 1.0


def read_frame(files: Sequence[Path], layout: LeafLayout) -> pd.DataFrame:
    """The rows of all files, with the columns of their partners and file names.

    Raises ``ValueError`` for no file, a file without its partner, or a name that does not match.
    """
    if not files:
        raise ValueError("no leaf table found: expected at least one file; check `files` and the data folder")
    return pd.concat([_read_file(path, layout) for path in files], ignore_index=True)


def label(frame: pd.DataFrame, layout: LeafLayout, name: str) -> np.ndarray:
    """The label ``name`` (location or species) of every row, ``unknown`` where there is no column."""
    if name not in layout.labels:
        return np.full(len(frame), "unknown")
    return frame[layout.labels[name]].astype(str).to_numpy(dtype=str)


def dates(frame: pd.DataFrame, layout: LeafLayout) -> np.ndarray:
    """The day of every row; ``ValueError`` where there is none or it cannot be read."""
    labels = layout.labels
    if "date" in labels:
        parsed = pd.to_datetime(frame[labels["date"]], format=layout.date_format, errors="coerce")
    elif {"year", "day_of_year"} <= set(labels):
        code = frame[labels["year"]].astype(int) * 1000 + frame[labels["day_of_year"]].astype(int)
        parsed = pd.to_datetime(code.astype(str), format="%Y%j", errors="coerce")
    else:
        raise ValueError("no dates: expected `date`, or `year` and `day_of_year`, under `labels`")
    if parsed.isna().any():
        bad = frame.loc[parsed.isna(), labels.get("date", labels.get("year"))].head(3).tolist()
        raise ValueError(
            f"dates {bad} cannot be read with the format {layout.date_format!r}: set `date_format`"
        )
    return parsed.to_numpy().astype("datetime64[D]")


def _read_file(path: Path, layout: LeafLayout) -> pd.DataFrame:
    frame = _read_csv(path, layout)
    if layout.pair:
        partner = path.with_name(path.name.removesuffix(layout.pair[0]) + layout.pair[1])
        if not partner.exists():
            raise ValueError(
                f"{path.name} has no partner {partner.name} beside it: expected the measurements there"
            )
        measured = _read_csv(partner, layout)
        if len(measured) != len(frame):
            raise ValueError(
                f"{path.name} has {len(frame)} rows and {partner.name} {len(measured)}: expected one "
                "measurement for each row of drivers"
            )
        frame = frame.join(measured[[name for name in measured if name not in frame]])
    if layout.file_name:
        match = re.fullmatch(layout.file_name, path.name)
        if match is None:
            raise ValueError(f"{path.name} does not match the pattern {layout.file_name!r} of `file_name`")
        frame = frame.assign(**match.groupdict())
    return frame


def _read_csv(path: Path, layout: LeafLayout) -> pd.DataFrame:
    skip = [1] if layout.unit_row else None
    missing = None if layout.missing is None else [f"{layout.missing:g}", f"{layout.missing:.1f}"]
    frame = pd.read_csv(path, skiprows=skip, na_values=missing, encoding=layout.encoding)
    if layout.constants_in_first_row:
        constant = frame.iloc[1:].isna().all() & frame.iloc[:1].notna().all()
        frame[frame.columns[constant]] = frame[frame.columns[constant]].ffill()
    return frame
