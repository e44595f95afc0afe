"""Losses of a simulated flux against an observed one, per site, from sums over the counted steps.

Every loss is a function of the same moments, so that windows can be summed in any order. Steps that do not
count have no influence on value or gradient, whatever they hold, NaN included.
"""

import abc

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

TINY = 1e-12
"""Keeps square roots and quotients of relative variances differentiable at zero."""


class Moments(eqx.Module):
    """Moments of a flux over the counted steps of each site, in units of the observed standard deviation.

    With errors ``e``, simulated ``s`` and observed ``o``: ``count``; ``square`` mean(e²); ``bias`` mean(e);
    ``simulated`` and ``observed`` the variances of s and o; ``covariance`` that of s and o.
    """

    count: Float[Array, " site"]
    square: Float[Array, " site"]
    bias: Float[Array, " site"]
    simulated: Float[Array, " site"]
    observed: Float[Array, " site"]
    covariance: Float[Array, " site"]


def flux_moments(
    simulated: Float[Array, "time column"],
    observed: Float[Array, "time column"],
    counts: Bool[Array, "time column"],
    *,
    column_site: Int[Array, " column"],
    mean: Float[Array, " site"],
    deviation: Float[Array, " site"],
) -> Moments:
    """The moments of windows ``[time, column]`` whose sites are ``column_site``.

    ``mean`` and ``deviation`` are the observed ones of the calibration part, in the unit of the flux; they
    scale, and nothing else. Sums are taken about them, so that no digits are lost.
    """
    centre = mean[column_site][None, :]
    scale = deviation[column_site][None, :]
    sim = (jnp.where(counts, simulated, centre) - centre) / scale
    obs = (jnp.where(counts, observed, centre) - centre) / scale

    def summed(values: Array) -> Array:
        return jax.ops.segment_sum(values.sum(axis=0), column_site, mean.shape[0])

    count = summed(counts.astype(sim.dtype))
    number = jnp.maximum(count, 1.0)
    s, o = summed(sim) / number, summed(obs) / number
    return Moments(
        count=count,
        square=summed((sim - obs) ** 2) / number,
        bias=s - o,
        simulated=summed(sim**2) / number - s**2,
        observed=summed(obs**2) / number - o**2,
        covariance=summed(sim * obs) / number - s * o,
    )


class AbstractLoss(eqx.Module):
    """A loss of one flux at each site; zero is perfect."""

    @abc.abstractmethod
    def __call__(self, moments: Moments) -> Float[Array, " site"]:
        """The loss at each site [-]; meaningless where nothing counts."""


class MeanSquare(AbstractLoss):
    """Mean squared error over the observed variance of the calibration part: mean(e²) / var(o) [-]."""

    def __call__(self, moments: Moments) -> Float[Array, " site"]:
        """The loss at each site [-]."""
        return moments.square


class MeanSquareCorrelation(AbstractLoss):
    """Relative mean squared error plus ``weight`` times one minus the correlation [-].

    The gradient of the correlation is cut off smoothly where either series hardly varies.
    """

    weight: float = 0.5

    def __call__(self, moments: Moments) -> Float[Array, " site"]:
        """The loss at each site [-]."""
        return moments.square + self.weight * (1.0 - _correlation(moments))


class KlingGupta(AbstractLoss):
    """One minus the Kling-Gupta efficiency: sqrt((r - 1)² + (alpha - 1)² + b²) [-].

    ``r`` is the correlation, ``alpha`` the ratio of the standard deviations and ``b`` the bias over the
    observed standard deviation, not over the mean, which may be zero for a flux that changes sign (Gupta et
    al. 2009, doi:10.1016/j.jhydrol.2009.08.003, in the form of Tang et al. 2021,
    doi:10.1175/JCLI-D-21-0067.1). Rounded off within 1e-6 of a perfect score, where the square root has a
    kink.
    """

    def __call__(self, moments: Moments) -> Float[Array, " site"]:
        """The loss at each site [-]."""
        alpha = jnp.sqrt((moments.simulated + TINY) / (moments.observed + TINY))
        bias = moments.bias / jnp.sqrt(moments.observed + TINY)
        return jnp.sqrt((_correlation(moments) - 1.0) ** 2 + (alpha - 1.0) ** 2 + bias**2 + TINY)


def _correlation(moments: Moments) -> Float[Array, " site"]:
    spread = jnp.sqrt((moments.simulated + TINY) * (moments.observed + TINY))
    return moments.covariance / spread


LOSSES: dict[str, AbstractLoss] = {
    "mse": MeanSquare(),
    "mse-correlation": MeanSquareCorrelation(),
    "kge": KlingGupta(),
}
"""Losses by name."""


def named_loss(name: str) -> AbstractLoss:
    """The loss of a name; ``ValueError`` if there is none."""
    if name not in LOSSES:
        raise ValueError(f"unknown loss {name!r}: expected one of {', '.join(LOSSES)}")
    return LOSSES[name]


def mean_over_fluxes(
    losses: Float[Array, "flux site"], counts: Float[Array, "flux site"]
) -> Float[Array, " site"]:
    """The mean of each site's losses over the fluxes of which something counts, equal weights; else zero."""
    there = counts > 0
    total = jnp.where(there, losses, 0.0).sum(axis=0)
    return total / jnp.maximum(there.astype(losses.dtype).sum(axis=0), 1.0)
