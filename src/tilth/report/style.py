"""One look for all figures: colours that colour-blind readers tell apart, sizes that a phone can show."""

import base64
import functools
import io
from collections.abc import Callable
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

COLOURS = {"observed": "#1b1b1b", "default": "#d55e00", "default_site": "#e69f00", "calibrated": "#0072b2"}
"""Colours of the observations and the runs (Okabe and Ito 2008, jfly.uni-koeln.de/color)."""
OTHERS = ("#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7a7a7a")
"""Colours for further lines, in order."""
RUN_WORDS = {
    "observed": "observed",
    "default": "default",
    "default_site": "defaults of the site",
    "calibrated": "calibrated",
}
"""Observations and runs as readers see them."""
MARKERS = {"default": "s", "default_site": "^", "calibrated": "o"}
"""Markers of the runs, so that colour is not the only difference."""
NARROW, WIDE = (4.7, 3.3), (10.0, 2.9)
"""Figure sizes [inch]: a panel that fits a phone, and a strip over the page."""

_STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9.0,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#666666",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.7,
    "xtick.color": "#444444",
    "ytick.color": "#444444",
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "lines.linewidth": 1.4,
    "figure.facecolor": "white",
    "svg.hashsalt": "tilth",
    "svg.fonttype": "path",
}


def styled(draw: Callable[..., Figure]) -> Callable[..., Figure]:
    """The drawing function, run with the style of the package and without touching the user's."""

    @functools.wraps(draw)
    def wrapped(*arguments: Any, **options: Any) -> Figure:
        with mpl.rc_context(_STYLE):
            return draw(*arguments, **options)

    return wrapped


def new_figure(
    size: tuple[float, float], rows: int = 1, columns: int = 1, **options: Any
) -> tuple[Figure, Any]:
    """A figure of ``size`` [inch] and its axes, like ``pyplot.subplots`` but without global state."""
    figure = Figure(figsize=size, layout="constrained")
    return figure, figure.subplots(rows, columns, **options)


def legend_above(axes: Axes, columns: int = 4) -> None:
    """A legend in one row above the axes, at the left, where a narrow screen shows it first."""
    axes.legend(
        loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=columns, borderaxespad=0.1, handlelength=1.4
    )


def data_uri(figure: Figure, *, vector: bool = False) -> str:
    """The figure as a data URI, SVG or PNG; the same figure always gives the same text."""
    stream = io.BytesIO()
    if vector:
        with mpl.rc_context(_STYLE):
            figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
        kind = "svg+xml"
    else:
        figure.savefig(stream, format="png", dpi=150, metadata={"Software": None})
        kind = "png"
    return f"data:image/{kind};base64,{base64.b64encode(stream.getvalue()).decode('ascii')}"
