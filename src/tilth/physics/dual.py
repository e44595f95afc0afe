"""Numbers that carry their derivatives: forward differentiation that keeps structural zeros.

The surface energy balance is solved by Newton's method in three unknowns. Its Jacobian costs three extra
evaluations when it is made by ``jax.jvp``; carrying the partial derivatives through the same formulas, and
none where a quantity does not depend on an unknown, costs less than half an evaluation. The elementary
functions here accept arrays and :class:`Dual` alike, so every law is written once.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from tilth.physics import elementary

Partials = tuple[Float[Array, "..."] | None, ...]


class Dual:
    """A value with its partial derivatives; ``None`` stands for an exact zero."""

    __slots__ = ("partials", "value")

    def __init__(self, value: Float[Array, "..."], partials: Partials):
        self.value = value
        self.partials = partials

    def chain(self, value: Float[Array, "..."], slope: Float[Array, "..."] | float) -> "Dual":
        """The dual of f(self) from f's value and its derivative there."""
        return Dual(value, tuple(None if p is None else slope * p for p in self.partials))

    def __add__(self, other: "Number") -> "Dual":
        if not isinstance(other, Dual):
            return Dual(self.value + other, self.partials)
        return Dual(
            self.value + other.value,
            tuple(_sum(p, q) for p, q in zip(self.partials, other.partials, strict=True)),
        )

    __radd__ = __add__

    def __neg__(self) -> "Dual":
        return self.chain(-self.value, -1.0)

    def __sub__(self, other: "Number") -> "Dual":
        return self + (-other)

    def __rsub__(self, other: "Number") -> "Dual":
        return (-self) + other

    def __mul__(self, other: "Number") -> "Dual":
        if not isinstance(other, Dual):
            return self.chain(self.value * other, other)
        return Dual(
            self.value * other.value,
            tuple(
                _sum(_times(p, other.value), _times(q, self.value))
                for p, q in zip(self.partials, other.partials, strict=True)
            ),
        )

    __rmul__ = __mul__

    def __truediv__(self, other: "Number") -> "Dual":
        if not isinstance(other, Dual):
            return self.chain(self.value / other, 1.0 / other)
        inverse = 1.0 / other.value
        quotient = self.value * inverse
        return Dual(
            quotient,
            tuple(
                _sum(_times(p, inverse), _times(q, -quotient * inverse))
                for p, q in zip(self.partials, other.partials, strict=True)
            ),
        )

    def __rtruediv__(self, other: Float[Array, "..."] | float) -> "Dual":
        inverse = 1.0 / self.value
        quotient = other * inverse
        return self.chain(quotient, -quotient * inverse)


Number: TypeAlias = Float[Array, "..."] | float | Dual
"""An array, a plain number or a dual."""


def seed(*values: Float[Array, "..."]) -> tuple[Dual, ...]:
    """The unknowns themselves, each with derivative one with respect to itself."""
    return tuple(
        Dual(v, tuple(jnp.ones_like(v) if i == j else None for j in range(len(values))))
        for i, v in enumerate(values)
    )


def value(x: Number) -> Any:
    """The plain value of a number."""
    return x.value if isinstance(x, Dual) else x


def partial(x: Number, index: int, like: Float[Array, "..."]) -> Float[Array, "..."]:
    """The partial derivative with respect to unknown ``index``, zeros shaped ``like`` where there is none."""
    part = x.partials[index] if isinstance(x, Dual) else None
    return jnp.zeros_like(like) if part is None else jnp.broadcast_to(part, jnp.shape(like))


def exp(x: Number) -> Any:
    """e to the power x."""
    y = jnp.exp(value(x))
    return x.chain(y, y) if isinstance(x, Dual) else y


def log(x: Number) -> Any:
    """Natural logarithm."""
    y = jnp.log(value(x))
    return x.chain(y, 1.0 / x.value) if isinstance(x, Dual) else y


def sqrt(x: Number) -> Any:
    """Square root; the slope is infinite at zero, so keep the argument positive."""
    y = jnp.sqrt(value(x))
    return x.chain(y, 0.5 / y) if isinstance(x, Dual) else y


def arctan(x: Number) -> Any:
    """Inverse tangent."""
    y = elementary.arctan(value(x))
    return x.chain(y, 1.0 / (1.0 + x.value * x.value)) if isinstance(x, Dual) else y


def sigmoid(x: Number) -> Any:
    """Logistic function 1/(1+e^-x), safe for any x."""
    y = elementary.sigmoid(value(x))
    return x.chain(y, y * (1.0 - y)) if isinstance(x, Dual) else y


def where(condition: Bool[Array, "..."], x: Number, y: Number) -> Any:
    """x where the condition holds, y elsewhere, with derivatives."""
    chosen = jnp.where(condition, value(x), value(y))
    if not (isinstance(x, Dual) or isinstance(y, Dual)):
        return chosen
    count = len(x.partials if isinstance(x, Dual) else y.partials)  # type: ignore[union-attr]
    partials: list[Array | None] = []
    for i in range(count):
        p = x.partials[i] if isinstance(x, Dual) else None
        q = y.partials[i] if isinstance(y, Dual) else None
        if p is None and q is None:
            partials.append(None)
        else:
            partials.append(jnp.where(condition, 0.0 if p is None else p, 0.0 if q is None else q))
    return Dual(chosen, tuple(partials))


def maximum(x: Number, y: Number) -> Any:
    """The larger of two numbers; at equality the slope is that of ``y``."""
    return where(value(x) > value(y), x, y)


def minimum(x: Number, y: Number) -> Any:
    """The smaller of two numbers; at equality the slope is that of ``y``."""
    return where(value(x) < value(y), x, y)


def apply(function: Callable[[Array], tuple[Array, Array]], x: Number) -> Any:
    """f(x) for a function that returns its value and its slope."""
    y, slope = function(value(x))
    return x.chain(y, slope) if isinstance(x, Dual) else y


def computed_once(x: Any) -> Any:
    """The same number, array or tuple of these, whose parts the compiler computes once and keeps in memory.

    It would rather compute cheap arithmetic again wherever its result is used, and copies whole Jacobians
    into dozens of kernels; barriers do not hinder it. It takes division for expensive and never copies it.
    What looks like a divisor here is one, or any number where the dividend is not a number.
    """
    if isinstance(x, Dual):
        return Dual(
            computed_once(x.value), tuple(None if p is None else computed_once(p) for p in x.partials)
        )
    if isinstance(x, tuple):
        parts = (computed_once(part) for part in x)
        return type(x)(*parts) if hasattr(x, "_fields") else tuple(parts)
    if x.dtype == bool:
        return x
    return x / jnp.where(x == x, 1.0, 2.0).astype(x.dtype)


def _sum(p: Array | None, q: Array | None) -> Array | None:
    if p is None:
        return q
    return p if q is None else p + q


def _times(p: Array | None, factor: Array) -> Array | None:
    return None if p is None else p * factor
