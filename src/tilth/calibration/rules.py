"""Rules from what is known of a site to its parameters: what every calibration learns."""

import abc
import dataclasses
from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from tilth.calibration.generator import Generator
from tilth.calibration.generator_inputs import GeneratorEncoder
from tilth.calibration.parameter_map import ParameterMap, default_thetas
from tilth.data.containers import Sites
from tilth.parameters.space import ParameterSpace


class AbstractParameterRule(eqx.Module):
    """Gives sites their physical parameters."""

    @abc.abstractmethod
    def __call__(self, sites: Sites) -> Float[Array, "sample site param"]:
        """Physical values in the order of the space that was calibrated; a sample is one possible vector."""


class Shared(AbstractParameterRule):
    """The same parameters everywhere."""

    theta: Float[np.ndarray, " param"]

    def __call__(self, sites: Sites) -> Float[Array, "sample site param"]:
        """The one vector at every site."""
        return jnp.tile(jnp.asarray(self.theta, sites.step.dtype), (1, len(sites.records), 1))


class PerSite(AbstractParameterRule):
    """A vector for each of the sites that were calibrated, by name."""

    names: tuple[str, ...] = eqx.field(static=True)
    theta: Float[np.ndarray, "site param"]

    def __call__(self, sites: Sites) -> Float[Array, "sample site param"]:
        """Each site's vector; ``ValueError`` for a site that was not calibrated."""
        unknown = [name for name in sites.names if name not in self.names]
        if unknown:
            raise ValueError(
                f"no parameters were learned for {', '.join(unknown)}: "
                f"expected sites out of {', '.join(self.names)}; "
                "calibrate them, or learn a rule with a generator, which knows sites it has not seen"
            )
        rows = np.array([self.names.index(name) for name in sites.names])
        return jnp.asarray(self.theta[rows], sites.step.dtype)[None]


class PerClass(AbstractParameterRule):
    """A vector for each plant class, also at sites never seen."""

    classes: tuple[str, ...] = eqx.field(static=True)
    theta: Float[np.ndarray, "class param"]

    def __call__(self, sites: Sites) -> Float[Array, "sample site param"]:
        """The vector of each site's class; ``ValueError`` for a class that nothing was learned for."""
        wanted = [record.attributes.plant_class for record in sites.records]
        unknown = sorted({name for name in wanted if name not in self.classes})
        if unknown:
            raise ValueError(
                f"no parameters were learned for the class {', '.join(unknown)}: expected sites of "
                f"{', '.join(self.classes)}; calibrate a site of that class, or learn a rule with a "
                "generator, which knows sites of any class"
            )
        rows = np.array([self.classes.index(name) for name in wanted])
        return jnp.asarray(self.theta[rows], sites.step.dtype)[None]


def mean_theta(space: ParameterSpace, thetas: Float[np.ndarray, "site param"]) -> Float[np.ndarray, " param"]:
    """The mean of physical vectors in unconstrained space; a value that all share is kept exactly."""
    mean = np.asarray(space.to_physical(space.to_unconstrained(jnp.asarray(thetas)).mean(axis=0)))
    return np.where((thetas == thetas[:1]).all(axis=0), thetas[0], mean)


class Reach(eqx.Module):
    """How far from the start sites go: a factor for each of some classes, and one for all others [-]."""

    classes: tuple[tuple[str, float], ...] = eqx.field(static=True, default=())
    elsewhere: float = eqx.field(static=True, default=1.0)

    @property
    def anywhere(self) -> bool:
        """Whether any site leaves its start."""
        return any(factor > 0.0 for factor in (*dict(self.classes).values(), self.elsewhere))

    def of(self, sites: Sites) -> Float[np.ndarray, " site"]:
        """The factor of each site."""
        known = dict(self.classes)
        return np.array([known.get(r.attributes.plant_class, self.elsewhere) for r in sites.records])


class Neural(AbstractParameterRule):
    """What a trained generator makes of a site's calibration part and attributes, also at sites never seen.

    ``free`` are the names of the parameters that it moves; the others, and what it moves from, are the
    values in ``starts`` for the sites in ``names`` and the defaults of the class and soil elsewhere. Its
    offsets in unconstrained space are multiplied by the ``reach``.
    """

    generator: Generator
    encoder: GeneratorEncoder
    space: ParameterSpace
    free: tuple[str, ...] = eqx.field(static=True)
    names: tuple[str, ...] = eqx.field(static=True)
    starts: Float[np.ndarray, "site param"]
    reach: Reach = Reach()

    def starting_at(self, names: Sequence[str], starts: Float[np.ndarray, "more param"]) -> "Neural":
        """The same rule, which moves from ``starts`` at further sites."""
        new = [row for row, name in enumerate(names) if name not in self.names]
        return dataclasses.replace(
            self,
            names=(*self.names, *(names[row] for row in new)),
            starts=np.concatenate([self.starts, np.asarray(starts, float)[new]]),
        )

    def __call__(self, sites: Sites) -> Float[Array, "sample site param"]:
        """The generated vector of each site, averaged over its calibration windows."""
        starts = np.asarray(default_thetas(self.space, sites))
        for row, name in enumerate(sites.names):
            if name in self.names:
                starts[row] = self.starts[self.names.index(name)]
        mapping = ParameterMap(self.space, jnp.asarray(starts, sites.step.dtype), self.free)
        offsets = self.generator(self.encoder(sites.records))
        factors = jnp.asarray(self.reach.of(sites)[:, None], offsets.dtype)
        return mapping.physical(factors * offsets)[None]


class Averaged(AbstractParameterRule):
    """The mean of what several rules of one ``space`` say, in unconstrained space."""

    rules: tuple[AbstractParameterRule, ...]
    space: ParameterSpace

    def starting_at(self, names: Sequence[str], starts: Float[np.ndarray, "more param"]) -> "Averaged":
        """The same rule, whose generators move from ``starts`` at further sites."""
        moved = tuple(
            rule.starting_at(names, starts) if isinstance(rule, Neural) else rule for rule in self.rules
        )
        return dataclasses.replace(self, rules=moved)

    @property
    def reach(self) -> Reach:
        """That of its generators, which all have the same."""
        return next((rule.reach for rule in self.rules if isinstance(rule, Neural)), Reach())

    def reaching(self, reach: Reach) -> "Averaged":
        """The same rule with that reach of its generators."""
        moved = tuple(
            dataclasses.replace(rule, reach=reach) if isinstance(rule, Neural) else rule
            for rule in self.rules
        )
        return dataclasses.replace(self, rules=moved)

    def __call__(self, sites: Sites) -> Float[Array, "sample site param"]:
        """The mean vector of each site."""
        thetas = np.stack([np.asarray(rule(sites)[0], float) for rule in self.rules])
        means = [mean_theta(self.space, thetas[:, site]) for site in range(thetas.shape[1])]
        return jnp.asarray(np.stack(means), sites.step.dtype)[None]
