"""Roots of increasing functions of one unknown, for many points at once, with implicit derivatives."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

Unknown = Float[Array, "*point"]
ITERATIONS = 100
"""Most iterations; bisection alone would halve the bracket this often."""


def increasing_root(
    residual: Callable[[Unknown], Unknown],
    *,
    lower: Unknown,
    upper: Unknown,
    start: Unknown,
    tolerance: Unknown,
) -> Unknown:
    """Root of ``residual``, elementwise in the unknown, negative at ``lower`` and positive at ``upper``.

    Newton iterations that keep a bracket and bisect it where a step leaves it or does not halve the
    residual (Press et al. 2007, Numerical Recipes, section 9.4), until every residual is below
    ``tolerance`` (same unit as the residual). Derivatives of all orders are implicit, through the residual
    at the root; the iterations are not differentiated. Without a sign change the nearer end is returned.
    """

    def solve(function: Callable[[Unknown], Unknown], first: Unknown) -> Unknown:
        return _bracketed_newton(function, first, lower, upper, tolerance)

    def tangent_solve(linear: Callable[[Unknown], Unknown], right: Unknown) -> Unknown:
        return right / linear(jnp.ones_like(right))

    return jax.lax.custom_root(residual, jnp.clip(start, lower, upper), solve, tangent_solve)


def _bracketed_newton(
    residual: Callable[[Unknown], Unknown], first: Unknown, lower: Unknown, upper: Unknown, tolerance: Unknown
) -> Unknown:
    def unfinished(carry: tuple) -> Array:
        *_, done, count = carry
        return jnp.logical_and(count < ITERATIONS, jnp.any(~done))

    def iterate(carry: tuple) -> tuple:
        unknown, low, high, previous, done, count = carry
        value, slope = jax.jvp(residual, (unknown,), (jnp.ones_like(unknown),))
        low = jnp.where(value < 0.0, unknown, low)
        high = jnp.where(value > 0.0, unknown, high)
        middle = 0.5 * (low + high)
        newton = unknown - value / jnp.where(slope > 0.0, slope, 1.0)
        reliable = (slope > 0.0) & (newton > low) & (newton < high)
        halved = jnp.abs(value) < 0.5 * jnp.abs(previous)
        stuck = (middle <= low) | (middle >= high)
        done = done | (jnp.abs(value) <= tolerance) | stuck
        unknown = jnp.where(done, unknown, jnp.where(reliable & halved, newton, middle))
        return unknown, low, high, value, done, count + 1

    infinite = jnp.full_like(first, jnp.inf)
    start = (first, lower, upper, infinite, jnp.zeros(first.shape, bool), jnp.zeros((), jnp.int32))
    return jax.lax.while_loop(unfinished, iterate, start)[0]
