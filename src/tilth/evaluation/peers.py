"""Scores of other models at the same towers, read from a table of the user's."""

import dataclasses
from pathlib import Path

import pandas as pd

from tilth.evaluation.tables import read_table

_PREFIXES = {"whole": "whole record", "heldout": "held-out part", "outofsample": "trained at other towers"}


@dataclasses.dataclass(frozen=True)
class PeerScores:
    """Scores of other models: ``table`` has the columns site, variable, peer, basis and rmse [W m-2].

    ``basis`` says on what the score was taken; ``notes`` are the comment lines of the file.
    """

    table: pd.DataFrame
    notes: tuple[str, ...]

    def at(self, site: str) -> pd.DataFrame:
        """The rows of a site, without those that have no score."""
        return self.table[(self.table["site"] == site) & self.table["rmse"].notna()]


def read_peer_scores(path: Path) -> PeerScores:
    """Half-hourly RMSE of other models by site and variable.

    Expected: comment lines that start with ``#``, then a header ``site,variable,<basis>_<peer>,…`` with the
    basis whole, heldout or outofsample. Raises ``ValueError`` for any other column.
    """
    wide = read_table(path, ("site", "variable"))
    columns = [str(column) for column in wide.columns if column not in ("site", "variable")]
    unknown = [column for column in columns if column.split("_")[0] not in _PREFIXES or "_" not in column]
    if unknown or not columns:
        raise ValueError(
            f"{path} has columns whose meaning is not known: {unknown}; expected names such as "
            f"whole_jules or heldout_1lin, with one of {', '.join(_PREFIXES)} before the underscore"
        )
    long = wide.melt(["site", "variable"], columns, "column", "rmse")
    long["basis"] = [_PREFIXES[name.split("_")[0]] for name in long["column"]]
    long["peer"] = [name.split("_", 1)[1].replace("_", " ") for name in long["column"]]
    lines = path.read_text(encoding="utf-8").splitlines()
    notes = tuple(line.lstrip("# ").strip() for line in lines if line.startswith("#"))
    return PeerScores(long[["site", "variable", "peer", "basis", "rmse"]], notes)
