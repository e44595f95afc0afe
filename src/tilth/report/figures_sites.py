"""Scores of several sites in one figure."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from tilth.evaluation.alma import alma_variable
from tilth.report.style import COLOURS, MARKERS, NARROW, new_figure, styled


@styled
def gains_by_site(judged: pd.DataFrame, variable: str) -> Figure:
    """RMSE of each site before and after, joined by a line; the largest error before at the top.

    ``judged`` are rows of ``summary.csv`` of single sites, one variable and part; with several methods each
    row is called after its site and method.
    """
    ordered = judged.sort_values("rmse_default", kind="stable")
    names = ordered["site"].astype(str)
    if len(ordered["method"].unique()) > 1:
        names = names + " " + ordered["method"]
    figure, axes = new_figure((NARROW[0], 1.1 + 0.3 * len(ordered)))
    row = np.arange(len(ordered))
    before = ordered["rmse_default"].to_numpy()
    after = ordered["rmse_calibrated"].to_numpy()
    axes.hlines(row, np.minimum(before, after), np.maximum(before, after), color="#9fb8cc", linewidth=2)
    axes.plot(before, row, MARKERS["default"], color=COLOURS["default"], label="default")
    axes.plot(after, row, MARKERS["calibrated"], color=COLOURS["calibrated"], label="calibrated")
    axes.set_yticks(row, list(names))
    axes.set_xlim(left=0)
    axes.set_xlabel(f"RMSE of {alma_variable(variable).label}")
    figure.legend(loc="outside upper center", ncols=2)
    return figure
