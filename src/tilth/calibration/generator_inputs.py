"""What the parameter generator sees of a site: windows of its calibration part, and its attributes."""

from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from tilth.data.containers import Forcing, SiteRecord
from tilth.networks.normalisation import Normalisation
from tilth.observations.splits import split_record
from tilth.parameters.parameter import PLANT_CLASSES
from tilth.parameters.tables import soil_classes

FORCING_NAMES = tuple(Forcing.__dataclass_fields__)


class GeneratorInputs(eqx.Module):
    """Windows of sites and what is constant at them.

    ``weight`` is 1 for windows that exist and 0 for those that pad a site with fewer.
    """

    windows: Float[Array, "site window time feature"]
    weight: Float[Array, "site window"]
    attributes: Float[Array, "site attribute"]


class GeneratorEncoder(eqx.Module):
    """How inputs are made: forcing, observed ``variables`` and whether there is a value, all normalised.

    Windows are ``window`` native steps long and do not overlap; of those of the calibration part at most
    ``limit`` are taken, evenly spread. No flux of the held-out part is read. A missing flux is a zero with
    the indicator 0.
    """

    series: Normalisation
    constants: Normalisation
    variables: tuple[str, ...] = eqx.field(static=True)
    window: int = eqx.field(static=True)
    limit: int = eqx.field(static=True)

    @classmethod
    def of(
        cls, records: Sequence[SiteRecord], variables: Sequence[str], *, window: int, limit: int
    ) -> "GeneratorEncoder":
        """The encoder of a generator that is trained at these sites."""
        rows = np.concatenate([_series(record, variables) for record in records])
        mean, deviation = np.nanmean(rows, axis=0), np.nanstd(rows, axis=0)
        deviation = np.where(deviation > 1e-6 * np.maximum(np.abs(mean), 1e-30), deviation, 1.0)
        series = Normalisation(jnp.asarray(mean, jnp.float32), jnp.asarray(deviation, jnp.float32))
        constants = Normalisation.of(np.stack([_attributes(record) for record in records]))
        return cls(series, constants, tuple(variables), window, limit)

    def features(self, record: SiteRecord) -> Float[np.ndarray, "window time feature"]:
        """All windows of a record's calibration part, float32; ``ValueError`` if it is shorter than one."""
        rows = _series(record, self.variables).astype(np.float32)
        rows = (rows - np.asarray(self.series.mean)) / np.asarray(self.series.deviation)
        there = np.isfinite(rows[:, len(FORCING_NAMES) :])
        features = np.concatenate([np.nan_to_num(rows), there], axis=1).astype(np.float32)
        count = len(features) // self.window
        if count == 0:
            raise ValueError(
                f"{record.attributes.name}: the calibration part has {len(features)} steps, "
                f"expected a window of {self.window} at least: give a longer record"
            )
        return features[: count * self.window].reshape(count, self.window, -1)

    def attributes(self, record: SiteRecord) -> Float[np.ndarray, " attribute"]:
        """Normalised class, soil, coordinates and heights of a site, float32."""
        return np.asarray(self.constants.apply(jnp.asarray(_attributes(record), jnp.float32)))

    def __call__(self, records: Sequence[SiteRecord]) -> GeneratorInputs:
        """The inputs of sites, always the same windows."""
        windows = [self.features(record) for record in records]
        windows = [w[_spread(len(w), self.limit)] for w in windows]
        most = max(len(w) for w in windows)
        padded = [np.pad(w, ((0, most - len(w)), (0, 0), (0, 0))) for w in windows]
        weight = np.array([[float(i < len(w)) for i in range(most)] for w in windows], np.float32)
        constants = np.stack([self.attributes(record) for record in records])
        return GeneratorInputs(jnp.asarray(np.stack(padded)), jnp.asarray(weight), jnp.asarray(constants))


def _spread(count: int, limit: int) -> np.ndarray:
    """At most ``limit`` of ``count`` numbers, evenly spread."""
    return np.arange(count) if count <= limit else (np.arange(limit) * count) // limit


def _series(record: SiteRecord, variables: Sequence[str]) -> np.ndarray:
    """Forcing and scored fluxes of the calibration part ``[time, feature]``, NaN where there is no flux."""
    inside = split_record(record).calibration
    columns = [np.asarray(record.forcing[name], dtype=np.float64)[inside] for name in FORCING_NAMES]
    for name in ("precipitation", "water_input"):
        place = FORCING_NAMES.index(name)
        columns[place] = np.log1p(columns[place] * 3600.0)
    for name in variables:
        if name in record.observations:
            flux = np.where(record.scored(name), record.observations[name].value, np.nan)[inside]
        else:
            flux = np.full(inside.sum(), np.nan)
        columns.append(flux)
    return np.column_stack(columns)


def _attributes(record: SiteRecord) -> np.ndarray:
    """Class and soil as indicators, position on the globe, log of the heights."""
    site = record.attributes
    latitude, longitude = np.deg2rad(site.latitude), np.deg2rad(site.longitude)
    return np.array(
        [float(site.plant_class == name) for name in PLANT_CLASSES]
        + [float(site.soil == name) for name in soil_classes()]
        + [np.sin(latitude), np.cos(latitude) * np.sin(longitude), np.cos(latitude) * np.cos(longitude)]
        + [np.log(site.canopy_height), np.log(site.reference_height)]
    )
