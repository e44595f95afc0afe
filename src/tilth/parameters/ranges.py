"""Ranges over which a sensitivity analysis varies a parameter, and where they come from."""

from collections.abc import Sequence

import numpy as np

from tilth.parameters.parameter import Parameter

AROUND_DEFAULT = (0.5, 1.5)
"""Ends of the range of a parameter without a published one, as factors on its default [-]."""


def sensitivity_ranges(
    parameters: Sequence[Parameter], defaults: np.ndarray
) -> dict[str, tuple[float, float, str]]:
    """Lower end, upper end and source of the range of each parameter, by name.

    The published range where the table has one, else :data:`AROUND_DEFAULT` times the default, cut at the
    bounds of the table (fractions stay below one, temperatures physical). ``defaults`` is ``[param]`` in the
    parameters' units.
    """
    return {p.name: _range(p, float(value)) for p, value in zip(parameters, defaults, strict=True)}


def _range(parameter: Parameter, default: float) -> tuple[float, float, str]:
    if parameter.range_source:
        return parameter.lower, parameter.upper, parameter.range_source
    factors = "x{:g}-{:g} of the default".format(*AROUND_DEFAULT)
    low, high = sorted(factor * default for factor in AROUND_DEFAULT)
    lower, upper = max(low, parameter.lower), min(high, parameter.upper)
    if (lower, upper) == (low, high):
        return lower, upper, factors
    unit = "" if parameter.unit == "-" else f" {parameter.unit}"
    bounds = f"{parameter.lower:g} to {parameter.upper:g}{unit}"
    return lower, upper, f"{factors}, within {bounds}"
