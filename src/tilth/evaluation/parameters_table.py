"""The table of parameters: defaults, learned values, bounds, and which values sit at one."""

import numpy as np
import pandas as pd

from tilth.parameters.space import ParameterSpace

PARAMETER_COLUMNS = (
    "site", "class", "method", "parameter", "unit", "scale", "default", "value", "lower", "upper", "at_bound",
)  # fmt: skip
"""Columns of ``parameters.csv``, in order. Values and bounds are in ``unit``."""


def parameter_rows(
    space: ParameterSpace,
    defaults: np.ndarray,
    values: np.ndarray,
    *,
    site: str,
    plant_class: str,
    method: str,
) -> pd.DataFrame:
    """One row a parameter of ``space``; ``defaults`` and ``values`` are physical, in its order.

    ``at_bound`` is True within 1 % of the (logarithmic) range of a bound. Raises ``ValueError`` where a
    vector has another length than the space.
    """
    for name, vector in (("defaults", defaults), ("values", values)):
        if np.shape(vector) != (len(space.names),):
            raise ValueError(
                f"{name} must hold {len(space.names)} numbers, one for each of {', '.join(space.names)}; "
                f"got shape {np.shape(vector)}"
            )
    at_bound = space.at_bound(np.asarray(values, float))
    run = (site, plant_class, method)
    rows = [
        (*run, p.name, p.unit, p.scale, float(default), float(value), p.lower, p.upper, bool(at))
        for p, default, value, at in zip(space.parameters, defaults, values, at_bound, strict=True)
    ]
    return pd.DataFrame(rows, columns=list(PARAMETER_COLUMNS))
