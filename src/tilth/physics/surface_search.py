"""The search for the balanced surface: Newton's method within brackets, late columns in small batches.

The canopy's exchange with the air changes by a factor of ten where the air turns from stable to unstable;
there Newton steps jump back and forth over the solution. Each column therefore remembers between which
canopy temperatures its balance changes sign, and halves that bracket where a step would leave it.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array

from tilth.physics.dual import computed_once
from tilth.physics.surface_fluxes import SurfaceColumn, internal_co2_guess
from tilth.physics.surface_newton import (
    LARGEST_STEP,
    Unknowns,
    below_melting,
    distance,
    linearised,
    moved,
    pinned,
    reduced,
    residuals_of,
    step_with,
)

PATIENCE = 2.0
"""Times in a row that a bracket is halved on the same side before its other end is given up."""
RESTART_OFFSETS = (
    (0.0, 0.0), (5.0, 1.0), (-5.0, -1.0), (0.0, -6.0), (0.0, 6.0), (15.0, 3.0), (-10.0, -8.0), (25.0, 10.0),
    (-3.0, 3.0), (3.0, -3.0), (10.0, -10.0), (-15.0, 0.0), (40.0, 0.0), (0.0, 15.0), (0.0, -20.0),
    (-25.0, -25.0),
)  # fmt: skip
"""Ground and canopy temperature less the air's at which a failed search starts again [K]."""


class SolverSettings(NamedTuple):
    """Tolerance of the surface residuals [W m-2], iterations, batching of stragglers."""

    tolerance: float = 1e-7
    common_iterations: int = 25
    late_iterations: int = 60
    compact_above: int = 64
    restarts: int = 15
    largest_zeta: float = 0.5


class _Search(NamedTuple):
    trial: Unknowns
    """Where the balance is evaluated next, or the solution."""
    distance: Array
    """Of the trial before, or of the solution [W m-2]."""
    low: Array
    high: Array
    """Canopy temperatures [K] between which the canopy's balance changes sign."""
    halved: Array
    """How often in a row the bracket was halved with the solution above (positive) or below the trial."""


def balanced(column: SurfaceColumn, x: Unknowns, *, settings: SolverSettings) -> Unknowns:
    """The solution from a first guess, or where a column that does not converge has come to.

    All columns are iterated together, the late ones in smaller and smaller batches, and what fails starts
    again from several points.
    """
    search = _fresh(x._replace(ground=below_melting(column, x.ground)))
    few = search.distance.shape[0]
    if few > settings.compact_above:
        few //= 4
        search = _iterated(column, search, settings=settings, most=settings.common_iterations, leave=few)
        part, late, index = _latest(column, search, few)
        few //= 8
        late = _iterated(part, late, settings=settings, most=settings.common_iterations, leave=few)
        search = _scatter(search, index, late)

    def unfinished(state: tuple[_Search, Array]) -> Array:
        return jnp.any(state[0].distance > settings.tolerance) & (state[1] <= settings.restarts)

    def again(state: tuple[_Search, Array]) -> tuple[_Search, Array]:
        search, attempt = state
        part, late, index = _latest(column, search, few)
        late = _attempt(part, late, late.distance > settings.tolerance, attempt)
        late = _iterated(part, late, settings=settings, most=settings.late_iterations)
        return _scatter(search, index, late), attempt + 1

    return jax.lax.while_loop(unfinished, again, (search, jnp.asarray(0)))[0].trial


def _fresh(x: Unknowns) -> _Search:
    """Before the first iteration; a column that is not finite is lost already and keeps nobody waiting."""
    none = jnp.full_like(x.ground, jnp.inf)
    lost = ~jnp.isfinite(x.ground + x.canopy + x.co2)
    return _Search(x, jnp.where(lost, 0.0, none), -none, none, jnp.zeros_like(none))


