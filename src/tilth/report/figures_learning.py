"""How learning went: training curves, and the surrogate against the model."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from tilth.evaluation.alma import alma_variable
from tilth.evaluation.metrics import correlation, rmse
from tilth.report.style import COLOURS, NARROW, OTHERS, new_figure, styled


@styled
def training_curve(history: pd.DataFrame, stage: str) -> Figure:
    """Loss and validation loss of one stage of learning."""
    rows = history[history["stage"] == stage]
    figure, axes = new_figure(NARROW)
    step = rows["step"].to_numpy(float)
    for column, colour, style in (("loss", COLOURS["calibrated"], "-"), ("validation", OTHERS[0], "--")):
        values = rows[column].to_numpy(float)
        known = np.isfinite(values)
        if known.any():
            mark = "." if known.sum() < 60 else None
            axes.plot(step[known], values[known], style, color=colour, label=column, marker=mark)
    positive = rows["loss"].to_numpy(float)
    positive = positive[np.isfinite(positive)]
    if positive.size and positive.min() > 0 and positive.max() / positive.min() > 10:
        axes.set_yscale("log")
    axes.set_xlabel("step of learning")
    axes.set_ylabel("loss [-]")
    axes.set_title(stage)
    axes.legend()
    return figure


@styled
def surrogate_against_model(audit: pd.DataFrame, variable: str) -> Figure:
    """The surrogate's values against the model's for the same members and steps, as counts in hexagons."""
    rows = audit[audit["variable"] == variable]
    model, surrogate = rows["model"].to_numpy(float), rows["surrogate"].to_numpy(float)
    figure, axes = new_figure((NARROW[0], 3.9))
    low, high = np.quantile(np.concatenate([model, surrogate]), (0.0005, 0.9995))
    extent = (low, high, low, high)
    axes.hexbin(model, surrogate, gridsize=40, bins="log", cmap="viridis", extent=extent, mincnt=1)
    axes.plot([low, high], [low, high], color="#444444", linewidth=0.8, linestyle="--")
    unit = alma_variable(variable).short
    axes.set_title(
        f"{variable}: RMSE {rmse(surrogate, model):.1f} {unit}, r {correlation(surrogate, model):.3f}, "
        f"n = {len(rows)}",
        fontsize=8.5,
    )
    axes.set_xlabel(f"land model [{unit}]")
    axes.set_ylabel(f"surrogate [{unit}]")
    axes.set_aspect("equal")
    return figure
