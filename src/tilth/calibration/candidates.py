"""What a gradient moves: several candidates side by side, each with parameters for all sites.

Leaves of a candidate have the axis ``start`` first. Candidates do not know of each other: one loss is the sum
of theirs.
"""

import abc
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from tilth.calibration.base import Problem
from tilth.calibration.generator import Generator, GeneratorSettings, feature_count
from tilth.calibration.generator_inputs import GeneratorEncoder, GeneratorInputs
from tilth.calibration.rules import AbstractParameterRule, Neural, PerSite, Shared

FACTOR_RANGE = (0.5, 1.1)
"""Range of a learned closure factor: the measured share of the turbulent fluxes [-]."""


class Candidates(eqx.Module):
    """Trained arrays: free offsets or generators, and unconstrained closure factors if they are learned."""

    offsets: Float[Array, "start #site free"] | None
    generators: Generator | None
    closure: Float[Array, "start site"] | None


class AbstractParameters(eqx.Module):
    """How a site's parameters depend on what is trained. ``per_site``: sites share nothing."""

    per_site: eqx.AbstractClassVar[bool]

    @abc.abstractmethod
    def prepared(self, problem: Problem) -> GeneratorInputs | None:
        """What :meth:`offsets` reads beside the trained arrays."""

    @abc.abstractmethod
    def initial(
        self, problem: Problem, key: PRNGKeyArray, starts: int, spread: float
    ) -> tuple[Float[Array, "start #site free"] | None, Generator | None]:
        """Offsets and generators before training.

        Where offsets are free, the first start is at the problem's own, and one at each of its further ones
        comes before those that are drawn at random.
        """

    @abc.abstractmethod
    def offsets(
        self, candidates: Candidates, inputs: GeneratorInputs | None
    ) -> Float[Array, "start site free"]:
        """Offsets of the free parameters in unconstrained space."""

    @abc.abstractmethod
    def rule(self, problem: Problem, best: Candidates) -> AbstractParameterRule:
        """The rule of what was learned; ``best`` holds one start."""


class Free(AbstractParameters):
    """Free parameters of each site."""

    per_site: ClassVar[bool] = True

    def prepared(self, problem: Problem) -> None:
        """Nothing."""

    def initial(
        self, problem: Problem, key: PRNGKeyArray, starts: int, spread: float
    ) -> tuple[Float[Array, "start site free"] | None, Generator | None]:
        """Zero first, then the further points, then normal ones with standard deviation ``spread``."""
        shape = (starts - 1, len(problem.sites.records), len(problem.free))
        drawn = spread * jax.random.normal(key, shape, problem.starts.dtype)
        given = problem.mapping.offsets(jnp.concatenate([problem.starts[None], problem.further]))
        return jnp.concatenate([given, drawn]), None

    def offsets(
        self, candidates: Candidates, inputs: GeneratorInputs | None
    ) -> Float[Array, "start site free"]:
        """The trained offsets themselves."""
        if candidates.offsets is None:
            raise TypeError("expected candidates with free offsets, got those of a generator")
        return candidates.offsets

    def rule(self, problem: Problem, best: Candidates) -> AbstractParameterRule:
        """Each site's vector."""
        theta = problem.mapping.physical(self.offsets(best, None)[0])
        return PerSite(problem.sites.names, np.asarray(theta, np.float64))


class Common(AbstractParameters):
    """Free parameters that all ``sites`` of a problem share; they start from the same values."""

    sites: int = eqx.field(static=True)
    per_site: ClassVar[bool] = False

    @classmethod
    def of(cls, problem: Problem) -> "Common":
        """The parameterisation for a problem; ``ValueError`` where its sites start from different values."""
        starts = np.asarray(problem.starts)
        if (starts != starts[:1]).any():
            raise ValueError(
                "expected the same starting parameters at all sites that share theirs, got different ones at "
                f"{', '.join(problem.sites.names)}: give every site the same starts"
            )
        return cls(len(starts))

    def prepared(self, problem: Problem) -> None:
        """Nothing."""

    def initial(
        self, problem: Problem, key: PRNGKeyArray, starts: int, spread: float
    ) -> tuple[Float[Array, "start one free"] | None, Generator | None]:
        """Zero for the first start, normal with standard deviation ``spread`` for the others."""
        drawn = spread * jax.random.normal(key, (starts, 1, len(problem.free)), problem.starts.dtype)
        return drawn.at[0].set(0.0), None

    def offsets(
        self, candidates: Candidates, inputs: GeneratorInputs | None
    ) -> Float[Array, "start site free"]:
        """The trained offsets at every site."""
        if candidates.offsets is None:
            raise TypeError("expected candidates with shared offsets, got those of a generator")
        starts, _, free = candidates.offsets.shape
        return jnp.broadcast_to(candidates.offsets, (starts, self.sites, free))

    def rule(self, problem: Problem, best: Candidates) -> AbstractParameterRule:
        """The one vector."""
        return Shared(np.asarray(problem.mapping.physical(self.offsets(best, None)[0])[0], np.float64))


