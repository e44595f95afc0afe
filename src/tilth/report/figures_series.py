"""Figures over time: daily means, two weeks of half-hours, and the mean day of each season."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

from tilth.evaluation.aggregation import period_means
from tilth.evaluation.alma import alma_variable
from tilth.evaluation.simulation_file import Simulation
from tilth.report.style import COLOURS, NARROW, RUN_WORDS, WIDE, legend_above, new_figure, styled

SEASONS = {"Dec–Feb": (12, 1, 2), "Mar–May": (3, 4, 5), "Jun–Aug": (6, 7, 8), "Sep–Nov": (9, 10, 11)}
"""Months of each season, named so that they are right on both hemispheres."""
WINDOW_DAYS = 14
"""Length of the close-up [d]."""


def compared_runs(simulation: Simulation) -> dict[str, Mapping[str, np.ndarray]]:
    """The default and the calibrated run; where nothing was calibrated, all runs."""
    runs = {run: outputs for run, outputs in simulation.runs.items() if run in ("default", "calibrated")}
    return runs if "calibrated" in runs else dict(simulation.runs)


def series_of(simulation: Simulation, variable: str) -> dict[str, np.ndarray]:
    """The observed and the compared series of a variable, observed first."""
    runs = compared_runs(simulation)
    return {"observed": simulation.observed[variable], **{run: runs[run][variable] for run in runs}}


@styled
def daily_means(simulation: Simulation, variable: str) -> Figure:
    """Daily means over the whole record, of the scored steps of days that have 80 % of them."""
    figure, axes = new_figure(WIDE)
    series = series_of(simulation, variable)
    means = period_means(simulation.time, simulation.step, series, simulation.scored[variable], "1D")
    days = means.start.astype("datetime64[D]")
    whole = np.arange(
        simulation.time[0].astype("datetime64[D]"), simulation.time[-1].astype("datetime64[D]") + 1
    )
    for name, values in means.series.items():
        line = np.full(len(whole), np.nan)
        line[(days - whole[0]).astype(int)] = values
        width = 1.3 if name == "observed" else 1.0
        axes.plot(whole, line, color=COLOURS[name], label=RUN_WORDS[name], linewidth=width, alpha=0.9)
    heldout = simulation.time[simulation.splits["heldout"]]
    if heldout.size:
        axes.axvspan(heldout[0], heldout[-1], color="#eef3f7", zorder=0, label="held out")
    axes.set_ylabel(alma_variable(variable).label)
    axes.set_xlim(whole[0], whole[-1] + 1)
    _date_axis(axes)
    legend_above(axes)
    return figure


@styled
def close_up(simulation: Simulation, variable: str) -> Figure:
    """The two weeks of the held-out part with the largest mean observed flux among those best observed."""
    start = close_up_start(simulation, variable)
    inside = slice(start, start + _window(simulation))
    figure, axes = new_figure(WIDE)
    scored = simulation.scored[variable][inside]
    for name, series in series_of(simulation, variable).items():
        shown = np.where(scored, series[inside], np.nan) if name == "observed" else series[inside]
        marker = {"marker": ".", "markersize": 3} if name == "observed" else {}
        axes.plot(
            simulation.time[inside],
            shown,
            color=COLOURS[name],
            label=RUN_WORDS[name],
            linewidth=1.0,
            **marker,
        )
    axes.set_ylabel(alma_variable(variable).label)
    axes.margins(x=0.0)
    _date_axis(axes)
    legend_above(axes)
    return figure


def close_up_start(simulation: Simulation, variable: str) -> int:
    """First step of the close-up: among the windows that start at midnight and have at least 90 % of the
    scored steps of the best one, the one with the largest mean observed flux."""
    window = _window(simulation)
    mask = simulation.scored[variable] & simulation.splits["heldout"]
    if not mask.any():
        mask = simulation.scored[variable]
    midnight = simulation.time == simulation.time.astype("datetime64[D]")
    starts = np.flatnonzero(midnight & (np.arange(len(mask)) + window <= len(mask)))
    if starts.size == 0:
        return 0
    count = np.concatenate([[0], np.cumsum(mask)])
    total = np.concatenate([[0.0], np.cumsum(np.where(mask, simulation.observed[variable], 0.0))])
    n = count[starts + window] - count[starts]
    mean = (total[starts + window] - total[starts]) / np.maximum(n, 1)
    return int(starts[np.argmax(np.where(n >= 0.9 * n.max(), mean, -np.inf))])


@styled
def diurnal_cycle(simulation: Simulation, variable: str) -> Figure:
    """Mean day of each season over the scored steps of the whole record, with their number."""
    figure, panels = new_figure((NARROW[0], 3.7), 2, 2, sharex=True, sharey=True)
    month = simulation.time.astype("datetime64[M]").astype(int) % 12 + 1
    seconds = (simulation.time - simulation.time.astype("datetime64[D]")).astype("timedelta64[s]").astype(int)
    slot = (seconds // simulation.step).astype(int)
    hours = (np.arange(round(86400 / simulation.step)) + 0.5) * simulation.step / 3600
    for axes, (season, months) in zip(panels.flat, SEASONS.items(), strict=True):
        keep = simulation.scored[variable] & np.isin(month, months)
        count = np.bincount(slot[keep], minlength=len(hours))
        for name, series in series_of(simulation, variable).items():
            total = np.bincount(slot[keep], weights=series[keep], minlength=len(hours))
            axes.plot(
                hours,
                np.where(count > 0, total / np.maximum(count, 1), np.nan),
                color=COLOURS[name],
                label=RUN_WORDS[name],
            )
        axes.set_title(f"{season}  (n = {keep.sum()})", fontweight="normal")
        axes.set_xticks([0, 6, 12, 18, 24])
    for axes in panels[-1]:
        axes.set_xlabel("local standard time [h]")
    figure.supylabel(alma_variable(variable).label, fontsize=9)
    handles, labels = panels.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3)
    return figure


def _window(simulation: Simulation) -> int:
    return min(round(WINDOW_DAYS * 86400 / simulation.step), len(simulation.time))


def _date_axis(axes: Axes) -> None:
    locator = AutoDateLocator()
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
