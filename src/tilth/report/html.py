"""Writing the report: one self-contained HTML page a site, and an overview for several."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jinja2

from tilth.evaluation.facts import read_facts
from tilth.report.benchmark_page import benchmark_page
from tilth.report.contents import read_run, site_folders
from tilth.report.overview import overview_of
from tilth.report.page import page_of
from tilth.report.sensitivity import sensitivity_page
from tilth.report.surrogate_audit import surrogate_audit_page
from tilth.report.transfer_page import transfer_page
from tilth.report.unseen_page import unseen_page

REPORT = "report.html"
"""Name of the page in the run folder."""
PAGES: dict[str, tuple[str, Callable[[Path, Mapping[str, Any]], dict[str, Any]]]] = {
    "sensitivity": ("sensitivity.html.j2", sensitivity_page),
    "transfer": ("transfer.html.j2", transfer_page),
    "benchmark": ("sections.html.j2", benchmark_page),
    "unseen-flux": ("sections.html.j2", unseen_page),
    "surrogate-audit": ("surrogate_audit.html.j2", surrogate_audit_page),
}
"""Template of each kind of experiment that has a page of its own, and what gathers the page from its folder
and ``run.json``."""


def kind_of(folder: Path) -> str:
    """The kind of experiment that a folder holds the results of."""
    facts = read_facts(folder / "run.json") if (folder / "run.json").is_file() else {}
    return str((facts.get("options") or {}).get("kind", "calibration"))


def write_report(folder: Path) -> Path:
    """Writes ``report.html`` from the files of a run folder, and returns its path.

    A folder of several sites (see :mod:`tilth.report.contents`) gets a page for each site in the site's
    folder and an overview with links to them; a kind of experiment in :data:`PAGES` has a page of its own.
    Raises ``ValueError`` where something needed is missing.
    """
    if kind_of(folder) in PAGES:
        template, page = PAGES[kind_of(folder)]
        return _write(folder / REPORT, template, page(folder, read_facts(folder / "run.json")))
    sites = site_folders(folder)
    if not sites:
        return _write(folder / REPORT, "site.html.j2", page_of(read_run(folder)))
    runs = [read_run(path) for path in sites]
    for run in runs:
        _write(run.folder / REPORT, "site.html.j2", page_of(run))
    return _write(folder / REPORT, "overview.html.j2", overview_of(folder, runs))


def _write(path: Path, template: str, page: dict[str, Any]) -> Path:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("tilth.report", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    text = environment.get_template(template).render(page)
    partial = path.with_name(path.name + ".part")
    try:
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    return path
