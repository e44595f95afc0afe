"""What a surrogate sees of a site, step by step, but for the parameters."""

from collections.abc import Sequence

import equinox as eqx
import numpy as np

from tilth.data.containers import Forcing, SiteRecord
from tilth.networks.encodings import day_of_year_encoding
from tilth.networks.normalisation import Normalisation
from tilth.parameters.parameter import PLANT_CLASSES
from tilth.parameters.tables import soil_classes
from tilth.surrogates.antecedent import ANTECEDENT_NAMES, antecedent_features
from tilth.surrogates.settings import SurrogateSettings

FORCING_FEATURES = tuple(Forcing.__dataclass_fields__)


class Features(eqx.Module):
    """How a site's features are made: forcing, where wanted its past, constants, and the day of the year.

    ``constants`` are those site facts (:func:`site_constants`) that varied over the sites it was made for.
    Rain enters as log(1 + mm h-1). All but the encoding are normalised.
    """

    normalisation: Normalisation
    antecedent: bool = eqx.field(static=True)
    harmonics: int = eqx.field(static=True)
    constants: tuple[str, ...] = eqx.field(static=True)

    @classmethod
    def of(cls, records: Sequence[SiteRecord], *, antecedent: bool, harmonics: int) -> "Features":
        """The features of a surrogate that is trained at these sites."""
        facts = [site_constants(r) for r in records]
        varied = tuple(name for name in facts[0] if len({f[name] for f in facts}) > 1)
        raw = [_raw(r, antecedent, varied) for r in records]
        return cls(Normalisation.of(np.concatenate(raw)), antecedent, harmonics, varied)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the features, in order."""
        past = ANTECEDENT_NAMES if self.antecedent else ()
        waves = tuple(f"{w}_{2**level}_doy" for level in range(self.harmonics) for w in ("sin", "cos"))
        return (*FORCING_FEATURES, *past, *self.constants, *waves)

    def __call__(self, record: SiteRecord) -> np.ndarray:
        """Features of a site as float32, ``[time, feature]``."""
        raw = _raw(record, self.antecedent, self.constants)
        scaled = (raw - np.asarray(self.normalisation.mean)) / np.asarray(self.normalisation.deviation)
        waves = day_of_year_encoding(record.time, self.harmonics)
        return np.concatenate([scaled, waves], axis=1).astype(np.float32)


def feature_count(settings: SurrogateSettings) -> int:
    """Features of a surrogate trained at one site, where no constant varies; parameters come on top."""
    return len(FORCING_FEATURES) + len(ANTECEDENT_NAMES) * settings.antecedent + 2 * settings.harmonics


def site_constants(record: SiteRecord) -> dict[str, float]:
    """Facts of a site that a land model's result depends on, by name.

    The step [h], logs of the reference and canopy heights [m], and 1 or 0 for each stated pathway, plant
    class and soil class.
    """
    site = record.attributes
    return {
        "step": record.step / 3600.0,
        "log_reference_height": float(np.log(site.reference_height)),
        "log_canopy_height": float(np.log(site.canopy_height)),
        "stated_c3": float(site.pathway == "C3"),
        "stated_c4": float(site.pathway == "C4"),
        **{f"class_{name}": float(site.plant_class == name) for name in PLANT_CLASSES},
        **{f"soil_{name}": float(site.soil == name) for name in soil_classes()},
    }


def _raw(record: SiteRecord, antecedent: bool, constants: Sequence[str]) -> np.ndarray:
    columns = {name: np.asarray(record.forcing[name], dtype=np.float64) for name in FORCING_FEATURES}
    columns["precipitation"] = np.log1p(columns["precipitation"] * 3600.0)
    columns["water_input"] = np.log1p(columns["water_input"] * 3600.0)
    facts = site_constants(record)
    length = len(record.time)
    parts = [np.column_stack(list(columns.values()))]
    if antecedent:
        parts.append(antecedent_features(record))
    parts.append(np.broadcast_to([facts[name] for name in constants], (length, len(constants))))
    return np.concatenate(parts, axis=1).astype(np.float32)
