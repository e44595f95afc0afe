"""How learned parameters spread within and between plant classes, and where published values lie."""

import functools
import tomllib
from importlib import resources
from typing import Any

import numpy as np
import pandas as pd

SPREAD_COLUMNS = (
    "method", "parameter", "sites", "classes", "within", "between", "at_bound",
)  # fmt: skip
"""Columns of ``parameter_spread.csv``."""


def parameter_spread(parameters: pd.DataFrame) -> pd.DataFrame:
    """Spread of each parameter over sites, by method, from the rows of ``parameters.csv``.

    Values are taken as positions in the (logarithmic) range, 0 to 1. ``within`` is the root mean square
    deviation of the sites from the mean of their class, over classes with two sites or more; ``between`` the
    standard deviation of the means of the classes (both with the number less one); NaN where there are too
    few. ``at_bound`` counts the sites whose value lies at a bound.
    """
    table = parameters.assign(position=_position(parameters))
    rows: list[dict[str, Any]] = []
    for (method, parameter), group in table.groupby(["method", "parameter"], sort=False):
        classes = [one["position"].to_numpy() for _, one in group.groupby("class")]
        several = [values for values in classes if len(values) > 1]
        freedom = sum(len(values) - 1 for values in several)
        squares = sum(float(((values - values.mean()) ** 2).sum()) for values in several)
        means = [float(values.mean()) for values in classes]
        rows.append(
            {
                "method": method,
                "parameter": parameter,
                "sites": len(group),
                "classes": len(classes),
                "within": np.sqrt(squares / freedom) if freedom else np.nan,
                "between": float(np.std(means, ddof=1)) if len(means) > 1 else np.nan,
                "at_bound": int(group["at_bound"].sum()),
            }
        )
    return pd.DataFrame(rows, columns=list(SPREAD_COLUMNS))


def _position(table: pd.DataFrame) -> np.ndarray:
    """Position of each value between its bounds [-], on a logarithmic scale where the parameter has one."""
    low, high, value = (table[name].to_numpy(float) for name in ("lower", "upper", "value"))
    logarithmic = (table["scale"] == "log").to_numpy()
    linear = (value - low) / (high - low)
    sign = np.where(low < 0, -1.0, 1.0)
    safe = [np.where(logarithmic, sign * one, 1.0) for one in (low, high, value)]
    bottom, top, middle = (np.log(one) for one in safe)
    width = np.where(logarithmic, top - bottom, 1.0)
    return np.asarray(np.where(logarithmic, (middle - bottom) / width, linear))


@functools.cache
def published_parameters() -> dict[str, Any]:
    """Ranges of others by plant class: ``class`` (learned at towers) and ``carboxylation`` (of leaves)."""
    text = resources.files("tilth.evaluation").joinpath("published_parameters.toml").read_text("utf-8")
    return tomllib.loads(text)


def published_range(plant_class: str, parameter: str) -> tuple[float, float] | None:
    """Smallest and largest value that Xie et al. 2025 learned for a class; None where there is none."""
    known = published_parameters()["class"].get(plant_class, {}).get(parameter)
    return None if known is None else (float(known["lower"]), float(known["upper"]))
