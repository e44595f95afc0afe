"""Writing the report: one self-contained HTML page a site, and an overview for several."""

import os
from pathlib import Path
from typing import Any

import jinja2

from tilth.report.contents import read_run, site_folders
from tilth.report.overview import overview_of
from tilth.report.page import page_of

REPORT = "report.html"
"""Name of the page in the run folder."""


def write_report(folder: Path) -> Path:
    """Writes ``report.html`` from the files of a run folder, and returns its path.

    A folder of several sites (see :mod:`tilth.report.contents`) gets a page for each site in the site's
    folder and an overview with links to them. Raises ``ValueError`` where something needed is missing.
    """
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
