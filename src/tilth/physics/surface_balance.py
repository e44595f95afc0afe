"""The coupled energy balance of canopy and ground, solved to convergence with exact derivatives.

Damped Newton iterations on ground temperature, canopy temperature and internal CO2 run until every column
has converged; columns that take longer go on in a small batch of their own; what remains is restarted from
several points. The iterations carry no derivative: one Newton correction with the Jacobian at the solution
makes fluxes and temperatures exact to first order in every input (implicit function theorem).
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.ad_checkpoint import checkpoint_name
from jaxtyping import Array, Bool

from tilth.constants import MELTING_POINT
from tilth.physics.dual import Dual, computed_once, partial, seed, value
from tilth.physics.surface_fluxes import (
    SurfaceColumn,
    SurfaceFluxes,
    internal_co2_guess,
    surface_fluxes,
)

LARGEST_STEP = 8.0
"""Largest change of a temperature in an iteration [K]."""
LEAST_CO2 = 0.01
"""Least internal CO2 [Pa]."""
LAST_DIGITS = 4.0
"""Last digits of a temperature within which a residual counts as none."""
SHRINK = 0.4
"""Factor on a step that did not reduce the residual."""


RESTART_OFFSETS = (
    (0.0, 0.0), (5.0, 1.0), (-5.0, -1.0), (0.0, -6.0), (0.0, 6.0), (15.0, 3.0), (-10.0, -8.0), (25.0, 10.0),
    (-3.0, 3.0), (3.0, -3.0), (10.0, -10.0), (-15.0, 0.0), (40.0, 0.0), (0.0, 15.0), (0.0, -20.0),
    (-25.0, -25.0),
)  # fmt: skip
"""Ground and canopy temperature less the air's at which a failed search starts again [K]."""


class Unknowns(NamedTuple):
    """Ground temperature [K], canopy temperature [K], internal CO2 [Pa]."""

    ground: Array
    canopy: Array
    co2: Array


class Solution(NamedTuple):
    """The balanced surface: unknowns, fluxes, energy that melts snow [W m-2], whether it converged."""

    unknowns: Unknowns
    fluxes: SurfaceFluxes
    melt: Array
    converged: Bool[Array, "..."]


class SolverSettings(NamedTuple):
    """Tolerance of the surface residuals [W m-2], iterations, batching of stragglers."""

    tolerance: float = 1e-7
    common_iterations: int = 25
    late_iterations: int = 60
    compact_above: int = 64
    restarts: int = 15
    largest_zeta: float = 0.5


class _Search(NamedTuple):
    base: Unknowns
    trial: Unknowns
    step: Unknowns
    base_norm: Array
    norm: Array
    damping: Array
    iterations: Array


def solve_surface(column: SurfaceColumn, guess: Unknowns, *, settings: SolverSettings) -> Solution:
    """The surface balance of every column, from a first guess.

    Columns form a vector. On snow the ground cannot become warmer than the melting point: there, energy
    in excess melts. Columns that do not converge keep their best iterate and are flagged; their residuals
    are in the fluxes.
    """
    column = computed_once(column)
    fixed = jax.lax.stop_gradient(column)
    start = jax.lax.stop_gradient(guess)
    found = _search(fixed, start, settings=settings)
    found = Unknowns(*(checkpoint_name(x, "solved") for x in found))
    return _polished(column, found, settings=settings)


def _evaluate(column: SurfaceColumn, x: Unknowns, *, largest_zeta: float) -> SurfaceFluxes:
    return surface_fluxes(column, x.ground, x.canopy, x.co2, largest_zeta=largest_zeta)


class _Jacobian(NamedTuple):
    """Partial derivatives of the three residuals; rows ground, canopy, CO2."""

    ground_ground: Array
    ground_canopy: Array
    canopy_ground: Array
    canopy_canopy: Array
    canopy_co2: Array
    co2_ground: Array
    co2_canopy: Array
    co2_co2: Array


