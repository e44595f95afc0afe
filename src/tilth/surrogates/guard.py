"""A guard that says when parameters leave the region that a surrogate was trained in.

Distances are Euclidean in the parameters' positions in their ranges (0 to 1). A vector is inside the region
where its nearest member is no farther than members are from their own nearest one (95 % of them), and where
each parameter lies between the members' smallest and largest value. A network may be good outside; nobody
has looked.
"""

import dataclasses

import jax.numpy as jnp
import numpy as np
from scipy.spatial import cKDTree

from tilth.parameters.space import ParameterSpace

SHARE = 0.95
"""Share of the members whose distance to their nearest one is the limit or less."""


@dataclasses.dataclass(frozen=True)
class Position:
    """Where a parameter vector lies.

    ``distance`` [-] to the nearest member, the ``limit`` of it, and names of parameters ``beyond`` the
    members' range.
    """

    distance: float
    limit: float
    beyond: tuple[str, ...]

    @property
    def inside(self) -> bool:
        """Whether the surrogate was trained around here."""
        return self.distance <= self.limit and not self.beyond

    @property
    def sentence(self) -> str:
        """The verdict in words."""
        far = (
            f"nearest training member at {self.distance:.2f} of the scaled range, "
            f"{100 * SHARE:.0f} % of the members have one within {self.limit:.2f}"
        )
        if self.inside:
            return f"The parameters lie in the region that the surrogate was trained in ({far})."
        reasons = [far] if self.distance > self.limit else []
        if self.beyond:
            reasons.append(f"beyond the members' range: {', '.join(self.beyond)}")
        return (
            "The parameters lie outside the region that the surrogate was trained in "
            f"({'; '.join(reasons)}): what it says there is extrapolated."
        )


class TrainingRegion:
    """The members that a surrogate learned from at one site, ``[member, param]`` in physical units."""

    def __init__(self, space: ParameterSpace, thetas: np.ndarray) -> None:
        if len(thetas) < 2:
            raise ValueError(f"a region needs at least 2 members, got {len(thetas)}: run more members")
        self.space = space
        self.members = _positions(space, thetas)
        self._tree = cKDTree(self.members)
        own = self._tree.query(self.members, k=2)[0][:, 1]
        self.limit = float(np.quantile(own, SHARE))

    def position(self, theta: np.ndarray) -> Position:
        """Where ``theta`` [param] lies."""
        point = _positions(self.space, np.asarray(theta)[None])[0]
        slack = 1e-6
        low, high = self.members.min(axis=0) - slack, self.members.max(axis=0) + slack
        outside = (point < low) | (point > high)
        beyond = tuple(name for name, out in zip(self.space.names, outside, strict=True) if out)
        return Position(float(self._tree.query(point)[0]), self.limit, beyond)


def _positions(space: ParameterSpace, thetas: np.ndarray) -> np.ndarray:
    return np.asarray(space.fraction(jnp.asarray(thetas, dtype=float)), dtype=float)
