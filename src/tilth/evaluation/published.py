"""Published scores of land models at flux towers, as rows of a benchmark."""

from pathlib import Path

import numpy as np
import pandas as pd

from tilth.evaluation.peers import PeerScores
from tilth.evaluation.tables import read_table

PUBLISHED_COLUMNS = ("site", "variable", "n", "bias", "rmse", "r", "nme", "std_obs", "std_mod")
"""Columns of a table of published scores at the step of the record; W m-2 but for n, r and nme."""


_PARTS = {"whole record": "whole", "held-out part": "heldout"}


def published_rows(path: Path, model: str, sites: list[str]) -> pd.DataFrame:
    """The rows of ``sites`` in a table of published scores, under the names of ``scores.csv``.

    NSE follows from the others, ``1 - (rmse / std_obs)²``; KGE cannot be had without the means. Raises
    ``ValueError`` for a table without :data:`PUBLISHED_COLUMNS`.
    """
    table = read_table(path, PUBLISHED_COLUMNS)
    table = table[table["site"].isin(sites) & table["variable"].isin(["Qle", "Qh"])]
    table = table[table["rmse"].notna()].rename(columns={"std_mod": "std_sim"})
    return table[["site", "variable", "n", "rmse", "bias", "std_obs", "std_sim", "r", "nme"]].assign(
        nse=1.0 - (table["rmse"] / table["std_obs"]) ** 2,
        kge=np.nan,
        model=model,
        trained="as published",
        split="whole",
        resolution="native",
    )


def peer_score_rows(peers: PeerScores, sites: list[str]) -> pd.DataFrame:
    """The rows of ``sites`` in a table of peer scores: RMSE only.

    Such a table does not say on which part of the record a peer trained at other towers was scored.
    """
    table = peers.table[peers.table["site"].isin(sites) & peers.table["rmse"].notna()]
    trained = {
        "whole record": "as published",
        "held-out part": "at the tower",
        "trained at other towers": "elsewhere",
    }
    return table[["site", "variable", "rmse"]].assign(
        model=[f"{peer} (peers)" for peer in table["peer"]],
        trained=[trained[basis] for basis in table["basis"]],
        split=[_PARTS.get(basis, "not stated") for basis in table["basis"]],
        resolution="native",
    )
