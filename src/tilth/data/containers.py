"""What is known of a site: its record on the host, and batches of sites for the models.

:class:`SiteRecord` is what readers and the weather generator return: NumPy arrays in SI, masked, with
provenance. :class:`Sites` is what a land model runs on: JAX arrays padded to one length.
"""

import dataclasses
from collections.abc import Mapping, Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

FORCING_NAMES = (
    "air_temperature",
    "specific_humidity",
    "wind_speed",
    "surface_pressure",
    "shortwave_down",
    "longwave_down",
    "precipitation",
)
"""The seven measured forcings; scores count only steps where all seven are in range."""

MEASURED, FILLED, UNKNOWN, MISSING = 0, 1, 2, 3
"""Quality classes of an observation, read from a file's own description of its flags."""


@dataclasses.dataclass(frozen=True)
class Observation:
    """One observed series on the clock of its site.

    ``value`` is in the unit of its ALMA name, NaN where there is none; ``quality`` holds MEASURED, FILLED,
    UNKNOWN or MISSING; ``uncertainty`` is one standard deviation in the same unit, or None.
    """

    value: np.ndarray
    quality: np.ndarray
    uncertainty: np.ndarray | None = None

    @property
    def usable(self) -> np.ndarray:
        """Steps where the flux was measured, or finite where the file has no flags."""
        return np.isfinite(self.value) & np.isin(self.quality, (MEASURED, UNKNOWN))


@dataclasses.dataclass(frozen=True)
class Attributes:
    """Facts of a site. Heights in m, latitude and longitude in degrees, ``utc_offset`` in hours.

    ``plant_class`` is evergreen, woodland, grassland or cultivation (Xie et al. 2025, Table 2);
    ``soil`` a soil class of the soil table; ``pathway`` C3 or C4, or None for that of the class.
    """

    name: str
    latitude: float
    longitude: float
    utc_offset: float
    igbp: str
    plant_class: str
    canopy_height: float
    reference_height: float
    soil: str = "loam"
    elevation: float = float("nan")
    pathway: str | None = None


@dataclasses.dataclass(frozen=True)
class Finding:
    """Something a person should know about a site: ``level`` is info, warning or error."""

    level: str
    topic: str
    message: str


@dataclasses.dataclass(frozen=True, eq=False)
class SiteRecord:
    """One site's record: complete forcing, observations, masks and where everything came from.

    ``time`` holds the start of each step [datetime64[s]] in local standard time; ``step`` its length [s].
    ``forcing`` holds complete series of :data:`FORCING_NAMES` in SI plus ``co2`` [mol mol-1],
    ``leaf_area_index`` [m2 m-2], ``cos_zenith`` [-] (mean over the daylight of the step) and
    ``water_input`` [kg m-2 s-1] (irrigation, zero by default).
    ``forcing_in_range``: all seven forcings were there and in range. ``usable``: no filled long gap here
    nor in the 30 days before. ``segment`` counts stretches between which the state is spun up again.
    """

    attributes: Attributes
    time: np.ndarray
    step: float
    forcing: Mapping[str, np.ndarray]
    forcing_in_range: np.ndarray
    usable: np.ndarray
    segment: np.ndarray
    observations: Mapping[str, Observation]
    findings: Sequence[Finding] = ()
    sources: Mapping[str, str] = dataclasses.field(default_factory=dict)
    files: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def scored(self, variable: str) -> np.ndarray:
        """Steps at which ``variable`` is scored: flux usable and all seven forcings in range."""
        return self.observations[variable].usable & self.forcing_in_range & self.usable

    def replace(self, **changes: object) -> "SiteRecord":
        """A copy with some fields changed."""
        return dataclasses.replace(self, **changes)  # type: ignore[arg-type]


class Forcing(eqx.Module):
    """Forcing of a batch of sites, SI units, complete (no NaN)."""

    air_temperature: Float[Array, "site time"]
    specific_humidity: Float[Array, "site time"]
    wind_speed: Float[Array, "site time"]
    surface_pressure: Float[Array, "site time"]
    shortwave_down: Float[Array, "site time"]
    longwave_down: Float[Array, "site time"]
    precipitation: Float[Array, "site time"]
    co2: Float[Array, "site time"]
    leaf_area_index: Float[Array, "site time"]
    cos_zenith: Float[Array, "site time"]
    water_input: Float[Array, "site time"]


class Sites(eqx.Module):
    """A batch of sites, padded at the end to one length by repeating the last step with ``valid`` False.

    ``step`` is each site's step [s]; ``segment_start`` marks where the state is spun up again (the first
    step included). ``records`` keep everything that stays on the host.
    """

    forcing: Forcing
    valid: Bool[Array, "site time"]
    segment_start: Bool[Array, "site time"]
    step: Float[Array, " site"]
    records: tuple[SiteRecord, ...] = eqx.field(static=True)

    @classmethod
    def of(cls, records: Sequence[SiteRecord], dtype: jax.typing.DTypeLike = float) -> "Sites":
        """A batch of the given site records."""
        length = max(len(record.time) for record in records)

        def padded(series: np.ndarray) -> np.ndarray:
            return np.pad(series, (0, length - len(series)), mode="edge")

        forcing = {
            name: jnp.asarray(np.stack([padded(r.forcing[name]) for r in records]), dtype=dtype)
            for name in Forcing.__dataclass_fields__
        }
        starts = [np.diff(r.segment, prepend=-1) != 0 for r in records]
        return cls(
            forcing=Forcing(**forcing),
            valid=jnp.asarray(np.stack([np.arange(length) < len(r.time) for r in records])),
            segment_start=jnp.asarray(
                np.stack([np.pad(s, (0, length - len(s)), constant_values=False) for s in starts])
            ),
            step=jnp.asarray([r.step for r in records], dtype=dtype),
            records=tuple(records),
        )

    @property
    def names(self) -> tuple[str, ...]:
        """The sites' names."""
        return tuple(record.attributes.name for record in self.records)
