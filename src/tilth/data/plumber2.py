"""The reader of PLUMBER2 files: any number of Met and Flux files of one site become one record.

Everything is decided here once: what is out of range counts as a gap, short gaps are interpolated and long
ones driven by the site's climatology and masked, missing facts take the options' value or a stated default,
and every decision is a finding or a source of the record.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tilth.data.co2 import screened
from tilth.data.containers import MISSING, Attributes, Finding, Observation, SiteRecord
from tilth.data.diagnostics import diagnose
from tilth.data.gaps import Filled, fill, usable_steps
from tilth.data.irrigation import water_input
from tilth.data.joined import FLUXES, JoinedTower, read_joined
from tilth.data.leaf_area import leaf_area_index
from tilth.data.longwave import FORMULAS, daily_clearness, longwave_down
from tilth.data.options import SiteOptions
from tilth.data.ranges import FORCING_OF
from tilth.data.screening import flux_series, forcing_series
from tilth.data.site_classes import (
    CLASS_OF_IGBP,
    DEFAULT_CANOPY_HEIGHT,
    IGBP_OF_CLASS,
    plant_class,
    reference_height,
)
from tilth.data.site_clock import SiteClock, site_clock
from tilth.data.soil import soil_class
from tilth.data.solar import cos_zenith, extraterrestrial_radiation

NO_LONGWAVE = (
    "{name}: expected LWdown in a Met file, got none: choose a formula for it with --lwdown ({formulas})"
)


DEFAULT_OPTIONS = SiteOptions()
"""Everything left to the files and the stated defaults."""


def _with_longwave(
    tower: JoinedTower, series: dict[str, np.ndarray], clock: SiteClock, options: SiteOptions
) -> tuple[dict[str, np.ndarray], str]:
    """The forcings with longwave radiation, by the formula asked for where the files have none."""
    if "LWdown" in series and np.isfinite(series["LWdown"]).any():
        return series, "file"
    if options.lwdown is None:
        raise ValueError(NO_LONGWAVE.format(name=tower.name, formulas=", ".join(FORMULAS)))
    sun = extraterrestrial_radiation(
        clock.time,
        tower.step,
        latitude=tower.scalars["latitude"],
        longitude=tower.scalars["longitude"],
        utc_offset=clock.utc_offset,
    )
    shortwave = fill(tower.time, series["SWdown"], tower.step, segment=tower.segment).values
    clearness = daily_clearness(clock.time, shortwave, sun, tower.scalars.get("elevation", np.nan))
    longwave = longwave_down(
        options.lwdown, series["Qair"], series["Tair"], pressure=series["Psurf"], clearness=clearness
    )
    return series | {"LWdown": longwave}, f"formula {options.lwdown}: {FORMULAS[options.lwdown][1]}"


def _refuse_incomplete(tower: JoinedTower, series: dict[str, np.ndarray]) -> None:
    """Refuses a record without coordinates or without a forcing that cannot be made up."""
    absent = [
        name
        for name in FORCING_OF
        if name != "LWdown" and not (name in series and np.isfinite(series[name]).any())
    ]
    if absent:
        raise ValueError(
            f"{tower.name}: expected {', '.join(FORCING_OF)} with values in physical range in the Met files, "
            f"got no {', '.join(absent)}: give Met files that have them"
        )
    for name in ("latitude", "longitude"):
        if name not in tower.scalars:
            raise ValueError(f"{tower.name}: expected a variable {name!r}, got none: add it to the Met file")


def _observations(tower: JoinedTower) -> tuple[dict[str, Observation], list[Finding]]:
    """The observed fluxes with classes and uncertainty; refuses Flux files without any flux."""
    series, findings = flux_series(tower)
    if not series:
        return {}, findings
    if not any(name in series for name in FLUXES):
        raise ValueError(
            f"{tower.name}: expected Qle or Qh in the Flux files, got {', '.join(series)}: "
            "give Flux files that have them"
        )
    if not any(np.isfinite(series[name]).any() for name in FLUXES if name in series):
        raise ValueError(
            f"{tower.name}: expected observations of Qle or Qh within the Met files, got none that is finite "
            "and in physical range: give other Flux files, or the Met files alone to simulate"
        )
    observations = {}
    for name, values in series.items():
        quality = np.where(np.isfinite(values), tower.quality[name], MISSING).astype(np.int8)
        uncertainty = tower.flux.get(f"{name}_uc")
        if uncertainty is not None:
            uncertainty = np.where(uncertainty > 0.0, uncertainty, np.nan)
        observations[name] = Observation(values, quality, uncertainty)
    return observations, findings


def _gap_findings(filled: dict[str, Filled], usable: np.ndarray) -> list[Finding]:
    """What was interpolated, driven by the climatology and masked."""
    findings = []
    for topic, attribute in (
        ("interpolated", "interpolated"),
        ("driven by the month × hour mean", "climatology"),
    ):
        shares = {name: 100.0 * float(getattr(one, attribute).mean()) for name, one in filled.items()}
        listed = ", ".join(f"{name} {share:.2g} %" for name, share in shares.items() if share > 0.0)
        if listed:
            findings.append(Finding("info", "gaps", f"forcing {topic}: {listed}"))
    if not usable.all():
        share = 100.0 * float(np.mean(~usable))
        findings.append(
            Finding(
                "warning" if share > 20.0 else "info",
                "gaps",
                f"{share:.1f} % of the steps are masked: long gaps of forcing and 30 days after each",
            )
        )
    return findings


def _attributes(
    tower: JoinedTower, clock: SiteClock, options: SiteOptions
) -> tuple[Attributes, dict[str, str]]:
    """The facts of a site and where each came from."""
    group, class_source = plant_class(tower.igbp, options.plant_class)
    if options.canopy_height is not None:
        canopy, canopy_source = options.canopy_height, "option --canopy-height"
    elif tower.scalars.get("canopy_height", 0.0) > 0.0:
        canopy, canopy_source = tower.scalars["canopy_height"], "file"
    else:
        canopy, canopy_source = DEFAULT_CANOPY_HEIGHT[group], f"default of {group} (SiB2)"
    height, height_source = reference_height(
        tower.scalars.get("reference_height"), options.reference_height, canopy
    )
    soil, soil_source = soil_class(tower.attributes, options.soil)
    attributes = Attributes(
        name=tower.name,
        latitude=tower.scalars["latitude"],
        longitude=tower.scalars["longitude"],
        utc_offset=clock.utc_offset,
        igbp=tower.igbp,
        plant_class=group,
        canopy_height=canopy,
        reference_height=height,
        soil=soil,
        elevation=tower.scalars.get("elevation", float("nan")),
        pathway=options.pathway,
    )
    sources = {
        "plant_class": class_source,
        "canopy_height": canopy_source,
        "reference_height": height_source,
        "soil": soil_source,
        "clock": clock.source,
        "pathway": "option --pathway" if options.pathway else f"default of {group}",
    }
    return attributes, sources


def _forcing(
    tower: JoinedTower, filled: dict[str, Filled], clock: SiteClock, options: SiteOptions
) -> tuple[dict[str, np.ndarray], dict[str, str], list[Finding]]:
    """The complete forcing by the names of the package, its sources and findings."""
    findings = []
    latitude = tower.scalars["latitude"]
    forcing = {FORCING_OF[name]: one.values for name, one in filled.items()}
    forcing["co2"], co2_source, lie = screened(
        clock.time, tower.met.get("CO2air"), forcing["air_temperature"], forcing["surface_pressure"]
    )
    if lie is not None:
        findings.append(Finding("warning", "units", f"CO2air says ppm and holds {lie}: converted"))
    group, _ = plant_class(tower.igbp, options.plant_class)
    forcing["leaf_area_index"], lai_source = leaf_area_index(
        clock.time,
        tower.met.get("LAI"),
        tower.step,
        segment=tower.segment,
        igbp=tower.igbp if tower.igbp in CLASS_OF_IGBP else IGBP_OF_CLASS[group],
        latitude=latitude,
        table=options.lai,
    )
    forcing["cos_zenith"] = cos_zenith(
        clock.time,
        tower.step,
        latitude=latitude,
        longitude=tower.scalars["longitude"],
        utc_offset=clock.utc_offset,
    )
    forcing["water_input"] = water_input(clock.time, options.irrigation)
    sources = {
        "co2": co2_source,
        "lai": lai_source,
        "irrigation": f"option --irrigation {options.irrigation}" if options.irrigation else "none",
    }
    return forcing, sources, findings


def record_of(tower: JoinedTower, options: SiteOptions = DEFAULT_OPTIONS) -> SiteRecord:
    """The record of a joined tower: screened, filled, with its attributes, sources and findings."""
    series = forcing_series(tower)
    _refuse_incomplete(tower, series)
    clock = site_clock(tower, series["SWdown"], options)
    series, longwave_source = _with_longwave(tower, series, clock, options)
    in_range = np.logical_and.reduce([np.isfinite(series[name]) for name in FORCING_OF])
    filled = {
        name: fill(tower.time, series[name], tower.step, segment=tower.segment, rain=name == "Precip")
        for name in FORCING_OF
    }
    usable = usable_steps({name: one.climatology for name, one in filled.items()}, tower.step, tower.segment)
    attributes, sources = _attributes(tower, clock, options)
    forcing, forcing_sources, forcing_findings = _forcing(tower, filled, clock, options)
    observations, flux_findings = _observations(tower)
    return SiteRecord(
        attributes=attributes,
        time=clock.time,
        step=tower.step,
        forcing=forcing,
        forcing_in_range=in_range,
        usable=usable,
        segment=tower.segment,
        observations=observations,
        findings=(
            *tower.findings,
            *clock.findings,
            *forcing_findings,
            *_gap_findings(filled, usable),
            *flux_findings,
            *diagnose(tower),
        ),
        sources={"lwdown": longwave_source, **sources, **forcing_sources},
        files=dict(tower.files),
    )


def read_site(files: Sequence[Path], options: SiteOptions = DEFAULT_OPTIONS) -> SiteRecord:
    """The record of one site from any number of its Met and Flux files.

    Met files alone give a record without observations. Raises ValueError with what was expected, what came
    and what to do for anything that is no such set of files.
    """
    return record_of(read_joined([Path(file) for file in files]), options)
