"""Parameters of columns that vary over the year; see :mod:`tilth.parameters.seasonal` for the formulas."""

import dataclasses
from collections.abc import Mapping

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from tilth.data.containers import Sites
from tilth.parameters.parameter import Parameter
from tilth.parameters.space import ParameterSpace
from tilth.parameters.tables import parameter_table


class Variation(eqx.Module):
    """Amplitudes by name, ``[column]`` each, the mean leaf area index of the site, and the ranges.

    Without amplitudes it costs nothing; with amplitudes of zero parameters are exactly what they were.
    """

    amplitudes: dict[str, Float[Array, " column"]] = dataclasses.field(default_factory=dict)
    mean_leaf_area: Float[Array, " column"] | None = None
    ranges: tuple[Parameter, ...] = eqx.field(static=True, default=())

    @classmethod
    def of(
        cls,
        space: ParameterSpace,
        values: Mapping[str, Float[Array, " column"]],
        sites: Sites,
        site: Int[np.ndarray, " column"],
    ) -> "Variation":
        """The variation of the parameters of a space; ``values`` are physical values by name.

        The bounds are those of the space, or of the table where only the amplitudes are in it.
        """
        amplitudes = {name: series for name, series in values.items() if "." in name}
        if not amplitudes:
            return cls()
        bases = dict.fromkeys(name.rpartition(".")[0] for name in amplitudes)
        known = {**parameter_table(), **{p.name: p for p in space.parameters}}
        means = np.array([np.mean(record.forcing["leaf_area_index"]) for record in sites.records])
        return cls(
            amplitudes, jnp.asarray(means[site], sites.step.dtype), tuple(known[name] for name in bases)
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters that vary."""
        return tuple(parameter.name for parameter in self.ranges)

    def applied(
        self, parameters: Mapping[str, Float[Array, " column"]], values: Mapping[str, Array]
    ) -> dict[str, Float[Array, " column"]]:
        """All parameters at a step; ``values`` hold ``season`` [rad] or ``leaf_area_index`` [m2 m-2]."""
        now = dict(parameters)
        for parameter in self.ranges:
            now[parameter.name] = shifted(
                parameter, parameters[parameter.name], self._shift(parameter.name, values)
            )
        return now

    def _shift(self, name: str, values: Mapping[str, Array]) -> Float[Array, " column"]:
        """Distance from the mean in unconstrained space."""
        shift = jnp.zeros_like(values["leaf_area_index"])
        if f"{name}.seasonal_cos" in self.amplitudes:
            shift = shift + self.amplitudes[f"{name}.seasonal_cos"] * jnp.cos(values["season"])
        if f"{name}.seasonal_sin" in self.amplitudes:
            shift = shift + self.amplitudes[f"{name}.seasonal_sin"] * jnp.sin(values["season"])
        if f"{name}.lai_slope" in self.amplitudes and self.mean_leaf_area is not None:
            anomaly = values["leaf_area_index"] - self.mean_leaf_area
            shift = shift + self.amplitudes[f"{name}.lai_slope"] * anomaly
        return shift


def shifted(
    parameter: Parameter, mean: Float[Array, " column"], shift: Float[Array, " column"]
) -> Float[Array, " column"]:
    """Physical values at a distance from ``mean`` in unconstrained space, inside the bounds.

    With the position p of the mean in the range and e = exp(shift) - 1, that of the value is
    p + p (1 - p) e / (1 + p e), the logistic function of logit p + shift. No shift gives the mean to the
    last bit, and a value on its bound stays there.
    """
    low, high = parameter.lower, parameter.upper
    logarithmic = parameter.scale == "log"
    ratio = jnp.log(mean / low) / float(np.log(high / low)) if logarithmic else (mean - low) / (high - low)
    position = jnp.clip(ratio, 0.0, 1.0)
    growth = jnp.expm1(shift)
    change = position * (1.0 - position) * growth / (1.0 + position * growth)
    if logarithmic:
        return mean + mean * jnp.expm1(float(np.log(high / low)) * change)
    return mean + (high - low) * change


def depends_on_season(space: ParameterSpace) -> bool:
    """Whether a parameter of the space varies with the day of the year."""
    return any(".seasonal_" in name for name in space.names)


def season_angle(time: np.ndarray) -> Float[np.ndarray, " time"]:
    """Angle of the time of year [rad]: 0 at its beginning, 2π at its end, whatever its length."""
    year = time.astype("datetime64[Y]")
    begin = year.astype("datetime64[s]")
    length = ((year + 1).astype("datetime64[s]") - begin).astype(float)
    return 2.0 * np.pi * (time.astype("datetime64[s]") - begin).astype(float) / length
