"""Exact derivatives of simulated series with respect to the position of parameters in their ranges."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from tilth.calibration.windows import WindowedModel
from tilth.data.containers import Sites
from tilth.models.base import AbstractLandModel
from tilth.parameters.space import INSIDE, ParameterSpace

REPEATS = 2
"""How often the records are run after spin-up; derivatives of the last time pass through the earlier ones."""


class SeriesDerivatives(eqx.Module):
    """Series of all sites by variable and their derivatives.

    ``series`` are in the unit of the variable, ``derivatives`` in that unit for the whole range of the
    parameter. ``converged`` marks steps at which the surface balance was solved.
    """

    series: dict[str, Float[np.ndarray, "site time"]]
    derivatives: dict[str, Float[np.ndarray, "site param time"]]
    converged: Bool[np.ndarray, "site time"]


def series_derivatives(
    model: AbstractLandModel,
    spaces: Sequence[ParameterSpace],
    thetas: Float[Any, "site param"],
    sites: Sites,
    variables: Sequence[str],
) -> SeriesDerivatives:
    """Derivatives of the ``variables`` at physical ``thetas``, by forward differentiation of the model.

    Every site has a space of its own, since ranges may depend on the site's class; all have the parameters
    of the model. A value on or next to a bound is moved to 1 % of the range inside, as a calibration does.
    The record is run twice after spin-up and the second run is differentiated through both: derivatives see
    the memory of one record length, and the state after spin-up is held. All parameters of all sites go
    side by side. Raises ``ValueError`` for records that are not of one length, step and stretch, and
    ``TypeError`` for a model that has no derivatives.
    """
    if not (model.differentiable and isinstance(model, WindowedModel)):
        raise TypeError(f"expected a land model with derivatives, got {type(model).__name__}")
    lengths = {(len(r.time), r.step, len(np.unique(r.segment))) for r in sites.records}
    if len(lengths) != 1 or next(iter(lengths))[2] != 1:
        raise ValueError(
            f"expected records of one length and step without a break, got (steps, step [s], stretches) "
            f"{sorted(lengths)}: cut them first"
        )
    length = next(iter(lengths))[0]
    values, slopes = _values_and_slopes(spaces, np.asarray(thetas), sites.step.dtype)
    windows = model.cut_windows(sites, length)
    _, states = model.trajectories(values[None], sites, length)
    fixed = jax.tree.map(np.asarray, windows)

    @eqx.filter_jit
    def differentiated(at: Array, tangents: Array, state: Any, forcing: Any) -> Any:
        def run(physical: Array) -> dict[str, Array]:
            here = fixed._replace(forcing=forcing)

            def once(carry: Any, _: None) -> tuple[Any, dict[str, Array]]:
                outputs, end = model.run_windows(physical, sites, here, carry, tuple(variables))
                return end, {name: outputs[name] for name in (*variables, "converged")}

            _, outputs = jax.lax.scan(once, state, None, length=REPEATS)
            return {name: series[-1].T for name, series in outputs.items()}

        series = run(at)
        return series, jax.vmap(lambda tangent: jax.jvp(run, (at,), (tangent,))[1], out_axes=1)(tangents)

    parameters = values.shape[1]
    tangents = jnp.eye(parameters, dtype=values.dtype)[:, None, :] * slopes[None]
    series, derivatives = jax.device_get(differentiated(values, tangents, states, windows.forcing))
    return SeriesDerivatives(
        series={name: np.asarray(series[name], float) for name in variables},
        derivatives={name: np.asarray(derivatives[name], float) for name in variables},
        converged=np.asarray(series["converged"]) > 0.5,
    )


def rms_derivative(
    derivatives: Float[np.ndarray, "param time"], counted: Bool[np.ndarray, " time"]
) -> Float[np.ndarray, " param"]:
    """Root mean square over the ``counted`` steps of the derivatives of a series, in their unit.

    It is the limit of the root mean square difference between the default and a perturbed run over the size
    of the perturbation, what a one-at-a-time design measures from afar. NaN without a counted step.
    """
    if not counted.any():
        return np.full(len(derivatives), np.nan)
    return np.sqrt(np.mean(derivatives[:, counted] ** 2, axis=1))


def rmse_gradient(
    series: Float[np.ndarray, " time"],
    derivatives: Float[np.ndarray, "param time"],
    observed: Float[np.ndarray, " time"],
    counted: Bool[np.ndarray, " time"],
) -> Float[np.ndarray, " param"]:
    """Gradient of the RMSE against observations over the ``counted`` steps, in the unit of the derivatives.

    ``mean(r dQ/df) / sqrt(mean(r^2))`` with the residuals ``r = Q - observed``. NaN without a counted step
    or where the simulation is perfect.
    """
    residual = series[counted] - observed[counted]
    if not residual.any():
        return np.full(len(derivatives), np.nan)
    return np.mean(residual * derivatives[:, counted], axis=1) / np.sqrt(np.mean(residual**2))


def _values_and_slopes(
    spaces: Sequence[ParameterSpace], thetas: np.ndarray, dtype: Any
) -> tuple[Float[Array, "site param"], Float[Array, "site param"]]:
    """Physical values inside the ranges, and their derivatives by the position in the range."""
    values, slopes = [], []
    for space, theta in zip(spaces, thetas, strict=True):
        fraction = jnp.clip(space.fraction(jnp.asarray(theta, dtype)), INSIDE, 1.0 - INSIDE)
        value, slope = jax.jvp(space.from_fraction, (fraction,), (jnp.ones_like(fraction),))
        values.append(value)
        slopes.append(slope)
    return jnp.stack(values), jnp.stack(slopes)
