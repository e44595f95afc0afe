"""The soil class of a site: option, what the file says of its soil, or loam."""

import re
from collections.abc import Mapping

from tilth.parameters.tables import soil_classes

DEFAULT_SOIL = "loam"
WORDS: tuple[tuple[str, str], ...] = (
    ("organic", r"peat|organic soil|histosol"),
    ("sandy_loam", r"sandy loam"),
    ("clay_loam", r"clay loam"),
    ("sand", r"loamy sand|\bsand\b"),
    ("clay", r"(?:sandy|silty) clay\b|\bclay\b"),
    ("loam", r"silt loam|\bloam\b|\bsilt\b"),
)
"""Words for each soil class, the more telling first."""


def soil_class(attributes: Mapping[str, str], chosen: str | None) -> tuple[str, str]:
    """Soil class of a site and where it came from."""
    if chosen is not None:
        return chosen, "option --soil"
    for name in ("soil", "soil_type", "soil_texture"):
        text = attributes.get(name, "").lower()
        for soil, pattern in WORDS:
            found = re.search(pattern, text)
            if found and soil in soil_classes():
                return soil, f"file ({name}: {found.group(0)})"
    return DEFAULT_SOIL, f"default {DEFAULT_SOIL}"
