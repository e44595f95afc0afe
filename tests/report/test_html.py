import html.parser
import json
import re

import pandas as pd
import pytest

from made_up_run import write_made_up_run
from tilth.evaluation.facts import read_facts, write_facts
from tilth.report.html import write_report


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_made_up_run(tmp_path_factory.mktemp("run"), days=200)


@pytest.fixture(scope="module")
def page(folder):
    return write_report(folder).read_text(encoding="utf-8")


class Outline(html.parser.HTMLParser):
    """Collects what a page refers to and checks that its elements nest."""

    EMPTY = ("meta", "img", "br")

    def __init__(self, text):
        super().__init__()
        self.open, self.images, self.links, self.tags = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags.append(tag)
        if tag == "img":
            self.images.append(attributes)
        if tag == "a":
            self.links.append(attributes["href"])
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_page_is_whole_and_self_contained(page):
    outline = Outline(page)
    assert outline.open == []
    assert not {"script", "link", "iframe"} & set(outline.tags)
    assert all(image["src"].startswith("data:image/") for image in outline.images)
    assert all(link.startswith("#") for link in outline.links)
    assert "url(" not in page and "@import" not in page
    assert {link[1:] for link in outline.links} <= set(re.findall(r'id="(\w+)"', page))


def test_every_figure_is_there_and_described(page):
    alts = [image["alt"] for image in Outline(page).images]
    assert len(alts) == len(set(alts)) == 18
    for words in (
        "Daily means of latent heat flux",
        "Two weeks of sensible heat flux",
        "Mean diurnal cycle of net radiation",
        "Mean diurnal cycle of ground heat flux",
        "Simulated against observed latent heat flux",
        "Taylor diagram of Qle, Qh, held-out part",
        "between its bounds; at a bound: vgcov",
        "Loss during the stage direct",
        "Surrogate against land model for Qle",
        "Measured turbulent fluxes against measured available energy",
    ):
        assert any(words in alt for alt in alts), words


def test_page_says_what_was_found(page, folder):
    text = " ".join(re.sub(r"<style>.*?</style>|<[^>]+>", " ", page, flags=re.S).split())
    assert "Calibration lowers the error of Qle and Qh on the part of the record it did not see." in text
    scores = pd.read_csv(folder / "scores.csv")
    row = scores.query(
        "method == 'direct' and variable == 'Qle' and split == 'heldout' and resolution == 'native'"
    )
    before, after = row.set_index("run").loc[["default", "calibrated"], "rmse"]
    assert f"{before:.1f} → {after:.1f} W m⁻²" in text
    for words in (
        "evaporation 408 mm of 333 mm rain",
        "At a bound: vgcov .",
        "3km27 held-out part",
        "jules whole record 37.3 56.5",
        "½ RMS of the measured residual",
        "LWdown file",
        "Command tilth calibrate XX-Tst_Met.nc",
        "XX-Tst_Met.nc " + "0" * 64,
        "Qg ground heat flux W m⁻² down",
    ):
        assert words in text, words
    assert not re.search(r"\b(nan|None)\b", text)


def test_the_same_files_give_the_same_page(page, folder):
    assert write_report(folder).read_text(encoding="utf-8") == page
    assert not list(folder.glob("*.part"))


def test_default_parameters_alone_and_text_of_the_user_escaped(tmp_path):
    folder = write_made_up_run(tmp_path / "run", calibrated=False, days=60)
    (folder / "parameters.csv").unlink()
    facts = read_facts(folder / "run.json")
    write_facts(folder / "run.json", {**facts, "notes": ["<script>alert(1)</script>"]})
    page = write_report(folder).read_text(encoding="utf-8")
    headline = r"nothing calibrated: RMSE [\d.]+ W m⁻² for Qle and [\d.]+ W m⁻² for Qh over the whole record"
    assert re.search(headline, page)
    assert "Scores of the default parameters" in page
    assert "before and after" not in page
    assert "defaults<br>of the site" in page
    assert "<script>" not in page and "&lt;script&gt;" in page
    assert Outline(page).open == []


@pytest.fixture
def few_figures(monkeypatch):
    """Pages of sites without the figures that take longest to draw; other tests look at those."""
    for name in ("series_figures", "agreement_figures"):
        monkeypatch.setattr(f"tilth.report.page_figures.{name}", lambda *given: [])


def test_several_sites(tmp_path, few_figures):
    for number, name in enumerate(("AA-One", "BB-Two")):
        folder = write_made_up_run(tmp_path / "sites" / name, days=60, seed=number)
        facts = read_facts(folder / "run.json")
        facts["site"]["name"] = name
        write_facts(folder / "run.json", facts)
    (tmp_path / "run.json").write_text(json.dumps({"name": "two towers", "kept_out_of_means": ["BB-Two"]}))
    page = write_report(tmp_path).read_text(encoding="utf-8")
    outline = Outline(page)
    assert outline.open == []
    assert outline.links == ["sites/AA-One/report.html", "sites/BB-Two/report.html"]
    assert all((tmp_path / link).is_file() for link in outline.links)
    assert "Kept out of the means: BB-Two." in page
    assert "Mean over 1" in page
    alts = [image["alt"] for image in outline.images]
    assert [alt for alt in alts if alt.startswith("RMSE of")] == alts[:2]
    assert any("Taylor diagrams of default and direct runs by plant class" in alt for alt in alts)
    assert len(alts) == 3  # no distribution over the one site that counts
    for words in ("direct, held-out part, mean over 1 sites: RMSE of Qle falls by", "ΔR", "Published"):
        assert words in page
    assert "At a bound" in page and "Within classes" in page


def test_methods_are_not_mixed_in_means(tmp_path, few_figures):
    for name, method in (("AA-One", "direct"), ("AA-Two", "mdpl"), ("BB-One", "direct"), ("BB-Two", "mdpl")):
        folder = write_made_up_run(tmp_path / "sites" / name, days=60, seed=len(name) + ord(name[0]))
        facts = read_facts(folder / "run.json")
        facts["site"]["name"], facts["method"] = name[:2], method
        write_facts(folder / "run.json", facts)
        for table in ("scores.csv", "parameters.csv"):
            text = (folder / table).read_text().replace("direct", method)
            (folder / table).write_text(text)
    page = write_report(tmp_path).read_text(encoding="utf-8")
    assert page.count("Mean over 2") == 2 and "2 sites · direct, mdpl" in page
    assert "mdpl, held-out part, mean over 2 sites" in page
    assert "Cumulative distributions over sites" in page
