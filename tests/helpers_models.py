"""A tiny analytic land model, and made-up sites to run it at."""

from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from tilth.data.containers import MEASURED, Attributes, Forcing, Observation, SiteRecord, Sites
from tilth.models.base import AbstractLandModel, EnsembleOutputs
from tilth.parameters.space import ParameterSpace

SPACE = ParameterSpace.select(("rlfv", "gradm", "vmax0"))


class AnalyticModel(AbstractLandModel):
    """Splits absorbed sunshine into latent and sensible heat by a function of the parameters and warmth.

    Fails (NaN) where the first parameter is above ``fails_above``.
    """

    space: ParameterSpace = SPACE
    fails_above: float = eqx.field(static=True, default=np.inf)
    differentiable: ClassVar[bool] = True

    def run(self, thetas: Float[Array, "member #site param"], sites: Sites) -> EnsembleOutputs:
        albedo, slope, capacity = jnp.moveaxis(self.space.fraction(thetas), -1, 0)[..., None]
        absorbed = (1.0 - 0.5 * albedo) * sites.forcing.shortwave_down[None]
        warmth = 1.0 / (1.0 + jnp.exp(-(sites.forcing.air_temperature[None] - 285.0) / 5.0))
        latent = absorbed * warmth * (0.2 + 0.6 * slope * (0.5 + 0.5 * capacity))
        latent = jnp.where(thetas[..., :1] > self.fails_above, jnp.nan, latent)
        outputs = {"Qle": latent, "Qh": 0.9 * absorbed - latent}
        finite = jnp.isfinite(latent).all(axis=-1)
        return EnsembleOutputs(outputs=outputs, succeeded=finite)


def small_record(name: str = "made-up", days: int = 20, step: float = 3600.0, seed: int = 0) -> SiteRecord:
    """A record of sunny hours and a few showers, with observations of Qle made by the analytic model."""
    random = np.random.default_rng(seed)
    count = round(days * 86400 / step)
    time = np.datetime64("2004-02-20", "s") + (np.arange(count) * step).astype("timedelta64[s]")
    hour = np.arange(count) * step / 3600.0
    sun = np.maximum(np.sin((hour - 6.0) * np.pi / 12.0), 0.0)
    cloud = np.repeat(random.uniform(0.3, 1.0, days), count // days)
    forcing = {field: np.zeros(count) for field in Forcing.__dataclass_fields__}
    forcing["shortwave_down"] = 800.0 * sun * cloud
    forcing["cos_zenith"] = sun
    forcing["air_temperature"] = 283.0 + 8.0 * np.sin((hour - 9.0) * np.pi / 12.0) + 3.0 * cloud
    forcing["specific_humidity"] = np.full(count, 0.006)
    forcing["wind_speed"] = 2.0 + random.gamma(2.0, 1.0, count)
    forcing["surface_pressure"] = np.full(count, 1.0e5)
    forcing["longwave_down"] = 320.0 - 40.0 * cloud
    forcing["precipitation"] = np.where(random.random(count) < 0.05, 5e-4, 0.0)
    forcing["co2"] = np.full(count, 3.8e-4)
    forcing["leaf_area_index"] = np.full(count, 2.0)
    everywhere = np.ones(count, dtype=bool)
    record = SiteRecord(
        attributes=Attributes(
            name=name, latitude=45.0, longitude=10.0, utc_offset=1.0, igbp="GRA", plant_class="grassland",
            canopy_height=1.0, reference_height=10.0,
        ),
        time=time,
        step=step,
        forcing=forcing,
        forcing_in_range=everywhere,
        usable=everywhere,
        segment=np.zeros(count, dtype=int),
        observations={},
    )  # fmt: skip
    middle = jnp.asarray(SPACE.from_fraction(jnp.full((1, 1, 3), 0.5)))
    truth = np.asarray(AnalyticModel().run(middle, Sites.of([record])).outputs["Qle"][0, 0])
    quality = np.full(count, MEASURED)
    return record.replace(observations={"Qle": Observation(truth, quality)})


def small_sites(*lengths: int) -> Sites:
    """Sites with records of the given numbers of days."""
    return Sites.of([small_record(f"site-{i}", days, seed=i) for i, days in enumerate(lengths)])
