"""Observed fluxes as a guard: what is gained in one must not be lost in another.

Low errors of the turbulent fluxes that are bought with energy the tower measured not to be there are no
gain, nor is a low error of one of them that is bought with the other. Each guarded flux may have the error
that it has at the start; what is beyond costs a penalty. How steep it should be on the way differs from
tower to tower: a mild one lets a descent cross what it may not end with, a steep one holds it where nothing
else would bring it back. So both are tried. In the choice among what was found the penalty is steep: there
only a tiny excess can be worth a large gain.
"""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

MILD, STEEP = 0.3, 3.0
"""Penalties on a guarded flux whose mean square error is twice that at its start, as a loss [-]."""


class Guard(eqx.Module):
    """Relative mean square errors of the guarded fluxes on what is fitted and on what chooses."""

    fit: Float[Array, "guarded start site"]
    choice: Float[Array, "guarded start site"]


def excess(
    error: Float[Array, "guarded *#batch"], limit: Float[Array, "guarded *#batch"], strength: float | Array
) -> Array:
    """Penalty ``[*batch]`` [-] on mean square errors beyond their limits; none where nothing is observed."""
    known = jnp.where(limit > 0.0, limit, jnp.inf)
    return strength * jnp.maximum(error / known - 1.0, 0.0).sum(axis=0)
