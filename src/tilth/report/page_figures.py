"""Figures of the page with their captions and the words that stand in for them."""

import dataclasses

from matplotlib.figure import Figure

from tilth.evaluation.alma import alma_variable
from tilth.evaluation.simulation_file import Simulation
from tilth.report import (
    figures_agreement,
    figures_energy,
    figures_learning,
    figures_parameters,
    figures_series,
)
from tilth.report.contents import RunContents
from tilth.report.style import data_uri
from tilth.report.verdict import SPLIT_WORDS


@dataclasses.dataclass(frozen=True)
class PageFigure:
    """A figure as the page needs it: data URI, words for those who cannot see it, caption, and its width."""

    uri: str
    alt: str
    caption: str
    wide: bool = False


def series_figures(simulation: Simulation, variable: str) -> list[PageFigure]:
    """Daily means, close-up, diurnal cycle and scatter of a target flux."""
    name = alma_variable(variable).long_name
    figures = [
        _raster(
            figures_series.daily_means(simulation, variable),
            f"Daily means of {name}, observed and simulated, over the whole record",
            f"{variable}, means of the scored steps of days that have 80 % of them. Shaded: held out.",
            wide=True,
        ),
        _raster(
            figures_series.close_up(simulation, variable),
            f"Two weeks of {name} at every step, observed and simulated",
            f"{variable} at every step: the well-observed held-out fortnight of largest observed flux.",
            wide=True,
        ),
    ]
    return figures + agreement_figures(simulation, variable)


def agreement_figures(simulation: Simulation, variable: str) -> list[PageFigure]:
    """Diurnal cycle by season and scatter of a variable."""
    name = alma_variable(variable).long_name
    split = _split(simulation, variable)
    part = SPLIT_WORDS[split]
    return [
        _vector(
            figures_series.diurnal_cycle(simulation, variable),
            f"Mean diurnal cycle of {name} in four seasons, observed and simulated",
            f"{variable}, mean day of each season over all scored steps of the record (n: number of steps).",
        ),
        _raster(
            figures_agreement.scatter(simulation, variable, split),
            f"Simulated against observed {name} with the one-to-one line, for each run",
            f"{variable}, every scored step of the {part}; brighter hexagons hold more steps. Dashed: 1:1.",
        ),
    ]


def taylor_figures(simulation: Simulation, variables: list[str]) -> list[PageFigure]:
    """One Taylor diagram a part of the record."""
    return [
        _vector(
            figures_agreement.taylor_diagram(simulation, variables, split),
            f"Taylor diagram of {', '.join(variables)}, {words}: correlation and standard deviation",
            f"Taylor diagram, {words}, native step. Dotted: RMSE without bias over observed SD.",
        )
        for split, words in SPLIT_WORDS.items()
        if all((simulation.scored[name] & simulation.splits[split]).any() for name in variables)
    ]


def parameter_figures(contents: RunContents) -> list[PageFigure]:
    """Learned parameters within their bounds."""
    if contents.parameters is None or not contents.calibrated:
        return []
    at_bound = parameters_at_bound(contents)
    words = f"at a bound: {', '.join(at_bound)}" if at_bound else "none is at a bound"
    return [
        _vector(
            figures_parameters.parameters_in_bounds(contents.parameters, contents.facts.get("truth")),
            f"Default and learned value of each parameter between its bounds; {words}",
            "Position in the range (logarithmic where the scale is). Ringed: within 1 % of a bound.",
        )
    ]


def parameters_at_bound(contents: RunContents) -> list[str]:
    """Names of the parameters within 1 % of their range of a bound."""
    if contents.parameters is None:
        return []
    marked = contents.parameters["at_bound"].astype(str).str.lower() == "true"
    return [str(name) for name in contents.parameters.loc[marked, "parameter"]]


def learning_figures(contents: RunContents) -> list[PageFigure]:
    """Training curves, then the surrogate against the model."""
    figures = []
    if contents.history is not None:
        for stage in contents.history["stage"].drop_duplicates():
            figures.append(
                _vector(
                    figures_learning.training_curve(contents.history, str(stage)),
                    f"Loss during the stage {stage}",
                    f"Training curve of the stage “{stage}”: loss, and loss on blocks held back, if any.",
                )
            )
    if contents.audit is not None:
        for variable in contents.audit["variable"].drop_duplicates():
            figures.append(
                _raster(
                    figures_learning.surrogate_against_model(contents.audit, str(variable)),
                    f"Surrogate against land model for {variable} with the one-to-one line",
                    f"{variable} of the surrogate against the land model, same parameters and steps.",
                )
            )
    return figures


def closure_figures(simulation: Simulation) -> list[PageFigure]:
    """Closure of the tower where it measured what is needed."""
    if "observed" not in figures_energy.closures(simulation):
        return []
    return [
        _raster(
            figures_energy.tower_closure(simulation),
            "Measured turbulent fluxes against measured available energy, with the least-squares line",
            "Closure of the measurements: turbulent fluxes against available energy.",
        )
    ]


def _split(simulation: Simulation, variable: str) -> str:
    """The held-out part where anything is scored in it, else the calibration part."""
    heldout = simulation.scored[variable] & simulation.splits["heldout"]
    return "heldout" if heldout.any() else "calibration"


def _raster(figure: Figure, alt: str, caption: str, *, wide: bool = False) -> PageFigure:
    return PageFigure(data_uri(figure), alt, caption, wide)


def _vector(figure: Figure, alt: str, caption: str) -> PageFigure:
    return PageFigure(data_uri(figure, vector=True), alt, caption)