def _iterate(column: SurfaceColumn, search: _Search, *, settings: SolverSettings) -> _Search:
    """Evaluate the trial, narrow the bracket, and take the Newton step or halve the bracket."""
    trial = search.trial
    fluxes, jacobian = linearised(column, trial, largest_zeta=settings.largest_zeta)
    residuals = residuals_of(fluxes)
    melting = pinned(column, trial, residuals)
    found = distance(trial, residuals, jacobian, melting)
    found = computed_once(jnp.where(jnp.isfinite(found), found, jnp.inf))
    system = computed_once(reduced(jacobian, residuals, melting, guarded=True))

    side = -jnp.sign(system.residual)
    again = side * search.halved > 0.0
    # The bracket's ends were found with other temperatures of the ground: one that is never reached is wrong.
    give_up = again & (jnp.abs(search.halved) >= PATIENCE)
    above, below = side > 0.0, side < 0.0
    low = jnp.where(above, trial.canopy, jnp.where(give_up, -jnp.inf, search.low))
    high = jnp.where(below, trial.canopy, jnp.where(give_up, jnp.inf, search.high))
    empty = low >= high
    low = jnp.where(empty & ~above, -jnp.inf, low)
    high = jnp.where(empty & ~below, jnp.inf, high)

    to_canopy = jnp.clip(-system.residual / system.slope, -LARGEST_STEP, LARGEST_STEP)
    wanted = trial.canopy + to_canopy
    middle = 0.5 * (low + high)
    halve = ((wanted <= low) | (wanted >= high)) & jnp.isfinite(middle)
    to_canopy = jnp.where(halve, middle - trial.canopy, to_canopy)
    step = step_with(system, to_canopy, largest=LARGEST_STEP)
    done = search.distance <= settings.tolerance
    finished = done | (found <= settings.tolerance)
    following = moved(column, trial, step)
    return _Search(
        Unknowns(*(jnp.where(finished, old, new) for old, new in zip(trial, following, strict=True))),
        jnp.where(done, search.distance, found),
        low,
        high,
        jnp.where(halve, jnp.where(again & ~give_up, search.halved, 0.0) + side, 0.0),
    )


def _iterated(
    column: SurfaceColumn, search: _Search, *, settings: SolverSettings, most: int, leave: int = 0
) -> _Search:
    """Iterate until all but ``leave`` columns have converged, at most ``most`` times."""

    def unfinished(state: tuple[_Search, Array]) -> Array:
        late = jnp.sum(state[0].distance > settings.tolerance)
        return (late > leave) & (state[1] < most)

    def body(state: tuple[_Search, Array]) -> tuple[_Search, Array]:
        return _iterate(column, state[0], settings=settings), state[1] + 1

    return jax.lax.while_loop(unfinished, body, (search, jnp.asarray(0)))[0]


def _latest(column: SurfaceColumn, search: _Search, few: int) -> tuple[SurfaceColumn, _Search, Array | None]:
    """The ``few`` columns furthest from a solution, their searches, and which they are; None for all."""
    if few == search.distance.shape[0]:
        return column, search, None
    # Fast in single precision alone.
    index = jax.lax.top_k(search.distance.astype(jnp.float32), few)[1]
    part, late = jax.tree.map(lambda a: a[index], (column, search))
    return part, late, index


def _attempt(column: SurfaceColumn, search: _Search, failed: Array, attempt: Array) -> _Search:
    """Where a column goes on: where it stopped, then further and further from the air's temperature."""
    x = search.trial
    offsets = jnp.asarray(RESTART_OFFSETS, x.ground.dtype)[attempt % len(RESTART_OFFSETS)]
    air = column.turbulence.air_temperature
    start = Unknowns(
        below_melting(column, air + offsets[0]),
        air + offsets[1],
        internal_co2_guess(column),
    )
    anew = (attempt > 0) & failed
    return jax.tree.map(lambda fresh, old: jnp.where(anew, fresh, old), _fresh(start), search)


def _scatter(search: _Search, index: Array | None, late: _Search) -> _Search:
    """Keep what the late columns have come to."""
    if index is None:
        return late
    return jax.tree.map(lambda old, new: old.at[index].set(new), search, late)
