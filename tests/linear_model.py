"""A land model whose runs are linear in one parameter, and observations of nothing but zeros."""

from typing import ClassVar

import jax.numpy as jnp
import numpy as np

from helpers_models import small_sites
from tilth.models.base import AbstractLandModel, EnsembleOutputs
from tilth.observations.targets import FluxTargets
from tilth.parameters.space import ParameterSpace

SPACE = ParameterSpace.select(("rlfv",))
SITES = small_sites(2)
STEPS = len(SITES.records[0].time)


class Line(AbstractLandModel):
    """With x the parameter's place in its range, Qle is 10 - ``fall`` x and Rnet 5 + ``slope`` x."""

    space: ParameterSpace = SPACE
    slope: float = 0.0
    fall: float = 10.0
    differentiable: ClassVar[bool] = True

    def run(self, thetas, sites):
        x = jnp.broadcast_to(self.space.fraction(thetas), (len(thetas), 1, STEPS))
        outputs = {"Qle": 10.0 - self.fall * x, "Rnet": 5.0 + self.slope * x}
        return EnsembleOutputs(outputs=outputs, succeeded=jnp.ones((len(thetas), 1), bool))


def theta(x):
    """Parameters [site, param] at a place in their range."""
    return np.asarray(SPACE.from_fraction(jnp.full((1, 1), x)), float)


def zeros(name):
    """Observations of nothing but zeros, with a standard deviation of ten; the first half is learned from."""
    steps = np.arange(STEPS)[None, None]
    return FluxTargets(
        variables=(name,),
        observed=np.zeros((1, 1, STEPS)),
        fit=steps < STEPS // 2,
        choice=steps >= 0,
        mean=np.zeros((1, 1)),
        deviation=np.full((1, 1), 10.0),
        segment=np.zeros((1, STEPS), int),
    )


START, GOAL = theta(0.0), theta(1.0)
