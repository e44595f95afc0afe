"""Numerical pieces that more than one process needs."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from tilth.physics.dual import Number, sqrt, value, where

TINY_SQUARE = 1e-20
"""Added under square roots of squared rates in [umol2 m-4 s-2], so that slopes stay finite at zero."""


def smaller_root(curvature: Number, a: Number, b: Number) -> Any:
    """The smaller root x of curvature x^2 - (a+b) x + a b = 0, the smooth minimum of a, b >= 0.

    Written without cancellation as x = 2ab / (a+b+sqrt((a+b)^2 - 4 curvature a b)); as curvature -> 1 it
    tends to min(a, b). Collatz et al. 1991, doi:10.1016/0168-1923(91)90002-8, equations A5-A6. Fails for
    negative rates. Rates in [umol m-2 s-1].
    """
    total = a + b
    product = a * b
    return 2.0 * product / (total + sqrt(total * total - 4.0 * curvature * product + TINY_SQUARE))


def larger_root(linear: Number, constant: Number) -> Any:
    """The larger root x of x^2 + linear x + constant = 0 for constant <= 0, without cancellation."""
    root = sqrt(linear * linear - 4.0 * constant + 1e-30)
    positive = value(linear) > 0.0
    denominator = where(positive, linear + root, 1.0 + 0.0 * root)
    return where(positive, -2.0 * constant / denominator, 0.5 * (root - linear))


def draining(x: Float[Array, "..."]) -> tuple[Array, Array]:
    """(1 - e^-x)/x and its slope, for x >= 0; one for x <= 0.

    The factor by which an implicit, exponential emptying of a store over a step is slower than the initial
    rate: rate(0) x factor x step never exceeds the store.
    """
    small = x < 1e-3
    safe = jnp.where(small, 1.0, x)
    factor = -jnp.expm1(-safe) / safe
    slope = (jnp.exp(-safe) - factor) / safe
    positive = jnp.maximum(x, 0.0)
    value_ = jnp.where(small, 1.0 - 0.5 * positive + positive * positive / 6.0, factor)
    slope_ = jnp.where(small, jnp.where(x > 0.0, -0.5 + positive / 3.0, 0.0), slope)
    return value_, slope_


def tridiagonal(
    lower: list[Array], diagonal: list[Array], upper: list[Array], right: list[Array]
) -> list[Array]:
    """Solution of a tridiagonal system by elimination (Thomas algorithm), unrolled over few layers.

    ``lower[0]`` and ``upper[-1]`` are not read. Stable for diagonally dominant systems, as those of
    diffusion are.
    """
    count = len(diagonal)
    ratio: list[Array] = []
    known: list[Array] = []
    for k in range(count):
        pivot = diagonal[k] if k == 0 else diagonal[k] - lower[k] * ratio[k - 1]
        inverse = 1.0 / pivot
        ratio.append(upper[k] * inverse if k < count - 1 else jnp.zeros_like(inverse))
        known.append((right[k] if k == 0 else right[k] - lower[k] * known[k - 1]) * inverse)
    solution = [known[-1]]
    for k in range(count - 2, -1, -1):
        solution.append(known[k] - ratio[k] * solution[-1])
    return solution[::-1]
