"""Surrogates against the land model, and the land model with what was learned through them."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from tilth.evaluation.alma import alma_variable
from tilth.report.style import COLOURS, MARKERS, NARROW, OTHERS, new_figure, styled


@styled
def audit_errors(rows: pd.DataFrame, flux: str, limits: Mapping[str, float | None]) -> Figure:
    """Errors over the box and near the optimum over the observation error, a row for each surrogate."""
    names = list(rows["combination"].drop_duplicates())
    figure, axes = new_figure((NARROW[0], 1.3 + 0.42 * len(names)))
    shown = {
        "box": ("over the box", OTHERS[4], MARKERS["default"], 0.14),
        "near": ("near the optimum", COLOURS["calibrated"], MARKERS["calibrated"], -0.14),
    }
    for key, (label, colour, marker, offset) in shown.items():
        for place, name in enumerate(names):
            values = rows.loc[rows["combination"] == name, f"{key}_of_observation_error"].to_numpy(float)
            axes.plot(
                values,
                np.full(len(values), place + offset),
                marker,
                color=colour,
                markersize=5,
                alpha=0.75,
                label=label if place == 0 else None,
            )
        limit = limits.get(key)
        if limit is not None:
            axes.axvline(limit, color=colour, linestyle="--" if key == "near" else ":", linewidth=1.0)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlim(left=0)
    axes.set_xlabel(f"{flux}: error / observation error [-]")
    figure.legend(loc="outside upper center", ncols=2)
    return figure


@styled
def errors_after(rows: pd.DataFrame, flux: str) -> Figure:
    """Held-out RMSE of the land model at each site, default and through each surrogate."""
    sites = list(rows["site"].drop_duplicates())
    names = list(rows["combination"].drop_duplicates())
    figure, axes = new_figure((NARROW[0], 1.5 + 0.34 * len(sites)))
    defaults = rows.drop_duplicates("site")["default_rmse_heldout"].to_numpy(float)
    axes.plot(defaults, range(len(sites)), MARKERS["default"], color=COLOURS["default"], label="default")
    colours, markers = (COLOURS["calibrated"], *OTHERS), "o^vDP*Xh"
    for index, name in enumerate(names):
        of_name = rows[rows["combination"] == name].set_index("site")["calibrated_rmse_heldout"]
        axes.plot(
            of_name.reindex(sites).to_numpy(float),
            np.arange(len(sites)),
            markers[index % len(markers)],
            color=colours[index % len(colours)],
            alpha=0.8,
            label=name,
        )
    axes.set_yticks(range(len(sites)), sites)
    axes.set_ylim(len(sites) - 0.5, -0.5)
    axes.set_xlim(left=0)
    axes.set_xlabel(f"held-out RMSE of {alma_variable(flux).label}")
    figure.legend(loc="outside upper center", ncols=1 if max(map(len, names)) > 24 else 2)
    return figure
