"""Figures over many sites: Taylor diagrams by plant class, and the distribution of scores over sites."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from tilth.report.figures_agreement import taylor_frame
from tilth.report.style import COLOURS, MARKERS, NARROW, OTHERS, RUN_WORDS, WIDE, new_figure, styled

METHOD_COLOURS = (COLOURS["calibrated"], *OTHERS)
"""Colours of methods, in the order of their names."""


@styled
def taylor_by_class(summary: pd.DataFrame, split: str) -> Figure:
    """Taylor diagrams of the sites of each class, default and calibrated (as Fig. 3 of Xie et al. 2025).

    ``summary`` are rows of single sites in ``summary.csv`` for one method; filled markers are Qle, open ones
    Qh; a line joins the two runs of a site. Radius: standard deviation over that of the observations.
    """
    own = summary[summary["split"] == split]
    classes = sorted(own["class"].unique())
    columns = min(2, len(classes))
    rows = -(-len(classes) // columns)
    figure = Figure(figsize=(NARROW[0] * columns, 4.3 * rows), layout="constrained")
    for number, plant_class in enumerate(classes, start=1):
        axes: Any = figure.add_subplot(rows, columns, number, projection="polar")
        part = own[own["class"] == plant_class]
        points: dict[tuple[str, str], tuple[float, float]] = {}
        for row in part.to_dict("records"):
            for run in ("default", "calibrated"):
                radius = row[f"std_{run}"] / row["std_obs"]
                points[f"{row['site']} {row['variable']}", run] = (radius, max(row[f"r_{run}"], 0.0))
        taylor_frame(axes, points)
        for (name, run), (radius, r) in points.items():
            face = COLOURS[run] if name.endswith("Qle") else "white"
            style = {"color": COLOURS[run], "markerfacecolor": face, "markersize": 7, "clip_on": False}
            axes.plot(np.arccos(r), radius, MARKERS[run], **style)
        for name in dict.fromkeys(name for name, _ in points):
            ends = [points[name, run] for run in ("default", "calibrated")]
            angles = [float(np.arccos(r)) for _, r in ends]
            axes.plot(angles, [radius for radius, _ in ends], color="#888888", linewidth=0.8, zorder=1)
        axes.set_title(f"{plant_class} ({part['site'].nunique()})", loc="left")
    figure.legend(handles=_taylor_legend(), loc="outside lower center", ncols=2)
    return figure


def _taylor_legend() -> list[Line2D]:
    return [
        Line2D(
            [], [], linestyle="", marker=MARKERS[run], color=COLOURS[run],
            markerfacecolor=COLOURS[run] if variable == "Qle" else "white",
            label=f"{variable} {RUN_WORDS[run]}",
        )
        for run in ("default", "calibrated")
        for variable in ("Qle", "Qh")
    ]  # fmt: skip


@styled
def score_distributions(
    values: Mapping[tuple[str, str], Mapping[str, np.ndarray]], variables: Sequence[str]
) -> Figure:
    """Share of sites whose daily score is at most as large, by run (as Fig. 4 of Xie et al. 2025).

    ``values[variable, metric][line]`` holds one score a site for the metrics nse and kge; curves to the right
    are better. Scores below -1 are drawn at -1.
    """
    figure, panels = new_figure(
        (WIDE[0], 2.7 * len(variables)), len(variables), 2, sharex=True, sharey=True, squeeze=False
    )
    for row, variable in zip(panels, variables, strict=True):
        for axes, metric in zip(row, ("nse", "kge"), strict=True):
            lines = values.get((variable, metric), {})
            methods = [name for name in lines if name not in COLOURS]
            for name, scores in lines.items():
                ordered = np.sort(np.maximum(scores[np.isfinite(scores)], -1.0))
                if not len(ordered):
                    continue
                colour = COLOURS.get(name) or METHOD_COLOURS[methods.index(name) % len(METHOD_COLOURS)]
                share = np.arange(1, len(ordered) + 1) / len(ordered)
                axes.step(
                    [ordered[0], *ordered, 1.0], [0.0, *share, 1.0], where="post", color=colour,
                    label=RUN_WORDS.get(name, name),
                )  # fmt: skip
            axes.set_title(f"{metric.upper()} of daily {variable}")
            axes.set_ylim(0.0, 1.02)
        row[0].set_ylabel("share of sites")
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=4)
    return figure
