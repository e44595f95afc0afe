"""One physical parameter: unit, range, scale, defaults and source."""

import dataclasses
from collections.abc import Mapping

PLANT_CLASSES = ("evergreen", "woodland", "grassland", "cultivation")
"""The plant classes of Xie et al. 2025, Table 2."""


@dataclasses.dataclass(frozen=True)
class Parameter:
    """A physical parameter of the land model.

    ``lower``, ``upper`` and the defaults are in ``unit``; ``scale`` is linear or log. ``by_class`` and
    ``by_soil`` hold defaults that depend on the plant class or the soil class; ``value`` the common one.
    ``range_source`` says where the bounds were published; it is empty where they are a judgement.
    """

    name: str
    unit: str
    long_name: str
    lower: float
    upper: float
    process: str
    source: str
    scale: str = "linear"
    range_source: str = ""
    value: float | None = None
    by_class: Mapping[str, float] = dataclasses.field(default_factory=dict, hash=False)
    by_soil: Mapping[str, float] = dataclasses.field(default_factory=dict, hash=False)

    def default(self, plant_class: str, soil: str) -> float:
        """Default value for a plant class and a soil class; ``ValueError`` if there is none."""
        if not self.by_class and not self.by_soil and self.value is not None:
            return self.value
        table, key = (self.by_class, plant_class) if self.by_class else (self.by_soil, soil)
        if key not in table:
            raise ValueError(f"{self.name} has no default for {key!r}: expected one of {sorted(table)}")
        return float(table[key])

    def within(self, lower: float, upper: float) -> "Parameter":
        """The same parameter with narrower bounds; ``ValueError`` unless inside the present ones."""
        if not self.lower <= lower < upper <= self.upper:
            raise ValueError(
                f"bounds of {self.name} must lie inside [{self.lower}, {self.upper}] {self.unit}, "
                f"got [{lower}, {upper}]"
            )
        return dataclasses.replace(self, lower=lower, upper=upper)
