"""What is in a site's files, as text for a screen or as JSON."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tilth.data.check import inspect_site
from tilth.data.options import SiteOptions


class Checked(NamedTuple):
    """The text of a check, and why the reader refuses the files (None where it takes them)."""

    text: str
    refused: str | None


def check(files: Sequence[Path], options: SiteOptions, *, as_json: bool = False) -> Checked:
    """Inspects the files of a site; nothing about them is an exception."""
    report = inspect_site(files, options)
    text = (
        json.dumps(report.to_dict(), indent=2, ensure_ascii=False) if as_json else "\n".join(report.lines())
    )
    return Checked(text, report.refused)
