"""The coupled energy balance of canopy and ground, solved to convergence with exact derivatives.

The search (:mod:`tilth.physics.surface_search`) carries no derivative: one Newton correction with the
Jacobian at the solution makes fluxes and temperatures exact to first order in every input (implicit function
theorem).
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.ad_checkpoint import checkpoint_name
from jaxtyping import Array, Bool

from tilth.physics.dual import Dual, computed_once
from tilth.physics.surface_fluxes import SurfaceColumn, SurfaceFluxes, surface_fluxes
from tilth.physics.surface_newton import (
    LAST_DIGITS,
    Unknowns,
    distance,
    linearised,
    newton_step,
    pinned,
    residuals_of,
)
from tilth.physics.surface_search import SolverSettings, balanced


class Solution(NamedTuple):
    """The balanced surface: unknowns, fluxes, energy that melts snow [W m-2], whether it converged."""

    unknowns: Unknowns
    fluxes: SurfaceFluxes
    melt: Array
    converged: Bool[Array, "..."]


def solve_surface(column: SurfaceColumn, guess: Unknowns, *, settings: SolverSettings) -> Solution:
    """The surface balance of every column, from a first guess.

    Columns form a vector. On snow the ground cannot become warmer than the melting point: there, energy
    in excess melts. Columns that do not converge are flagged; their residuals are in the fluxes.
    """
    column = computed_once(column)
    fixed = jax.lax.stop_gradient(column)
    start = jax.lax.stop_gradient(guess)
    found = balanced(fixed, start, settings=settings)
    found = Unknowns(*(checkpoint_name(x, "solved") for x in found))
    return _polished(column, found, settings=settings)


def _polished(column: SurfaceColumn, x: Unknowns, *, settings: SolverSettings) -> Solution:
    """Fluxes at the solution with one Newton correction: its value is round-off, its slope exact."""
    zeta = settings.largest_zeta
    plain = surface_fluxes(column, *x, largest_zeta=zeta)
    dual, jacobian = linearised(jax.lax.stop_gradient(column), x, largest_zeta=zeta)
    residuals = residuals_of(plain)
    melting = pinned(column, x, residuals_of(dual))
    # Evaluated by other code than in the search, single precision differs by some last digits more.
    fixed = jax.lax.stop_gradient(residuals)
    found = distance(x, fixed, jacobian, melting, digits=2.0 * LAST_DIGITS)
    near = found < 1e-3
    exact = newton_step(jacobian, residuals, melting, guarded=False)
    careful = newton_step(jacobian, residuals, melting, guarded=True)
    correction = Unknowns(*(jnp.where(near, e, c) for e, c in zip(exact, careful, strict=True)))
    # A column that has not converged is not moved; only its slope is kept.
    moved = Unknowns(*(jnp.where(near, d, d - jax.lax.stop_gradient(d)) for d in correction))

    def corrected(flat: Any, carried: Any) -> Any:
        if not isinstance(carried, Dual):
            return flat
        for part, delta in zip(carried.partials, moved, strict=True):
            if part is not None:
                flat = flat + part * delta
        return flat

    fluxes = jax.tree.map(corrected, plain, dual, is_leaf=lambda leaf: isinstance(leaf, Dual))
    melt = jnp.where(melting, -fluxes.ground_residual, 0.0)
    fluxes = fluxes._replace(ground_residual=jnp.where(melting, 0.0, fluxes.ground_residual))
    unknowns = Unknowns(*(v + d for v, d in zip(x, moved, strict=True)))
    return Solution(unknowns, fluxes, melt, found < 10.0 * settings.tolerance)
