"""The clock of a site as it is used, by the rule of :mod:`tilth.data.clock`."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from tilth.data.clock import ClockAudit, audit_clock, nearest_offset, stated_offset
from tilth.data.containers import Finding
from tilth.data.joined import JoinedTower
from tilth.data.options import SiteOptions


@dataclasses.dataclass(frozen=True)
class SiteClock:
    """A clock as it is used: time stamps, the offset from UTC they follow [h], and what was found."""

    time: np.ndarray
    utc_offset: float
    source: str
    findings: Sequence[Finding]


def site_clock(tower: JoinedTower, shortwave: np.ndarray, options: SiteOptions) -> SiteClock:
    """The clock of a site by the rule of :mod:`tilth.data.clock`."""
    longitude = tower.scalars["longitude"]
    audit = audit_clock(
        tower.time, shortwave, tower.step, latitude=tower.scalars["latitude"], longitude=longitude
    )
    stated = stated_offset(tower.attributes)
    if audit.confident:
        offset, source = audit.offset, f"audited against the sun (estimate {audit.estimate:+.2f} h)"
    elif stated is not None:
        offset, source = stated, "stated by the file; the sun could not tell"
    else:
        offset, source = nearest_offset(longitude / 15.0), "longitude; the sun could not tell"
    findings = _clock_findings(audit, stated, longitude)
    if options.utc_offset is None or options.utc_offset == offset:
        return SiteClock(tower.time, offset, source, findings)
    if not audit.confident:
        return SiteClock(tower.time, options.utc_offset, "option --utc-offset", findings)
    shift = options.utc_offset - offset
    moved = tower.time + np.timedelta64(round(shift * 3600.0), "s")
    findings.append(Finding("info", "clock", f"time stamps shifted by {shift:+g} h as --utc-offset asks"))
    return SiteClock(
        moved, options.utc_offset, f"option --utc-offset, stamps shifted by {shift:+g} h", findings
    )


def _clock_findings(audit: ClockAudit, stated: float | None, longitude: float) -> list[Finding]:
    """What a person should know of a clock."""
    if not audit.confident:
        return [Finding("warning", "clock", "the sun cannot tell the offset of the clock from UTC")]
    findings = [
        Finding("info", "clock", f"stamps follow UTC{audit.offset:+g} (estimate {audit.estimate:+.2f} h)")
    ]
    if stated is not None and abs(stated - audit.estimate) > 0.5:
        findings.append(
            Finding(
                "warning",
                "clock",
                f"the file says UTC{stated:+g}, the sun UTC{audit.offset:+g}: --utc-offset corrects",
            )
        )
    elif abs(audit.estimate - longitude / 15.0) > 1.5:
        findings.append(
            Finding(
                "warning",
                "clock",
                f"UTC{audit.offset:+g} is far from UTC{longitude / 15.0:+.1f} of the longitude: check it",
            )
        )
    return findings
