"""The space of calibrated parameters and its smooth bijection to unconstrained numbers."""

from collections.abc import Mapping, Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from tilth.parameters.parameter import Parameter
from tilth.parameters.seasonal import seasonal_parameter
from tilth.parameters.tables import parameter_table

INSIDE = 0.01
"""Fraction of the range that a default on its bound starts inside, and within which a value is at a bound."""


class ParameterSpace(eqx.Module):
    """The parameters that are calibrated, in order, with their bounds.

    Physical values are mapped to the real line by the logit of the position in the range, linear or
    logarithmic as the parameter says, so that a parameter is never clipped.
    """

    parameters: tuple[Parameter, ...] = eqx.field(static=True)

    @classmethod
    def select(
        cls, names: Sequence[str], bounds: Mapping[str, tuple[float, float]] | None = None
    ) -> "ParameterSpace":
        """The space of the named parameters, with other bounds where given.

        Names are those of the table, or amplitudes of :mod:`tilth.parameters.seasonal`.

        Raises ``ValueError`` for an unknown or repeated name, or bounds that are not inside the table's.
        """
        table = dict(parameter_table())
        for name in (*names, *(bounds or {})):
            amplitude = seasonal_parameter(name, table)
            if amplitude is not None:
                table[name] = amplitude
        unknown = [name for name in (*names, *(bounds or {})) if name not in table]
        if unknown:
            raise ValueError(
                f"unknown parameters {unknown}: expected names out of {sorted(parameter_table())}; "
                "see `tilth parameters`"
            )
        if len(set(names)) != len(names):
            raise ValueError(f"parameters must be named once each, got {list(names)}")
        chosen = []
        for name in names:
            parameter = table[name]
            if bounds and name in bounds:
                parameter = parameter.within(*bounds[name])
            chosen.append(parameter)
        return cls(tuple(chosen))

    @property
    def names(self) -> tuple[str, ...]:
        """Names in order."""
        return tuple(p.name for p in self.parameters)

    @property
    def lower(self) -> np.ndarray:
        """Lower bounds, in the parameters' units."""
        return np.array([p.lower for p in self.parameters])

    @property
    def upper(self) -> np.ndarray:
        """Upper bounds, in the parameters' units."""
        return np.array([p.upper for p in self.parameters])

    def defaults(self, plant_class: str, soil: str = "loam") -> np.ndarray:
        """Default physical values for a plant class and soil, ``[param]``."""
        return np.array([p.default(plant_class, soil) for p in self.parameters])

    def fraction(self, theta: Float[Array, "*batch param"]) -> Float[Array, "*batch param"]:
        """Position in the (linear or logarithmic) range, 0 at the lower and 1 at the upper bound."""
        low, high, logarithmic = self._range(theta)
        value = jnp.where(logarithmic, jnp.log(jnp.where(logarithmic, theta, 1.0)), theta)
        return (value - low) / (high - low)

    def from_fraction(self, fraction: Float[Array, "*batch param"]) -> Float[Array, "*batch param"]:
        """Physical values at positions in the range."""
        low, high, logarithmic = self._range(fraction)
        value = low + (high - low) * fraction
        return jnp.where(logarithmic, jnp.exp(jnp.where(logarithmic, value, 0.0)), value)

    def to_unconstrained(self, theta: Float[Array, "*batch param"]) -> Float[Array, "*batch param"]:
        """Real numbers for physical values; a value on or next to a bound starts 1 % of the range inside."""
        fraction = jnp.clip(self.fraction(theta), INSIDE, 1.0 - INSIDE)
        return jnp.log(fraction) - jnp.log1p(-fraction)

    def to_physical(self, unconstrained: Float[Array, "*batch param"]) -> Float[Array, "*batch param"]:
        """Physical values, strictly inside the bounds but for rounding."""
        return self.from_fraction(jax.nn.sigmoid(unconstrained))

    def at_bound(self, theta: np.ndarray) -> np.ndarray:
        """Whether values lie within 1 % of the (logarithmic) range of a bound, ``[..., param]``."""
        fraction = np.asarray(self.fraction(jnp.asarray(theta)))
        return (fraction < INSIDE + 1e-9) | (fraction > 1.0 - INSIDE - 1e-9)

    def check(self, theta: np.ndarray) -> None:
        """Raises ``ValueError`` naming every value outside its bounds."""
        theta = np.asarray(theta)
        slack = 1e-6 * (self.upper - self.lower)
        outside = (theta < self.lower - slack) | (theta > self.upper + slack) | ~np.isfinite(theta)
        bad = [p for i, p in enumerate(self.parameters) if outside[..., i].any()]
        if bad:
            values = {p: theta[..., self.names.index(p.name)].ravel()[:3] for p in bad}
            texts = [f"{p.name} = {values[p]} not in [{p.lower}, {p.upper}] {p.unit}" for p in bad]
            raise ValueError("parameters outside their bounds: " + "; ".join(texts))

    def _range(self, like: Array) -> tuple[Array, Array, Array]:
        """Ends of the ranges and which are logarithmic, with the type and number of axes of ``like``."""
        logarithmic = np.array([p.scale == "log" for p in self.parameters])
        low = np.array([np.log(p.lower) if p.scale == "log" else p.lower for p in self.parameters])
        high = np.array([np.log(p.upper) if p.scale == "log" else p.upper for p in self.parameters])
        shape = (1,) * (like.ndim - 1) + (-1,)
        rows = (jnp.asarray(low, like.dtype), jnp.asarray(high, like.dtype), jnp.asarray(logarithmic))
        low_row, high_row, logarithmic_row = (row.reshape(shape) for row in rows)
        return low_row, high_row, logarithmic_row
