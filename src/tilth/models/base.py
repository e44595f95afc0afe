"""The one shape of a land model: parameters and sites in, simulated series and success out."""

import abc
from collections.abc import Mapping

import equinox as eqx
from jaxtyping import Array, Bool, Float

from tilth.data.containers import Sites
from tilth.parameters.space import ParameterSpace


class EnsembleOutputs(eqx.Module):
    """Simulated series by ALMA name, ``[member, site, time]`` (soil quantities with a last layer axis).

    ``succeeded`` is False where a run crashed or holds a value that is not finite: data, not an exception.
    """

    outputs: Mapping[str, Float[Array, "member site time ..."]]
    succeeded: Bool[Array, "member site"]


class AbstractLandModel(eqx.Module):
    """A land model: the JAX model, an executable or a trained surrogate."""

    space: eqx.AbstractVar[ParameterSpace]
    differentiable: eqx.AbstractClassVar[bool]

    @abc.abstractmethod
    def run(self, thetas: Float[Array, "member #site param"], sites: Sites) -> EnsembleOutputs:
        """Series simulated with physical parameter values ``thetas``, in the order of ``space.names``."""
