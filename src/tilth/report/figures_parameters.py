"""Learned parameters within their bounds."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from tilth.report.style import COLOURS, MARKERS, NARROW, new_figure, styled


def positions(table: pd.DataFrame, values: np.ndarray) -> np.ndarray:
    """Places of values in their ranges, 0 at the lower and 1 at the upper bound, by the scale of each."""
    low, high = table["lower"].to_numpy(float), table["upper"].to_numpy(float)
    logarithmic = (table["scale"] == "log").to_numpy()
    with np.errstate(divide="ignore", invalid="ignore"):
        fraction = np.where(
            logarithmic, np.log(values / low) / np.log(high / low), (values - low) / (high - low)
        )
    return np.asarray(fraction)


@styled
def parameters_in_bounds(table: pd.DataFrame, truth: Mapping[str, float] | None = None) -> Figure:
    """Default and learned value of each parameter along its range; values at a bound are ringed."""
    count = len(table)
    figure, axes = new_figure((NARROW[0] + 1.2, 0.9 + 0.33 * count))
    row = np.arange(count)[::-1]
    default = positions(table, table["default"].to_numpy(float))
    value = positions(table, table["value"].to_numpy(float))
    at_bound = table["at_bound"].astype(str).str.lower().eq("true").to_numpy()
    axes.hlines(row, 0, 1, color="#dddddd", linewidth=5)
    axes.hlines(row, np.minimum(default, value), np.maximum(default, value), color="#9fb8cc", linewidth=2)
    axes.plot(default, row, MARKERS["default"], color=COLOURS["default"], label="default", clip_on=False)
    axes.plot(value, row, MARKERS["calibrated"], color=COLOURS["calibrated"], label="learned", clip_on=False)
    if at_bound.any():
        axes.plot(
            value[at_bound], row[at_bound], "o", color="#c00000", markerfacecolor="none", markersize=12,
            markeredgewidth=1.6, label="at a bound", clip_on=False,
        )  # fmt: skip
    if truth:
        known = np.array([truth.get(name, np.nan) for name in table["parameter"]], float)
        axes.plot(
            positions(table, known), row, "*", color="black", markersize=9, label="truth", clip_on=False
        )
    axes.set_yticks(row, table["parameter"])
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["lower\nbound", "", "middle", "", "upper\nbound"])
    axes.set_xlim(-0.05, 1.05)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="y", visible=False)
    figure.legend(loc="outside upper center", ncols=4)
    return figure
