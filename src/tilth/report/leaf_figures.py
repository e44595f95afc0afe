"""Figures of leaf experiments, after figures 4 to 8 of Aboelyazeed et al. 2023."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from tilth.report.style import COLOURS, OTHERS, new_figure, styled

RATE = "net photosynthesis [µmol m⁻² s⁻¹]"
CARBOXYLATION = "Vcmax25 [µmol m⁻² s⁻¹]"
PALETTE = (COLOURS["calibrated"], COLOURS["default"], *OTHERS)
SHAPES = "os^vD<>ph"


@styled
def recovered_carboxylation(rows: pd.DataFrame) -> Figure:
    """Recovered against true Vcmax of each type; bars show the range over the runs."""
    figure, axes = new_figure((4.7, 3.6))
    grouped = rows.groupby("type", sort=False)
    for number, (name, group) in enumerate(grouped):
        true, mean = group["true"].iloc[0], group["recovered"].mean()
        reach = [[mean - group["recovered"].min()], [group["recovered"].max() - mean]]
        style = {"marker": SHAPES[number % len(SHAPES)], "color": PALETTE[number % len(PALETTE)]}
        axes.errorbar(true, mean, yerr=np.abs(reach), linestyle="none", capsize=2, label=name, **style)
    _one_to_one(axes, rows["true"].min(), rows["true"].max())
    axes.set(xlabel=f"true {CARBOXYLATION}", ylabel=f"recovered {CARBOXYLATION}")
    axes.legend(fontsize=7, loc="upper left")
    return figure


@styled
def true_and_found(frame: pd.DataFrame, true: str, found: str, label: str) -> Figure:
    """A quantity of each point as found against its true value, trained and held out."""
    figure, axes = new_figure((4.7, 3.6))
    for split, colour in (("train", COLOURS["calibrated"]), ("test", OTHERS[0])):
        rows = frame[frame["split"] == split]
        axes.plot(rows[true], rows[found], ".", color=colour, markersize=4, alpha=0.6, label=split)
    _one_to_one(axes, frame[true].min(), frame[true].max())
    axes.set(xlabel=f"true {label}", ylabel=f"found {label}")
    axes.legend()
    return figure


@styled
def simulated_and_observed(points: pd.DataFrame, formulations: Sequence[str], kind: str) -> Figure:
    """Simulated against observed photosynthesis of held-out days, a panel a formulation, a marker a type."""
    columns = min(3, len(formulations))
    rows = -(-len(formulations) // columns)
    figure, panels = new_figure((10.0, 3.3 * rows), rows, columns, sharex=True, sharey=True, squeeze=False)
    held = points if kind == "crossed" else points[points["split"] == "test"]
    for axes, name in zip(panels.flat, formulations, strict=False):
        for number, (plant, group) in enumerate(held.groupby("type")):
            style = {"marker": SHAPES[number], "color": PALETTE[number % len(PALETTE)], "linestyle": "none"}
            axes.plot(
                group["observed"], group[f"{name} {kind}"], markersize=3, alpha=0.5, label=plant, **style
            )
        _one_to_one(axes, held["observed"].min(), held["observed"].max())
        axes.set_title(name)
    panels[0, 0].legend(fontsize=7)
    panels[-1, 0].set(xlabel=f"observed {RATE}", ylabel=f"simulated {RATE}")
    for axes in list(panels.flat)[len(formulations) :]:
        axes.set_visible(False)
    return figure


@styled
def carboxylation_beside_others(table: pd.DataFrame, learned: str) -> Figure:
    """Learned Vcmax of each type beside other models and the TRY database."""
    rows = table[table["type"] != f"correlation with {learned}"]
    figure, axes = new_figure((4.7, 3.6))
    low = high = rows[learned].to_numpy()
    for number, source in enumerate(("CLM4.5", "AVIM", "BETHY", "TRY")):
        marker = SHAPES[number]
        axes.plot(rows[source], rows[learned], marker, color=PALETTE[number], label=source, linestyle="none")
        low, high = np.fmin(low, rows[source].to_numpy()), np.fmax(high, rows[source].to_numpy())
    for name, value in zip(rows["type"], rows[learned], strict=True):
        axes.annotate(
            name,
            (rows["CLM4.5"][rows["type"] == name].iloc[0], value),
            fontsize=7,
            xytext=(4, 2),
            textcoords="offset points",
        )
    _one_to_one(axes, float(np.nanmin(low)), float(np.nanmax(high)))
    axes.set(xlabel=f"elsewhere {CARBOXYLATION}", ylabel=f"{learned} {CARBOXYLATION}")
    axes.legend()
    return figure


@styled
def loss_profiles(values: np.ndarray, profiles: np.ndarray, types: Sequence[str], label: str) -> Figure:
    """Root mean square error of each type along one parameter, the other one chosen best at every step."""
    figure, axes = new_figure((4.7, 3.3))
    for number, (name, profile) in enumerate(zip(types, profiles, strict=True)):
        axes.plot(values, np.sqrt(profile), color=PALETTE[number % len(PALETTE)], label=name)
    axes.set(xlabel=label, ylabel="RMSE [µmol m⁻² s⁻¹]")
    axes.legend(fontsize=7)
    return figure


def _one_to_one(axes: object, low: float, high: float) -> None:
    axes.plot([low, high], [low, high], color="#444444", linewidth=0.8, linestyle="--")  # type: ignore[attr-defined]
