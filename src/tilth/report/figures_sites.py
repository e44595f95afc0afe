"""Scores of several sites in one figure."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from tilth.evaluation.alma import alma_variable
from tilth.report.style import COLOURS, MARKERS, NARROW, new_figure, styled
from tilth.report.verdict import Gain


@styled
def gains_by_site(gains: Mapping[str, Gain], variable: str) -> Figure:
    """RMSE of each site before and after, joined by a line; the largest error before at the top."""
    ordered = sorted(gains.items(), key=lambda item: item[1].rmse_before)
    figure, axes = new_figure((NARROW[0], 1.1 + 0.3 * len(ordered)))
    row = np.arange(len(ordered))
    before = np.array([gain.rmse_before for _, gain in ordered])
    after = np.array([gain.rmse_after for _, gain in ordered])
    axes.hlines(row, np.minimum(before, after), np.maximum(before, after), color="#9fb8cc", linewidth=2)
    axes.plot(before, row, MARKERS["default"], color=COLOURS["default"], label="default")
    axes.plot(after, row, MARKERS["calibrated"], color=COLOURS["calibrated"], label="calibrated")
    axes.set_yticks(row, [name for name, _ in ordered])
    axes.set_xlim(left=0)
    axes.set_xlabel(f"RMSE of {alma_variable(variable).label}")
    figure.legend(loc="outside upper center", ncols=2)
    return figure
