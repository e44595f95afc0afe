"""The surface balance on both parts of the ground, without and with snow."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool

from tilth.models.matsiro.options import MatsiroOptions
from tilth.models.matsiro.state import ColumnSettings, State
from tilth.models.matsiro.surface import Ground, Parameters, Weather, surface_column
from tilth.physics import snow
from tilth.physics.surface_balance import Solution, solve_surface
from tilth.physics.surface_newton import Unknowns


class Surfaces(NamedTuple):
    """Solutions on the snow-free (first) and the snow-covered part, ``[part, column]``, and the cover."""

    solution: Solution
    cover: Array

    def parts(self, name: str) -> tuple[Array, Array]:
        """A flux on the snow-free and on the covered part, each times its area."""
        flux = getattr(self.solution.fluxes, name)
        return (1.0 - self.cover) * flux[0], self.cover * flux[1]

    def mean(self, name: str) -> Array:
        """Mean of a flux over both parts."""
        bare, covered = self.parts(name)
        return bare + covered


def solve_surfaces(
    parameters: Parameters,
    settings: ColumnSettings,
    state: State,
    weather: Weather,
    ground: Ground,
    *,
    options: MatsiroOptions,
) -> Surfaces:
    """Both parts in turn by the same code; the covered part is passed over where no column has snow.

    Columns without snow among others are not solved there: snow that is not there, below a summer's air,
    would keep all waiting for a balance that nobody asks for. They have their snow-free part again.
    """
    solver = options.solver._replace(largest_zeta=options.largest_zeta)
    has_snow = state.snow.mass > snow.LEAST_MASS

    def solved(part: tuple[Bool[Array, " column"], Unknowns]) -> Solution:
        on_snow, guess = part
        surface = surface_column(
            parameters, state, weather, ground,
            reference_height=settings.reference_height, c4=settings.c4, step=settings.step,
            options=options, on_snow=on_snow,
        )  # fmt: skip
        guess = jax.tree.map(lambda a, b: jnp.where(on_snow, a, b), state.snowy, guess)
        return solve_surface(surface, guess, settings=solver)

    nowhere = jnp.zeros_like(has_snow)
    shapes = jax.eval_shape(solved, (nowhere, state.bare))

    def skipped(_: tuple[Bool[Array, " column"], Unknowns]) -> Solution:
        return jax.tree.map(lambda a: jnp.zeros(a.shape, a.dtype), shapes)

    def part(carry: tuple[Array, Unknowns], on_snow: Array) -> tuple[tuple[Array, Unknowns], Solution]:
        first, guess = carry
        solution = jax.lax.cond(first | jnp.any(on_snow), solved, skipped, (on_snow, guess))
        return (jnp.zeros_like(first), jax.lax.stop_gradient(solution.unknowns)), solution

    start = (jnp.asarray(True), jax.lax.stop_gradient(state.bare))
    _, solution = jax.lax.scan(part, start, jnp.stack([nowhere, has_snow]))
    return Surfaces(solution, snow.snow_cover(state.snow.mass))
