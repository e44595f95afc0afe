"""Closure of the energy balance, at the tower and in the model."""

import numpy as np
from matplotlib.figure import Figure

from tilth.evaluation.closure import ASSUMED_GROUND_SHARE, Closure, energy_closure
from tilth.evaluation.simulation_file import Simulation
from tilth.report.style import COLOURS, NARROW, new_figure, styled


def closure_mask(simulation: Simulation) -> np.ndarray:
    """Steps at which every energy flux that the tower has is scored."""
    names = [
        name
        for name in ("Rnet", "Qg", "Qle", "Qh")
        if name in simulation.scored and simulation.scored[name].any()
    ]
    return np.logical_and.reduce([simulation.scored[name] for name in names])


def closures(simulation: Simulation) -> dict[str, Closure]:
    """Closure of the tower (``observed``) and of each run, over the same steps.

    Without the tower where it did not measure Rnet, Qle and Qh, the runs then over the whole record; a run
    that lacks one of these is left out.
    """
    needed = ("Rnet", "Qle", "Qh")
    measured = all(name in simulation.observed and simulation.scored[name].any() for name in needed)
    mask = closure_mask(simulation) if measured else np.ones(len(simulation.time), bool)
    found: dict[str, Closure] = {}
    if measured:
        observed = simulation.observed
        ground = observed["Qg"] if "Qg" in observed and simulation.scored["Qg"].any() else None
        found["observed"] = energy_closure(observed["Rnet"], observed["Qle"], observed["Qh"], mask, ground)
    for run, outputs in simulation.runs.items():
        if all(name in outputs for name in (*needed, "Qg")):
            found[run] = energy_closure(outputs["Rnet"], outputs["Qle"], outputs["Qh"], mask, outputs["Qg"])
    return found


@styled
def tower_closure(simulation: Simulation) -> Figure:
    """Measured Qle + Qh against Rnet - Qg, as counts in hexagons, with the line of least squares."""
    observed, mask = simulation.observed, closure_mask(simulation)
    closure = closures(simulation)["observed"]
    ground = ASSUMED_GROUND_SHARE * observed["Rnet"] if closure.ground_heat_assumed else observed["Qg"]
    available, turbulent = (observed["Rnet"] - ground)[mask], (observed["Qle"] + observed["Qh"])[mask]
    figure, axes = new_figure((NARROW[0], 3.9))
    low, high = np.quantile(np.concatenate([available, turbulent]), (0.0005, 0.9995))
    extent = (low, high, low, high)
    axes.hexbin(available, turbulent, gridsize=40, bins="log", cmap="viridis", extent=extent, mincnt=1)
    ends = np.array([low, high])
    axes.plot(ends, ends, color="#444444", linewidth=0.8, linestyle="--", label="closed")
    line = closure.intercept + closure.slope * ends
    axes.plot(ends, line, color=COLOURS["default"], label=f"slope {closure.slope:.2f}")
    axes.set(xlim=(low, high), ylim=(low, high), aspect="equal")
    axes.set_xlabel("Rnet − Qg [W m⁻²]")
    axes.set_ylabel("Qle + Qh [W m⁻²]")
    axes.set_title(f"Measured, n = {closure.n}")
    axes.legend(loc="upper left")
    return figure