class Generated(AbstractParameters):
    """The parameters of all sites from one generator; its starts differ in their random weights."""

    encoder: GeneratorEncoder
    settings: GeneratorSettings = eqx.field(static=True)
    per_site: ClassVar[bool] = False

    @classmethod
    def of(cls, problem: Problem, settings: GeneratorSettings) -> "Generated":
        """The parameterisation for the sites of a problem."""
        encoder = GeneratorEncoder.of(
            problem.sites.records,
            settings.read(problem.targets.variables),
            window=settings.window,
            limit=settings.windows,
        )
        return cls(encoder, settings)

    def prepared(self, problem: Problem) -> GeneratorInputs:
        """The generator's inputs at the sites."""
        return self.encoder(problem.sites.records)

    def initial(
        self, problem: Problem, key: PRNGKeyArray, starts: int, spread: float
    ) -> tuple[Float[Array, "start site free"] | None, Generator | None]:
        """Freshly drawn networks."""
        features = feature_count(self.encoder(problem.sites.records[:1]))

        def build(own: PRNGKeyArray) -> Generator:
            return Generator(features, len(problem.free), self.settings, key=own)

        return None, eqx.filter_vmap(build)(jax.random.split(key, starts))

    def offsets(
        self, candidates: Candidates, inputs: GeneratorInputs | None
    ) -> Float[Array, "start site free"]:
        """What the generators make of the inputs."""
        return eqx.filter_vmap(lambda g, given: g(given), in_axes=(eqx.if_array(0), None))(
            candidates.generators, inputs
        )

    def rule(self, problem: Problem, best: Candidates) -> AbstractParameterRule:
        """The generator with its way of reading sites."""
        generator = jax.tree.map(lambda leaf: leaf[0], best.generators)
        return Neural(
            generator=generator,
            encoder=self.encoder,
            space=problem.model.space,
            free=problem.free,
            names=problem.sites.names,
            starts=np.asarray(problem.starts, np.float64),
        )


def initial_candidates(
    problem: Problem, parameters: AbstractParameters, key: PRNGKeyArray, *, starts: int, spread: float
) -> Candidates:
    """Candidates before training; closure factors start at one."""
    offsets, generators = parameters.initial(problem, key, starts, spread)
    shape = (starts, len(problem.sites.records))
    closure = jnp.full(shape, unit_factor(), problem.starts.dtype) if problem.target.learns_factor else None
    return Candidates(offsets, generators, closure)


def closure_factor(closure: Float[Array, "*batch"]) -> Float[Array, "*batch"]:
    """The factor [-] of an unconstrained number, inside :data:`FACTOR_RANGE`."""
    low, high = FACTOR_RANGE
    return low + (high - low) * jax.nn.sigmoid(closure)


def unit_factor() -> float:
    """The unconstrained number of a factor of one."""
    low, high = FACTOR_RANGE
    return float(np.log((1.0 - low) / (high - 1.0)))


def replaced(
    old: Candidates, new: Candidates, better: Bool[Array, "start site"], *, per_site: bool
) -> Candidates:
    """``old`` with what is better in ``new``: site by site, or whole starts where sites share a network."""

    def choose(before: Array, after: Array) -> Array:
        which = better if per_site else better[:, 0]
        return jnp.where(which.reshape(which.shape + (1,) * (before.ndim - which.ndim)), after, before)

    return jax.tree.map(choose, old, new)


def best_start(candidates: Candidates, loss: Float[Array, "start site"], *, per_site: bool) -> Candidates:
    """The best start alone (axis kept): for each site, or for all together where they share a network."""
    if not per_site:
        best = int(jnp.argmin(loss.mean(axis=1)))
        return jax.tree.map(lambda leaf: leaf[best : best + 1], candidates)
    site = jnp.arange(loss.shape[1])
    start = jnp.argmin(loss, axis=0)
    return jax.tree.map(lambda leaf: leaf[start, site][None], candidates)
