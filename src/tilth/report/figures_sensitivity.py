"""Figures of a sensitivity analysis: how much each parameter changes the fluxes, and ranks by method."""

from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tilth.report.style import COLOURS, NARROW, OTHERS, new_figure, styled

FLUX_COLOURS = {"Qle": COLOURS["calibrated"], "Qh": COLOURS["default"]}
"""Colours of the fluxes."""
METHOD_LOOKS = {
    "one-at-a-time": (COLOURS["observed"], "s"),
    "morris": (COLOURS["calibrated"], "o"),
    "sobol": (OTHERS[0], "^"),
    "gradient": (COLOURS["default"], "D"),
    "loss-gradient": (OTHERS[1], "v"),
}
"""Colour and marker of each method, so that colour is not the only difference."""
ROW = 0.22
"""Height of a parameter's row [inch]."""


@styled
def flux_change_bars(values: pd.DataFrame, calibrated: Collection[str]) -> Figure:
    """Bars of the mean RMSE between default and perturbed fluxes, as Xie et al. 2025, Fig. 2.

    ``values`` [parameter × flux], in W m-2; the largest mean at the top; names of the ``calibrated``
    parameters are bold.
    """
    ordered = values.loc[values.mean(axis=1).sort_values(na_position="first").index]
    figure, axes = new_figure((NARROW[0], 1.0 + ROW * 1.3 * len(ordered)))
    rows = np.arange(len(ordered))
    width = 0.8 / len(ordered.columns)
    for number, flux in enumerate(ordered.columns):
        offset = (number - (len(ordered.columns) - 1) / 2) * width
        axes.barh(rows - offset, ordered[flux], width, color=FLUX_COLOURS.get(flux, OTHERS[4]), label=flux)
    _named_rows(axes, list(ordered.index), calibrated)
    axes.set_xlabel("Mean RMSE from the default run [W m⁻²]")
    figure.legend(loc="outside upper center", ncols=2)
    return figure


@styled
def ranks_by_method(ranks: pd.DataFrame, calibrated: Collection[str]) -> Figure:
    """Ranks (1 is the most sensitive) of each parameter by each method.

    ``ranks`` [parameter × method]; parameters in the order of their mean rank over the methods.
    """
    ordered = ranks.loc[ranks.mean(axis=1).sort_values(ascending=False, na_position="first").index]
    figure, axes = new_figure((NARROW[0], 1.3 + ROW * len(ordered)))
    rows = np.arange(len(ordered))
    axes.hlines(rows, ordered.min(axis=1), ordered.max(axis=1), color="#c9d4dd", linewidth=2)
    for method in ordered.columns:
        colour, marker = METHOD_LOOKS[str(method)]
        axes.plot(ordered[method], rows, marker, color=colour, markersize=4.5, alpha=0.85, label=method)
    _named_rows(axes, list(ordered.index), calibrated)
    axes.set_xlabel("Rank (1 = most sensitive)")
    figure.legend(loc="outside upper center", ncols=3)
    return figure


def _named_rows(axes: Axes, names: Sequence[str], bold: Collection[str]) -> None:
    axes.set_yticks(np.arange(len(names)), names)
    axes.set_ylim(-0.7, len(names) - 0.3)
    for label, name in zip(axes.get_yticklabels(), names, strict=True):
        label.set_fontweight("bold" if name in bold else "normal")
