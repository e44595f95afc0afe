"""The linearised surface balance: residuals, their Jacobian, and the steps of Newton's method."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool

from tilth.constants import MELTING_POINT
from tilth.physics.dual import computed_once, partial, seed, value
from tilth.physics.surface_fluxes import SurfaceColumn, SurfaceFluxes, surface_fluxes

LARGEST_STEP = 8.0
"""Largest change of a temperature in an iteration [K]."""
LEAST_CO2 = 0.01
"""Least internal CO2 [Pa]."""
LAST_DIGITS = 4.0
"""Last digits of a temperature within which a residual counts as none."""


class Unknowns(NamedTuple):
    """Ground temperature [K], canopy temperature [K], internal CO2 [Pa]."""

    ground: Array
    canopy: Array
    co2: Array


class Residuals(NamedTuple):
    """Energy that ground and canopy lose [W m-2], internal CO2 less its supply [Pa]; zero when balanced."""

    ground: Array
    canopy: Array
    co2: Array


class Jacobian(NamedTuple):
    """Partial derivatives of the three residuals; rows ground, canopy, CO2."""

    ground_ground: Array
    ground_canopy: Array
    canopy_ground: Array
    canopy_canopy: Array
    canopy_co2: Array
    co2_ground: Array
    co2_canopy: Array
    co2_co2: Array


def linearised(column: SurfaceColumn, x: Unknowns, *, largest_zeta: float) -> tuple[SurfaceFluxes, Jacobian]:
    """Fluxes at ``x`` as duals of the unknowns, and the Jacobian of the residuals."""
    fluxes = surface_fluxes(column, *seed(*x), largest_zeta=largest_zeta)
    like = x.ground
    g, c, k = computed_once((fluxes.ground_residual, fluxes.canopy_residual, fluxes.co2_residual))
    fluxes = fluxes._replace(ground_residual=g, canopy_residual=c, co2_residual=k)
    jacobian = Jacobian(
        partial(g, 0, like),
        partial(g, 1, like),
        partial(c, 0, like),
        partial(c, 1, like),
        partial(c, 2, like),
        partial(k, 0, like),
        partial(k, 1, like),
        partial(k, 2, like),
    )
    return fluxes, jacobian


def residuals_of(fluxes: SurfaceFluxes) -> Residuals:
    """The plain residuals of fluxes that may be duals."""
    return Residuals(value(fluxes.ground_residual), value(fluxes.canopy_residual), value(fluxes.co2_residual))


def pinned(column: SurfaceColumn, x: Unknowns, residuals: Residuals) -> Bool[Array, "..."]:
    """Melting snow: at the melting point with energy to spare."""
    return column.melts & (x.ground >= MELTING_POINT) & (residuals.ground < 0.0)


class Reduced(NamedTuple):
    """The balance of the canopy alone: ground and internal CO2 follow its temperature linearly."""

    residual: Array
    """[W m-2]."""
    slope: Array
    """[W m-2 K-1]."""
    ground: tuple[Array, Array, Array]
    """Residual of the ground and its slopes with the temperatures of ground and canopy."""
    co2: tuple[Array, Array, Array, Array]
    """Residual of CO2 and its slopes with ground, canopy and CO2."""


def reduced(jacobian: Jacobian, residuals: Residuals, melting: Array, *, guarded: bool) -> Reduced:
    """Internal CO2 and then the ground eliminated from the linear balance (Schur complement).

    Where snow is ``melting`` the ground stays as it is. Guarded, slopes are kept away from zero.
    """
    slope = jacobian.co2_co2
    if guarded:
        slope = jnp.maximum(slope, 0.1)
    share = jacobian.canopy_co2 / slope
    ground_slope = jnp.where(melting, 1.0, jacobian.ground_ground)
    canopy_slope = jacobian.canopy_canopy - share * jacobian.co2_canopy
    if guarded:
        ground_slope = jnp.maximum(ground_slope, jnp.where(melting, 1.0, 2.0))
        canopy_slope = jnp.maximum(canopy_slope, 1e-2)
    with_canopy = jnp.where(melting, 0.0, jacobian.ground_canopy)
    ground = jnp.where(melting, 0.0, residuals.ground)
    follows = (jacobian.canopy_ground - share * jacobian.co2_ground) / ground_slope
    alone = canopy_slope - with_canopy * follows
    if guarded:
        alone = jnp.maximum(alone, 0.1 * canopy_slope)
    return Reduced(
        residuals.canopy - share * residuals.co2 - follows * ground,
        alone,
        (ground, ground_slope, with_canopy),
        (residuals.co2, jacobian.co2_ground, jacobian.co2_canopy, slope),
    )


def step_with(system: Reduced, to_canopy: Array, *, largest: float | None = None) -> Unknowns:
    """The changes of all unknowns that go with a change of the canopy's temperature [K]."""
    residual, slope, with_canopy = system.ground
    to_ground = -(residual + with_canopy * to_canopy) / slope
    if largest is not None:
        to_ground = jnp.clip(to_ground, -largest, largest)
    residual, with_ground, with_canopy, slope = system.co2
    return Unknowns(
        to_ground, to_canopy, -(residual + with_ground * to_ground + with_canopy * to_canopy) / slope
    )


def newton_step(jacobian: Jacobian, residuals: Residuals, melting: Array, *, guarded: bool) -> Unknowns:
    """Minus the inverse Jacobian times the residuals; guarded, slopes and steps are bounded."""
    system = reduced(jacobian, residuals, melting, guarded=guarded)
    to_canopy = -system.residual / system.slope
    if not guarded:
        return step_with(system, to_canopy)
    return step_with(system, jnp.clip(to_canopy, -LARGEST_STEP, LARGEST_STEP), largest=LARGEST_STEP)


def below_melting(column: SurfaceColumn, temperature: Array) -> Array:
    """A ground temperature [K], on snow at most the melting point."""
    return jnp.where(column.melts, jnp.minimum(temperature, MELTING_POINT), temperature)


def moved(column: SurfaceColumn, x: Unknowns, step: Unknowns) -> Unknowns:
    """The unknowns after a step, within what is possible."""
    return Unknowns(
        below_melting(column, x.ground + step.ground),
        x.canopy + step.canopy,
        jnp.clip(x.co2 + step.co2, jnp.maximum(LEAST_CO2, 0.2 * x.co2), 5.0 * x.co2 + 10.0),
    )


def distance(
    x: Unknowns, residuals: Residuals, jacobian: Jacobian, melting: Array, *, digits: float = LAST_DIGITS
) -> Array:
    """Sum of the residuals [W m-2]; in single precision beyond what last digits of the temperatures change.

    In double precision these change nothing.
    """
    ground = jnp.where(melting, 0.0, residuals.ground)
    size = jnp.abs(ground) + jnp.abs(residuals.canopy) + jnp.abs(residuals.co2)
    if x.ground.dtype != jnp.float32:
        return size
    digit = digits * jnp.finfo(jnp.float32).eps * MELTING_POINT
    slopes = (jacobian.ground_ground, jacobian.canopy_canopy, jacobian.co2_ground, jacobian.co2_canopy)
    round_off = digit * sum(jnp.abs(slope) for slope in slopes)
    return jnp.maximum(size - jax.lax.stop_gradient(round_off), 0.0)
