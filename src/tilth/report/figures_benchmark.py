"""Errors of many models over towers at each resolution, as boxes."""

import itertools
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from tilth.evaluation.alma import alma_variable
from tilth.report.style import COLOURS, OTHERS, WIDE, new_figure, styled

RESOLUTION_WORDS = {
    "native": "30 min", "1h": "hour", "1D": "day", "7D": "week", "1M": "month", "1Y": "year",
}  # fmt: skip
"""Resolutions as readers see them; native is that of the record."""
_OWN = {"default": COLOURS["default"], "default of the site": COLOURS["default_site"]}
_FURTHER = ("#8c564b", "#bcbd22", "#17becf", "#000000")
_MORE = tuple(colour for colour in (*OTHERS, *_FURTHER) if colour not in _OWN.values())


def line_name(model: str, trained: str) -> str:
    """A line as tables and figures call it: the name of the model, and where it was trained."""
    return {"not trained": model, "as published": f"{model} (published)"}.get(trained, f"{model}, {trained}")


@styled
def error_boxes(
    scores: pd.DataFrame, variable: str, lines: Sequence[tuple[str, str]], ours: str | None
) -> Figure:
    """Boxes of the RMSE of each line over towers, by resolution (after Fig. 5 of Xie et al. 2025).

    ``scores`` are rows of one mask and part; the model ``ours`` has the colour of calibrated runs. Boxes hold
    the middle half of the towers and the median; whiskers reach to the extremes, a dot marks the mean.
    """
    figure, axes = new_figure((WIDE[0], 3.9))
    own = scores[scores["variable"] == variable]
    width = 0.86 / max(1, len(lines))
    colours = itertools.cycle(_MORE)
    for place, (model, trained) in enumerate(lines):
        colour = COLOURS["calibrated"] if model == ours else _OWN.get(model) or next(colours)
        rows = own[(own["model"] == model) & (own["trained"] == trained)]
        groups = [rows.loc[rows["resolution"] == r, "rmse"].dropna().to_numpy() for r in RESOLUTION_WORDS]
        at = np.arange(len(groups)) + (place - (len(lines) - 1) / 2) * width
        shown = [number for number, group in enumerate(groups) if len(group)]
        if not shown:
            continue
        axes.boxplot(
            [groups[number] for number in shown], positions=at[shown], widths=0.8 * width, whis=(0, 100),
            patch_artist=True, manage_ticks=False, showmeans=True,
            boxprops={"facecolor": colour, "alpha": 0.55, "edgecolor": colour},
            medianprops={"color": "#1b1b1b"}, whiskerprops={"color": colour}, capprops={"color": colour},
            meanprops={"marker": ".", "markerfacecolor": "#1b1b1b", "markeredgecolor": "#1b1b1b"},
        )  # fmt: skip
        axes.plot([], [], color=colour, linewidth=6, alpha=0.55, label=line_name(model, trained))
    axes.set_xticks(range(len(RESOLUTION_WORDS)), list(RESOLUTION_WORDS.values()))
    axes.set_xlim(-0.5, len(RESOLUTION_WORDS) - 0.5)
    for edge in np.arange(len(RESOLUTION_WORDS) - 1) + 0.5:
        axes.axvline(edge, color="#cccccc", linewidth=0.8)
    axes.grid(visible=False, axis="x")
    axes.set_ylim(bottom=0)
    axes.set_ylabel(f"RMSE of {alma_variable(variable).label}")
    figure.legend(loc="outside upper center", ncols=4)
    return figure
