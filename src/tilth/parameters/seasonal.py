"""Parameters that vary over the year: the amplitudes that a parameter gets beside its mean.

In unconstrained space (the logit of the position in the range, linear or logarithmic) a parameter is

    day-of-year:  u(t) = u_mean + cos · cos(2π t) + sin · sin(2π t),  t the elapsed fraction of the year;
    lai:          u(t) = u_mean + slope · (L(t) - mean L),  L the leaf area index, its mean that of the site,

so that it never leaves its bounds. Amplitudes are parameters like others, called ``vmax0.seasonal_cos``,
``vmax0.seasonal_sin`` or ``vmax0.lai_slope``, with the default 0: no variation.
"""

from collections.abc import Mapping, Sequence

from tilth.parameters.parameter import Parameter

VARIATIONS: Mapping[str, tuple[str, ...]] = {
    "day-of-year": ("seasonal_cos", "seasonal_sin"),
    "lai": ("lai_slope",),
}
"""Amplitudes of each kind of variation."""
LARGEST = {"seasonal_cos": 3.0, "seasonal_sin": 3.0, "lai_slope": 2.0}
"""Largest absolute value of each amplitude. From the middle of its range, ±3 takes a parameter to 5 % and
95 % of it."""
_WORDS = {
    "seasonal_cos": "annual cosine of {}, logit of the position in the range",
    "seasonal_sin": "annual sine of {}, logit of the position in the range",
    "lai_slope": "change of {} with leaf area index, logit of the position in the range",
}
SOURCE = "first annual harmonic or linear in leaf area index, in unconstrained space; amplitudes by choice"


def seasonal_names(parameters: Sequence[str], by: str) -> tuple[str, ...]:
    """Names of the amplitudes of the given parameters, varying with ``by`` (day-of-year or lai)."""
    return tuple(f"{name}.{amplitude}" for name in parameters for amplitude in VARIATIONS[by])


def seasonal_parameter(name: str, table: Mapping[str, Parameter]) -> Parameter | None:
    """The amplitude of that name, None where ``name`` is no amplitude of a parameter in ``table``."""
    base, _, amplitude = name.rpartition(".")
    if amplitude not in LARGEST or base not in table:
        return None
    return Parameter(
        name=name,
        unit="-",
        long_name=_WORDS[amplitude].format(table[base].long_name),
        lower=-LARGEST[amplitude],
        upper=LARGEST[amplitude],
        process=table[base].process,
        source=SOURCE,
        value=0.0,
    )
