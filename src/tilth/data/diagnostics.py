"""Everything suspicious in a joined record, each a finding with its numbers."""

from collections.abc import Iterator

import numpy as np

from tilth.data.balance import trusted
from tilth.data.containers import MEASURED, Finding
from tilth.data.flux_signs import coverage_findings, energy_findings, water_findings
from tilth.data.forcing_signs import (
    derived_unit_findings,
    humidity_findings,
    rain_findings,
    range_findings,
    synthetic_findings,
)
from tilth.data.joined import FLUXES, JoinedTower
from tilth.data.ranges import FORCING_OF
from tilth.data.runs import longest_run, repeated_share
from tilth.data.screening import HANGING

STUCK_HOURS = 24.0


def run_findings(tower: JoinedTower) -> Iterator[Finding]:
    """Values that stand still for a day or more, and fluxes that repeat the value before."""
    for name in (*FORCING_OF, "Qle", "Qh", "Rnet", "Qg", "NEE"):
        if name not in tower.met and name not in tower.flux:
            continue
        values = tower.get(name)
        distinct = len(np.unique(values[np.isfinite(values)]))
        if name == "Psurf" and distinct < max(len(values) // 200, 20):
            yield Finding("info", "runs", f"{name} has {distinct} distinct values: made up, not measured")
            continue
        run = longest_run(values, ignore_zero=name in ("Precip", "SWdown"))
        dropped = name in HANGING and run.value != 0.0
        if run.length * tower.step >= STUCK_HOURS * 3600.0 and not dropped:
            flagged = ", though flagged measured" if tower.quality[name][run.start] == MEASURED else ""
            yield Finding(
                "warning",
                "runs",
                f"{name} = {run.value:.4g} for {run.length} steps in a row "
                f"from {tower.time[run.start]}{flagged}",
            )
    for name in FLUXES:
        if name in tower.flux:
            share = repeated_share(tower.flux[name], trusted(tower, name))
            if share > 0.05:
                yield Finding(
                    "warning", "runs", f"{100 * share:.0f} % of the measured {name} repeat the value before"
                )


def note_findings(tower: JoinedTower) -> Iterator[Finding]:
    """What the files themselves warn of."""
    for key, text in tower.attributes.items():
        if key.endswith("_note") and text:
            yield Finding("info", "file", f"{key.removesuffix('_note')}: {text}")


def height_findings(tower: JoinedTower) -> Iterator[Finding]:
    """A reference height within the canopy."""
    reference, canopy = tower.scalars.get("reference_height"), tower.scalars.get("canopy_height")
    if reference is not None and canopy is not None and reference <= canopy:
        yield Finding(
            "warning",
            "attributes",
            f"the reference height {reference:g} m is not above the canopy of {canopy:g} m",
        )


def diagnose(tower: JoinedTower) -> list[Finding]:
    """Everything suspicious in a joined record, errors first."""
    sources = (
        humidity_findings,
        rain_findings,
        range_findings,
        run_findings,
        synthetic_findings,
        coverage_findings,
        energy_findings,
        water_findings,
        derived_unit_findings,
        height_findings,
        note_findings,
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        return [finding for source in sources for finding in source(tower)]
