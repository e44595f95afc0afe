"""Quality classes from a file's own description of its flags.

Descriptions come in three styles: ``label: code, label: code`` (PLUMBER2 from FLUXNET and OzFlux),
``code = label; code = label`` and ``code label, code label`` (``1..`` meaning 1 and above). Each label is
read for what it says of the value. Where a file describes no flags, values are UNKNOWN.
"""

import re

import numpy as np

from tilth.data.containers import FILLED, MEASURED, MISSING, UNKNOWN

CLASS_NAMES = {MEASURED: "measured", FILLED: "filled", UNKNOWN: "unknown", MISSING: "missing"}

WORDS: tuple[tuple[int, str], ...] = (
    (MISSING, r"not filled|filter"),
    (FILLED, r"not ok|fill|\bera\b|statistical|poor|medium|climatolog|interpolat"),
    (MISSING, r"missing|range check|diagnostic|excluded|diurnal sd|coordination|\bbad\b|mask"),
    (UNKNOWN, r"post-processed"),
    (MEASURED, r"measured|\bok\b|correction|original|observed"),
)
"""What words in a label mean, the first that matches counting."""

OZFLUX_LINEAR = 10
"""OzFlux code of a linear correction applied to a measurement, used by files that do not list it
(Isaac et al. 2017, doi:10.5194/bg-14-2903-2017)."""


def class_of_label(label: str) -> int:
    """Quality class that a flag's label speaks of."""
    for quality, pattern in WORDS:
        if re.search(pattern, label.lower()):
            return quality
    return UNKNOWN


def described_codes(description: str) -> tuple[dict[int, int], int | None]:
    """Quality class of each code a description lists, and the code from which on all are filled, if any."""
    if re.search(r"\d\s*=\s*[^\s\d]", description) and ";" in description:
        pairs = [(int(code), label) for code, label in re.findall(r"(\d+)\s*=\s*([^;]+)", description)]
    elif re.search(r":\s*\d+\s*(,|$)", description):
        pairs = [(int(code), label) for label, code in re.findall(r"(\S.*?):\s*(\d+)\s*(?:,|$)", description)]
    else:
        pairs = [
            (int(code), label)
            for code, label in re.findall(r"(?:^|[,;:])\s*(\d+)(?:\.\.)?\s+([A-Za-z][^,;]*)", description)
        ]
    onwards = re.search(r"(\d+)\.\.", description)
    codes = {code: class_of_label(label) for code, label in pairs}
    if "CSAT" in description or "OzFlux" in description:
        codes.setdefault(OZFLUX_LINEAR, MEASURED)
    return codes, int(onwards.group(1)) if onwards else None


def quality_classes(values: np.ndarray, flags: np.ndarray | None, description: str) -> np.ndarray:
    """Class of each value from its flag and the file's description of the codes.

    NaN values are MISSING; values without a flag or with a code that is not described are UNKNOWN.
    """
    classes = np.full(values.shape, UNKNOWN, dtype=np.int8)
    if flags is not None and description:
        codes, onwards = described_codes(description)
        for code in np.unique(flags[np.isfinite(flags)]):
            filled = onwards is not None and code >= onwards
            classes[flags == code] = FILLED if filled else codes.get(int(code), UNKNOWN)
    classes[~np.isfinite(values)] = MISSING
    return classes
