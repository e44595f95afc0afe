"""From what a calibrator moves, offsets from the start in unconstrained space, to physical parameters."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from tilth.data.containers import Sites
from tilth.parameters.space import ParameterSpace


def default_thetas(space: ParameterSpace, sites: Sites) -> Float[np.ndarray, "site param"]:
    """Default physical values of the sites' classes and soils."""
    facts = [record.attributes for record in sites.records]
    return np.stack([space.defaults(f.plant_class, f.soil) for f in facts])


class ParameterMap(eqx.Module):
    """The parameters of some sites as functions of offsets of the ``free`` ones.

    ``starts`` are physical; parameters that are not free keep them exactly. A free one on its bound starts
    1 % of its range inside.
    """

    space: ParameterSpace
    starts: Float[Array, "site param"]
    free: tuple[str, ...] = eqx.field(static=True)

    @property
    def columns(self) -> np.ndarray:
        """Places of the free parameters in the space."""
        return np.array([self.space.names.index(name) for name in self.free])

    @eqx.filter_jit
    def physical(self, offsets: Float[Array, "*batch site free"]) -> Float[Array, "*batch site param"]:
        """Physical values at offsets in unconstrained space."""
        dtype = self.starts.dtype
        origin = self.space.to_unconstrained(self.starts)
        shape = (*offsets.shape[:-1], self.starts.shape[-1])
        moved = jnp.broadcast_to(origin, shape).at[..., self.columns].add(offsets.astype(dtype))
        free = np.isin(np.arange(self.starts.shape[-1]), self.columns)
        fixed = jnp.broadcast_to(self.starts, shape)
        return jnp.where(jnp.broadcast_to(free, shape), self.space.to_physical(moved), fixed)

    def offsets(self, theta: Float[Array, "*batch site param"]) -> Float[Array, "*batch site free"]:
        """Offsets of the free parameters at physical values."""
        origin = self.space.to_unconstrained(jnp.broadcast_to(self.starts, theta.shape))
        return (self.space.to_unconstrained(theta) - origin)[..., self.columns]
