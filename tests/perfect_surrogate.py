"""A surrogate that is exact, and records of what it simulates."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from helpers_calibration import twin_record
from helpers_models import SPACE
from tilth.data.containers import Observation, Sites
from tilth.models.base import AbstractLandModel
from tilth.parameters.space import ParameterSpace

POSITIONS = np.array([0.3, 0.7, 0.35])


class PerfectSurrogate(AbstractLandModel):
    """Qle and Qh of a window from its sunshine and warmth, by a function of the parameters."""

    space: ParameterSpace = SPACE
    tasks: tuple[str, ...] = eqx.field(static=True, default=("Qh", "Qle"))
    window: int = eqx.field(static=True, default=24)
    differentiable: ClassVar[bool] = True

    def features(self, sites):
        names = ("shortwave_down", "air_temperature", "wind_speed")
        return tuple(np.stack([r.forcing[n] for n in names], 1).astype(np.float32) for r in sites.records)

    def predict_windows(self, theta, features):
        albedo, slope, wind = (f[:, None] for f in self.space.fraction(theta).astype(jnp.float32).T)
        absorbed = (1.0 - 0.5 * albedo) * features[..., 0]
        warmth = jax.nn.sigmoid((features[..., 1] - 285.0) / 5.0)
        latent = absorbed * warmth * (0.2 + 0.6 * slope)
        sensible = 0.8 * absorbed - latent + 4.0 * (wind - 0.5) * features[..., 2]
        return jnp.stack([sensible, latent], axis=-1)

    def without_history(self):
        return self

    def run(self, thetas, sites):
        raise NotImplementedError


def observed_record(name="mdpl", seed=0, positions=POSITIONS):
    """A record observed with the surrogate's own fluxes and a little noise."""
    record = twin_record(name, 40, seed)
    surrogate = PerfectSurrogate()
    features = surrogate.features(Sites.of([record]))[0]
    theta = SPACE.from_fraction(jnp.asarray(positions))[None]
    series = np.asarray(surrogate.predict_windows(theta, jnp.asarray(features)[None])[0], float)
    noise = np.random.default_rng(seed).normal(0.0, 1.0, series.shape)
    quality = record.observations["Qle"].quality
    fluxes = {n: Observation(series[:, i] + noise[:, i], quality) for i, n in enumerate(surrogate.tasks)}
    return record.replace(observations=fluxes)