def _linearised(
    column: SurfaceColumn, x: Unknowns, *, largest_zeta: float
) -> tuple[SurfaceFluxes, _Jacobian]:
    fluxes = _evaluate(column, Unknowns(*seed(*x)), largest_zeta=largest_zeta)  # type: ignore[arg-type]
    like = x.ground
    g, c, k = computed_once((fluxes.ground_residual, fluxes.canopy_residual, fluxes.co2_residual))
    fluxes = fluxes._replace(ground_residual=g, canopy_residual=c, co2_residual=k)
    jacobian = _Jacobian(
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


def _pinned(column: SurfaceColumn, x: Unknowns, ground_residual: Array) -> Bool[Array, "..."]:
    """Melting snow: at the melting point with energy to spare."""
    return column.melts & (x.ground >= MELTING_POINT) & (ground_residual < 0.0)


def _newton_step(
    jacobian: _Jacobian, residuals: tuple[Array, Array, Array], pinned: Array, *, guarded: bool
) -> Unknowns:
    """Minus the inverse Jacobian times the residuals, internal CO2 eliminated first.

    Guarded, diagonal and determinant are kept away from zero and steps are bounded.
    """
    ground, canopy, co2 = residuals
    slope = jacobian.co2_co2
    if guarded:
        slope = jnp.maximum(slope, 0.1)
    share = jacobian.canopy_co2 / slope
    canopy = canopy - share * co2
    j11, j12 = jacobian.ground_ground, jacobian.ground_canopy
    j21 = jacobian.canopy_ground - share * jacobian.co2_ground
    j22 = jacobian.canopy_canopy - share * jacobian.co2_canopy
    j11 = jnp.where(pinned, 1.0, j11)
    j12 = jnp.where(pinned, 0.0, j12)
    ground = jnp.where(pinned, 0.0, ground)
    if guarded:
        j11, j22 = jnp.maximum(j11, jnp.where(pinned, 1.0, 2.0)), jnp.maximum(j22, 1e-2)
        determinant = jnp.maximum(j11 * j22 - j12 * j21, 0.1 * j11 * j22)
    else:
        determinant = j11 * j22 - j12 * j21
    inverse = 1.0 / determinant
    to_ground = (j12 * canopy - j22 * ground) * inverse
    to_canopy = (j21 * ground - j11 * canopy) * inverse
    if guarded:
        largest = jnp.maximum(jnp.maximum(jnp.abs(to_ground), jnp.abs(to_canopy)) / LARGEST_STEP, 1.0)
        to_ground, to_canopy = to_ground / largest, to_canopy / largest
    to_co2 = -(co2 + jacobian.co2_ground * to_ground + jacobian.co2_canopy * to_canopy) / slope
    return Unknowns(to_ground, to_canopy, to_co2)


def _below_melting(column: SurfaceColumn, temperature: Array) -> Array:
    return jnp.where(column.melts, jnp.minimum(temperature, MELTING_POINT), temperature)


def _moved(column: SurfaceColumn, x: Unknowns, step: Unknowns, damping: Array | float) -> Unknowns:
    return Unknowns(
        _below_melting(column, x.ground + damping * step.ground),
        x.canopy + damping * step.canopy,
        jnp.clip(x.co2 + damping * step.co2, jnp.maximum(LEAST_CO2, 0.2 * x.co2), 5.0 * x.co2 + 10.0),
    )


def _norm(x: Unknowns, residuals: tuple[Array, Array, Array], jacobian: _Jacobian) -> Array:
    """Sum of the residuals [W m-2]; in single precision beyond what last digits of the temperatures change.

    In double precision these change nothing.
    """
    size = jnp.abs(residuals[0]) + jnp.abs(residuals[1]) + jnp.abs(residuals[2])
    if x.ground.dtype != jnp.float32:
        return size
    digit = LAST_DIGITS * jnp.finfo(jnp.float32).eps * MELTING_POINT
    round_off = digit * (jnp.abs(jacobian.ground_ground) + jnp.abs(jacobian.canopy_canopy))
    return jnp.maximum(size - jax.lax.stop_gradient(round_off), 0.0)


def _iterate(column: SurfaceColumn, search: _Search, *, settings: SolverSettings) -> _Search:
    """Evaluate the trial; accept it and take a Newton step, or come back half way."""
    fluxes, jacobian = _linearised(column, search.trial, largest_zeta=settings.largest_zeta)
    ground, canopy = value(fluxes.ground_residual), value(fluxes.canopy_residual)
    co2 = value(fluxes.co2_residual)
    pinned = _pinned(column, search.trial, ground)
    norm = _norm(search.trial, (jnp.where(pinned, 0.0, ground), canopy, co2), jacobian)
    norm = jnp.where(jnp.isfinite(norm), norm, jnp.inf)
    done = search.norm <= settings.tolerance
    accepted = (norm < search.base_norm) | (search.damping < 0.05) | done
    step = computed_once(_newton_step(jacobian, (ground, canopy, co2), pinned, guarded=True))
    norm = computed_once(norm)

    def chosen(new: Array, old: Array) -> Array:
        return jnp.where(accepted, new, old)

    base = Unknowns(*(chosen(n, o) for n, o in zip(search.trial, search.base, strict=True)))
    step = Unknowns(*(chosen(n, o) for n, o in zip(step, search.step, strict=True)))
    damping = jnp.where(accepted, 1.0, SHRINK * search.damping)
    trial = _moved(column, base, step, damping)
    finished = done | (norm <= settings.tolerance)
    trial = Unknowns(*(jnp.where(finished, o, n) for n, o in zip(trial, search.trial, strict=True)))
    return _Search(
        base,
        trial,
        step,
        jnp.where(accepted, norm, search.base_norm),
        jnp.where(done, search.norm, norm),
        damping,
        search.iterations + 1,
    )


def _fresh(x: Unknowns) -> _Search:
    """Before the first iteration; a column that is not finite is lost already and keeps nobody waiting."""
    zero = jnp.zeros_like(x.ground)
    norm = jnp.where(jnp.isfinite(x.ground + x.canopy + x.co2), jnp.inf, zero)
    return _Search(x, x, Unknowns(zero, zero, zero), norm, norm, jnp.ones_like(zero), jnp.asarray(0))


def _loop(
    column: SurfaceColumn, x: Unknowns, *, settings: SolverSettings, most: int, leave: int = 0
) -> _Search:
    """Iterate until all but ``leave`` columns have converged, at most ``most`` times."""

    def unfinished(search: _Search) -> Array:
        late = jnp.sum(search.norm > settings.tolerance)
        return (late > leave) & (search.iterations < most)

    def body(search: _Search) -> _Search:
        return _iterate(column, search, settings=settings)

    return jax.lax.while_loop(unfinished, body, _fresh(x))


def _search(column: SurfaceColumn, x: Unknowns, *, settings: SolverSettings) -> Unknowns:
    """Iterate all columns together, the late ones in smaller and smaller batches, and restart what fails."""
    x = x._replace(ground=_below_melting(column, x.ground))
    count = x.ground.shape[0]
    search, few = _fresh(x), count
    if count > settings.compact_above:
        few = count // 8
        search = _loop(column, x, settings=settings, most=settings.common_iterations, leave=few)
        part, start, index = _latest(column, search, few)
        few //= 8
        late = _loop(part, start, settings=settings, most=settings.common_iterations, leave=few)
        search = _scatter(search, index, late)

    def unfinished(state: tuple[_Search, Array]) -> Array:
        return jnp.any(state[0].norm > settings.tolerance) & (state[1] <= settings.restarts)

    def again(state: tuple[_Search, Array]) -> tuple[_Search, Array]:
        search, attempt = state
        part, start, index = _latest(column, search, few)
        start = _attempt(part, start, search.norm[index] > settings.tolerance, attempt)
        late = _loop(part, start, settings=settings, most=settings.late_iterations)
        return _scatter(search, index, late), attempt + 1

    return jax.lax.while_loop(unfinished, again, (search, jnp.asarray(0)))[0].trial


def _latest(column: SurfaceColumn, search: _Search, few: int) -> tuple[SurfaceColumn, Unknowns, Array]:
    """The ``few`` columns furthest from a solution, where they are, and which they are."""
    if few == search.norm.shape[0]:
        return column, search.trial, jnp.arange(few)
    # Fast in single precision alone.
    index = jax.lax.top_k(search.norm.astype(jnp.float32), few)[1]
    return jax.tree.map(lambda a: a[index], column), Unknowns(*(v[index] for v in search.trial)), index


def _attempt(column: SurfaceColumn, x: Unknowns, failed: Array, attempt: Array) -> Unknowns:
    """Where a column starts again: where it stopped, then further and further from the air's temperature."""
    offsets = jnp.asarray(RESTART_OFFSETS, x.ground.dtype)[attempt % len(RESTART_OFFSETS)]
    air = column.turbulence.air_temperature
    fresh = (attempt > 0) & failed
    return Unknowns(
        jnp.where(fresh, _below_melting(column, air + offsets[0]), x.ground),
        jnp.where(fresh, air + offsets[1], x.canopy),
        jnp.where(fresh, internal_co2_guess(column), x.co2),
    )


def _scatter(search: _Search, index: Array, late: _Search) -> _Search:
    """Keep what the late columns have improved."""
    better = late.norm < search.norm[index]
    trial = Unknowns(
        *(
            old.at[index].set(jnp.where(better, new, old[index]))
            for new, old in zip(late.trial, search.trial, strict=True)
        )
    )
    norm = search.norm.at[index].set(jnp.where(better, late.norm, search.norm[index]))
    return search._replace(trial=trial, norm=norm)


def _polished(column: SurfaceColumn, x: Unknowns, *, settings: SolverSettings) -> Solution:
    """Fluxes at the solution with one Newton correction: its value is round-off, its slope exact."""
    zeta = settings.largest_zeta
    plain = _evaluate(column, x, largest_zeta=zeta)
    dual, jacobian = _linearised(jax.lax.stop_gradient(column), x, largest_zeta=zeta)
    pinned = _pinned(column, x, value(dual.ground_residual))
    residuals = (plain.ground_residual, plain.canopy_residual, plain.co2_residual)
    fixed = jax.lax.stop_gradient(residuals)
    norm = _norm(x, (jnp.where(pinned, 0.0, fixed[0]), fixed[1], fixed[2]), jacobian)
    near = norm < 1e-3
    exact = _newton_step(jacobian, residuals, pinned, guarded=False)
    careful = _newton_step(jacobian, residuals, pinned, guarded=True)
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
    melt = jnp.where(pinned, -fluxes.ground_residual, 0.0)
    fluxes = fluxes._replace(ground_residual=jnp.where(pinned, 0.0, fluxes.ground_residual))
    unknowns = Unknowns(*(v + d for v, d in zip(x, moved, strict=True)))
    return Solution(unknowns, fluxes, melt, norm < 10.0 * settings.tolerance)
