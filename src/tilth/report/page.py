"""Everything the page of one site shows, gathered for its template."""

from collections.abc import Mapping
from typing import Any

from tilth.evaluation.aggregation import RESOLUTIONS
from tilth.evaluation.alma import alma_variable
from tilth.evaluation.scores import JUDGED
from tilth.report import page_figures, page_tables
from tilth.report.contents import RunContents
from tilth.report.figures_energy import closures
from tilth.report.verdict import SPLIT_WORDS, TARGETS, Gain, gains, headline, worsened_guards

OTHERS = tuple(name for name in JUDGED if name not in TARGETS)
"""Variables that are not calibrated on and shown before and after wherever observed."""

_LEVELS = ("error", "warning", "info")
_NAMES = {"lwdown": "LWdown", "lai": "LAI", "co2": "CO2", "swdown": "SWdown"}


def page_of(contents: RunContents) -> dict[str, Any]:
    """Names and values that ``site.html.j2`` prints."""
    simulation = contents.simulation
    targets = contents.observed_variables(TARGETS)
    others = contents.observed_variables(OTHERS)
    found = gains(simulation, [*targets, *others]) if contents.calibrated else []
    closure = closures(simulation)
    facts = contents.facts
    return {
        "site": contents.site,
        "kicker": _kicker(contents),
        "calibrated": contents.calibrated,
        "headline": headline(contents, found),
        "cards": [_card(gain) for gain in sorted(found, key=_heldout_first) if gain.variable in targets],
        "guards": [gain.sentence for gain in worsened_guards(found)],
        "site_rows": site_rows(facts),
        "findings": sorted(facts.get("findings") or [], key=_by_severity),
        "notes": facts.get("notes") or [],
        "targets": targets,
        "others": others,
        "scores": page_tables.score_rows(contents.scores, [*targets, *others], ("native",)),
        "resolutions": page_tables.score_rows(contents.scores, [*targets, *others], RESOLUTIONS[1:]),
        "site_defaults": "default_site" in simulation.runs,
        "several_targets": contents.scores["target"].nunique() > 1,
        "intervals": page_tables.interval_rows(found),
        "peers": page_tables.peer_rows(contents.scores, contents.peers, targets),
        "series": [figure for name in targets for figure in page_figures.series_figures(simulation, name)],
        "taylor": page_figures.taylor_figures(simulation, targets) if targets else [],
        "other_figures": [
            figure for name in others for figure in page_figures.agreement_figures(simulation, name)
        ],
        "parameter_figures": page_figures.parameter_figures(contents),
        "parameters": []
        if contents.parameters is None
        else page_tables.parameter_table_rows(contents.parameters),
        "at_bound": page_figures.parameters_at_bound(contents),
        "learning": page_figures.learning_figures(contents),
        "closure": page_tables.closure_rows(closure),
        "closure_figures": page_figures.closure_figures(simulation),
        "ground_heat_assumed": "observed" in closure and closure["observed"].ground_heat_assumed,
        "tower_half": page_tables.number(closure["observed"].half_residual_rms)
        if "observed" in closure
        else None,
        "unconverged": _unconverged(contents),
        "conventions": [alma_variable(name) for name in (*TARGETS, *OTHERS)],
        "provenance": provenance_rows(facts),
        "files": facts.get("files") or {},
        "sources": [(_NAMES.get(key, key.replace("_", " ")), text) for key, text in _sources(facts)],
    }


