"""Fluxes of other land models from netCDF files with ALMA names, brought onto the clock of a site."""

from pathlib import Path

import numpy as np

from tilth.data.containers import SiteRecord
from tilth.data.tower_file import read_tower_file
from tilth.data.units import conversion

COMPARED = ("Qle", "Qh")
"""The fluxes that are read."""


def model_series(path: Path, record: SiteRecord) -> dict[str, np.ndarray]:
    """Qle and Qh [W m-2] of a land model on the clock of ``record``, NaN where the file has no step.

    Expected: one point, both fluxes under their ALMA names with a unit, positive up, and a variable ``time``
    with the starts of the steps in local standard time, as in the forcing files, of the same step as the
    record. Raises ``ValueError`` for anything else, and where no step of the record is in the file.
    """
    file = read_tower_file(path)
    missing = [name for name in COMPARED if name not in file.values]
    if missing:
        raise ValueError(
            f"{path.name}: expected the fluxes {' and '.join(COMPARED)} of a land model under their ALMA "
            f"names, got no {' and no '.join(missing)}: rename the variables of the file"
        )
    site = record.attributes.name
    if file.step != record.step:
        raise ValueError(
            f"{path.name}: expected steps of {record.step / 60:g} minutes as in the record of {site}, got "
            f"{file.step / 60:g} minutes: write the model's output at the step of the forcing"
        )
    place = np.searchsorted(file.time, record.time).clip(max=len(file.time) - 1)
    found = file.time[place] == record.time
    if not found.any():
        raise ValueError(
            f"{path.name}: expected steps that start as those of {site} ({record.time[0]} to "
            f"{record.time[-1]}), got {file.time[0]} to {file.time[-1]}: give the file of this site, with "
            "the starts of its steps in local standard time"
        )
    series = {}
    for name in COMPARED:
        factor, offset = conversion(name, file.units[name])
        series[name] = np.where(found, factor * file.values[name][place] + offset, np.nan)
    return series
