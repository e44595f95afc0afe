"""Figures of agreement: simulated against observed, and the Taylor diagram."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from tilth.evaluation.alma import alma_variable
from tilth.evaluation.metrics import correlation, rmse, standard_deviations
from tilth.evaluation.simulation_file import Simulation
from tilth.report.figures_series import compared_runs
from tilth.report.style import COLOURS, MARKERS, NARROW, RUN_WORDS, new_figure, styled


@styled
def scatter(simulation: Simulation, variable: str, split: str) -> Figure:
    """Simulated against observed at every scored step of a part of the record, as counts in hexagons."""
    runs = {run: outputs[variable] for run, outputs in compared_runs(simulation).items()}
    mask = simulation.scored[variable] & simulation.splits[split]
    observed = simulation.observed[variable]
    everything = np.concatenate([observed[mask], *(series[mask] for series in runs.values())])
    low, high = np.quantile(everything[np.isfinite(everything)], (0.0005, 0.9995))
    figure, panels = new_figure((NARROW[0], 3.0), 1, len(runs), sharex=True, sharey=True, squeeze=False)
    for axes, (run, series) in zip(panels[0], runs.items(), strict=True):
        extent = (low, high, low, high)
        axes.hexbin(
            observed[mask], series[mask], gridsize=34, bins="log", cmap="viridis", extent=extent, mincnt=1
        )
        axes.plot([low, high], [low, high], color="#444444", linewidth=0.8, linestyle="--")
        words = f"RMSE {rmse(series, observed, mask):.1f}, r {correlation(series, observed, mask):.2f}"
        axes.set_title(f"{RUN_WORDS[run]}\n{words}", color=COLOURS[run], fontsize=8.5)
        axes.set_aspect("equal")
        axes.set_xlabel("observed")
    panels[0, 0].set_ylabel(f"simulated {alma_variable(variable).label}")
    return figure


@styled
def taylor_diagram(simulation: Simulation, variables: Sequence[str], split: str) -> Figure:
    """Taylor diagram of the runs: angle the correlation, radius the standard deviation over the observed.

    Distance from the reference is the RMSE without the bias, over the observed standard deviation (Taylor
    2001, doi:10.1029/2000JD900719, equation 2). A negative correlation is drawn at zero.
    """
    points: dict[tuple[str, str], tuple[float, float]] = {}
    for variable in variables:
        mask = simulation.scored[variable] & simulation.splits[split]
        for run, outputs in simulation.runs.items():
            sigma_s, sigma_o = standard_deviations(outputs[variable], simulation.observed[variable], mask)
            r = correlation(outputs[variable], simulation.observed[variable], mask)
            points[variable, run] = (sigma_s / sigma_o, max(r, 0.0))
    figure = Figure(figsize=(NARROW[0], 4.2), layout="constrained")
    axes = figure.add_subplot(projection="polar")
    taylor_frame(axes, points)
    for (variable, run), (radius, r) in points.items():
        face = COLOURS[run] if variables.index(variable) % 2 == 0 else "white"
        axes.plot(
            np.arccos(r), radius, MARKERS[run], color=COLOURS[run], markerfacecolor=face, markersize=8,
            label=f"{variable} {RUN_WORDS[run]}", clip_on=False,
        )  # fmt: skip
    for variable in variables:
        ends = [points[variable, run] for run in ("default", "calibrated") if (variable, run) in points]
        if len(ends) == 2:
            (r0, c0), (r1, c1) = ends
            arrow = {"arrowstyle": "->", "color": "#888888", "shrinkA": 6, "shrinkB": 6}
            axes.annotate("", (np.arccos(c1), r1), (np.arccos(c0), r0), arrowprops=arrow)
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def taylor_frame(axes: Any, points: Mapping[tuple[str, str], tuple[float, float]]) -> None:
    """Quarter circle with correlation on its rim, the reference and circles of equal centred error."""
    limit = max(1.5, 1.1 * max((radius for radius, _ in points.values()), default=1.0))
    axes.set(thetamin=0, thetamax=90, rlim=(0, limit), rorigin=0)
    ticks = np.array([0, 0.2, 0.4, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0])
    axes.set_thetagrids(np.degrees(np.arccos(ticks)), [f"{tick:g}" for tick in ticks])
    axes.set_rticks(np.arange(0.5, limit, 0.5))
    angle = np.linspace(0, 2 * np.pi, 400)
    for error in (0.25, 0.5, 0.75, 1.0):
        x, y = 1 + error * np.cos(angle), error * np.sin(angle)
        inside = (x >= 0) & (y >= 0) & (np.hypot(x, y) <= limit)
        theta, radius = np.arctan2(y, x), np.hypot(x, y)
        axes.plot(theta, np.where(inside, radius, np.nan), color="#b9c4cc", linewidth=0.8, linestyle=":")
    axes.plot(np.linspace(0, np.pi / 2, 100), np.ones(100), color="#999999", linewidth=0.8)
    axes.plot(0, 1, "*", color=COLOURS["observed"], markersize=12, clip_on=False, label="observed")
    axes.set_xlabel("standard deviation / observed", labelpad=16)
    axes.text(np.pi / 4, limit * 1.16, "correlation", rotation=-45, ha="center", va="center")