def site_rows(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Facts of the site as pairs of name and text; what is not known is left out."""
    site = facts["site"]
    rows = [
        ("Plant class", " / ".join(str(site[key]) for key in ("plant_class", "igbp") if site.get(key))),
        ("Location", _location(site)),
        ("Clock", _with_unit(site, "utc_offset", "h from UTC")),
        ("Elevation", _with_unit(site, "elevation", "m")),
        ("Canopy height", _with_unit(site, "canopy_height", "m")),
        ("Reference height", _with_unit(site, "reference_height", "m")),
        ("Soil", site.get("soil") or ""),
        ("Photosynthesis", site.get("pathway") or ""),
        ("Record", _period(site)),
        ("Step", f"{site['step'] / 60:g} min" if site.get("step") else ""),
        (
            "Forcing in range",
            f"{100 * site['forcing_in_range']:.1f} % of the steps" if site.get("forcing_in_range") else "",
        ),
        ("Scored steps", _scored_steps(site)),
    ]
    return [(name, text) for name, text in rows if text]


def provenance_rows(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """How the run was made, as pairs of name and text."""
    rows = [
        (name.capitalize(), facts.get(name)) for name in ("command", "created", "method", "preset", "target")
    ]
    rows += [(name.capitalize(), facts.get(name)) for name in ("defaults", "seed", "dtype")]
    rows += [(f"Version of {name}", text) for name, text in (facts.get("versions") or {}).items()]
    rows += [(f"Option {name}", text) for name, text in (facts.get("options") or {}).items()]
    rows += [
        (f"Time for {name}", f"{seconds:.0f} s") for name, seconds in (facts.get("seconds") or {}).items()
    ]
    return [(name, str(text)) for name, text in rows if text is not None]


def _card(gain: Gain) -> dict[str, str]:
    unit = alma_variable(gain.variable)
    compared = gain.comparison
    interval = "no interval: record too short"
    if compared is not None:
        low, high = (page_tables.number(100 * end, 0) for end in compared.relative_rmse.interval_90)
        interval = f"90 % interval {low} to {high} %"
    return {
        "title": f"{gain.variable}, {SPLIT_WORDS[gain.split]}",
        "before": page_tables.number(gain.rmse_before),
        "after": page_tables.number(gain.rmse_after),
        "unit": unit.short,
        "gain": f"{page_tables.number(100 * gain.relative, 0)} %",
        "interval": interval,
        "verdict": gain.verdict,
        "detail": f"r {gain.r_before:.2f} → {gain.r_after:.2f}, n = {gain.n}",
    }


def _kicker(contents: RunContents) -> str:
    """Class, method and period in one line."""
    facts = contents.facts
    preset = f" (preset {facts['preset']})" if facts.get("preset") else ""
    method = f"calibrated by {facts['method']}{preset}" if contents.calibrated else "default parameters"
    parts = (facts["site"]["plant_class"], method, _period(facts["site"]))
    return " · ".join(part for part in parts if part)


def _sources(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(str(key), str(text)) for key, text in (facts.get("sources") or {}).items()]


def _by_severity(finding: Mapping[str, str]) -> int:
    return _LEVELS.index(finding["level"]) if finding["level"] in _LEVELS else len(_LEVELS)


def _scored_steps(site: Mapping[str, Any]) -> str:
    scored = site.get("scored") or {}
    return ", ".join(f"{name} {scored[name]}" for name in (*TARGETS, *OTHERS) if scored.get(name))


def _heldout_first(gain: Gain) -> bool:
    return gain.split != "heldout"


def _unconverged(contents: RunContents) -> dict[str, int]:
    """Number of steps of each run whose energy balance was not solved, where the run says so."""
    counts = {str(run): int(n) for run, n in (contents.facts.get("unconverged") or {}).items()}
    for run, outputs in contents.simulation.runs.items():
        if "converged" in outputs:
            counts[run] = int((outputs["converged"] < 0.5).sum())
    return counts


def _location(site: Mapping[str, Any]) -> str:
    if site.get("latitude") is None or site.get("longitude") is None:
        return ""
    north, east = float(site["latitude"]), float(site["longitude"])
    return f"{abs(north):.3f}° {'N' if north >= 0 else 'S'}, {abs(east):.3f}° {'E' if east >= 0 else 'W'}"


def _period(site: Mapping[str, Any]) -> str:
    if not (site.get("period_start") and site.get("period_end")):
        return ""
    return f"{site['period_start'][:10]} to {site['period_end'][:10]}"


def _with_unit(site: Mapping[str, Any], key: str, unit: str) -> str:
    return "" if site.get(key) is None else f"{float(site[key]):g} {unit}".replace("-", "−")
