"""What a user may decide about a site instead of its files."""

import dataclasses
from pathlib import Path

from tilth.data.irrigation import parse_irrigation
from tilth.data.longwave import FORMULAS
from tilth.data.site_classes import PLANT_CLASSES
from tilth.parameters.tables import soil_classes

PATHWAYS = ("C3", "C4")


@dataclasses.dataclass(frozen=True)
class SiteOptions:
    """Choices about one site; None leaves a choice to the files, then to the stated default.

    ``lwdown``: the formula for a longwave radiation that no file has (a name in
    :data:`tilth.data.longwave.FORMULAS`). ``lai``: a CSV table of leaf area index used instead of that of the
    file. ``soil``, ``plant_class``, ``pathway``: classes. ``utc_offset`` [h]: the offset from UTC that the
    time stamps shall follow; they are shifted by its difference from the audited one. ``canopy_height`` and
    ``reference_height`` [m]. ``irrigation``: water added evenly over given months, as ``"4@5-9"``
    [mm day-1 @ first-last month].
    """

    lwdown: str | None = None
    lai: Path | None = None
    soil: str | None = None
    plant_class: str | None = None
    pathway: str | None = None
    utc_offset: float | None = None
    canopy_height: float | None = None
    reference_height: float | None = None
    irrigation: str | None = None

    def __post_init__(self) -> None:
        problems = []
        for name, allowed in (
            ("lwdown", tuple(FORMULAS)),
            ("soil", soil_classes()),
            ("plant_class", PLANT_CLASSES),
            ("pathway", PATHWAYS),
        ):
            value = getattr(self, name)
            if value is not None and value not in allowed:
                problems.append(f"{name} must be one of {', '.join(allowed)}, got {value!r}")
        if self.utc_offset is not None and not (
            -12.0 <= self.utc_offset <= 14.0 and (2.0 * self.utc_offset).is_integer()
        ):
            problems.append(
                f"utc_offset must be a multiple of half an hour from -12 to 14 h, got {self.utc_offset}"
            )
        for name in ("canopy_height", "reference_height"):
            height = getattr(self, name)
            if height is not None and not 0.0 < height <= 200.0:
                problems.append(f"{name} must lie above 0 and up to 200 m, got {height}")
        if self.irrigation is not None:
            try:
                parse_irrigation(self.irrigation)
            except ValueError as error:
                problems.append(str(error))
        if problems:
            raise ValueError("; ".join(problems))
