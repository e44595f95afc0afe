"""Pages made of sections with paragraphs, tables and figures: what ``sections.html.j2`` prints."""

import dataclasses
from collections.abc import Sequence

from tilth.report.page_figures import PageFigure
from tilth.report.page_tables import number


@dataclasses.dataclass(frozen=True)
class Verdict:
    """A cell that is judged: its text, better, worse or another word, and a small line below."""

    text: str
    verdict: str
    note: str = ""


@dataclasses.dataclass(frozen=True)
class PageTable:
    """A table with its caption; the first ``words`` columns hold text, ``folded`` hides it at first."""

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[str | Verdict]]
    words: int = 1
    folded: bool = False


@dataclasses.dataclass(frozen=True)
class Section:
    """A section of a page; ``anchor`` is its name in links."""

    anchor: str
    title: str
    paragraphs: Sequence[str] = ()
    tables: Sequence[PageTable] = ()
    figures: Sequence[PageFigure] = ()


def percent(share: float) -> str:
    """A share as a whole percentage."""
    return f"{number(100.0 * share, 0)} %"


def interval(low: float, high: float, digits: int = 1, unit: str = "") -> str:
    """An interval in words, with its unit."""
    return f"{number(low, digits)} to {number(high, digits)}{unit}"
