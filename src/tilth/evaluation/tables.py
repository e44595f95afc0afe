"""Tables of a run folder as CSV files: written whole or not at all, and checked when read."""

import os
from collections.abc import Sequence
from pathlib import Path

import pandas as pd


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Writes a table with a header row; numbers keep 10 digits, missing values are empty."""
    partial = path.with_name(path.name + ".part")
    try:
        table.to_csv(partial, index=False, float_format="%.10g", lineterminator="\n")
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def read_table(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """Reads a table that must have ``columns`` (more are allowed); ``ValueError`` where it has not."""
    try:
        table = pd.read_csv(path, comment="#", na_values=["nan"], keep_default_na=True)
    except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as problem:
        raise ValueError(
            f"{path} cannot be read as a table ({problem}): expected comma-separated columns "
            f"{', '.join(columns)}"
        ) from problem
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise ValueError(
            f"{path} lacks the columns {', '.join(missing)}: got {', '.join(map(str, table.columns))}; "
            "write it again or rename its columns"
        )
    return table
