import functools
import json
from pathlib import Path

import numpy as np
import pytest

from made_up_tower import clock, pair, weather, write
from tilth.data.check import SiteReport, inspect_site


@functools.cache
def report(shared_data: Path, site: str) -> SiteReport:
    return inspect_site(sorted((shared_data / "plumber2").glob(f"{site}_*.nc")))


def said(made: SiteReport, level: str) -> str:
    return " | ".join(finding.message for finding in made.findings if finding.level == level)


def test_the_report_of_a_sound_tower(tmp_path):
    made = inspect_site(pair(tmp_path))
    assert made.refused is None and made.site == "XX-Tst" and made.facts["IGBP"] == "GRA"
    air = next(variable for variable in made.variables if variable.name == "Tair")
    assert (air.unknown, air.missing, air.dropped) == (100.0, 0.0, 0) and air.low < air.mean < air.high
    assert made.clock["offset"] == 8.0 and made.energy["n"] == 2880
    assert made.gaps["scored"]["Qle"] == 100.0 and made.sources["lwdown"] == "file"
    assert [title for title, _ in made.sections()] == ["Site", "Variables", "Balances", "Findings"]


def test_the_report_fits_a_screen_and_json(tmp_path):
    made = inspect_site(pair(tmp_path))
    lines = made.lines()
    assert len(lines) <= 45 and max(map(len, lines)) <= 110
    short = made.lines(height=10)
    assert len(short) == 10 and short[-1].endswith("--json lists everything")
    plain = json.loads(json.dumps(made.to_dict(), allow_nan=False))
    assert plain["energy"]["corrected_ratio"] is None and plain["files"][0]["steps"] == 2880


def test_what_the_reader_refuses_is_reported_with_all_that_can_be_said(tmp_path):
    time = clock()
    series = weather(time)
    del series["LWdown"]
    made = inspect_site([write(tmp_path, "Met", time, series)])
    assert made.refused is not None and "--lwdown" in made.refused and "--lwdown" in said(made, "error")
    assert made.variables and made.clock["confident"] and not made.gaps and not made.energy.get("n")


def test_files_that_cannot_be_read_or_joined_are_reported(tmp_path):
    met, flux = pair(tmp_path, clock(days=3))
    broken = tmp_path / "broken.nc"
    broken.write_text("no")
    made = inspect_site([met, broken, flux])
    assert made.refused is not None and "broken.nc: expected a netCDF file" in made.refused
    assert [file["name"] for file in made.files] == [met.name, flux.name] and not made.variables
    alone = inspect_site([flux])
    assert "expected a Met file" in said(alone, "error") and alone.lines()[0] == "Site"
    assert inspect_site([]).refused == "expected Met and Flux files of one site, got none"


def test_a_dark_record_says_that_the_sun_cannot_tell(tmp_path):
    time = clock(days=20)
    lines = inspect_site([write(tmp_path, "Met", time, weather(time))]).lines()
    assert any("the sun cannot tell" in line for line in lines)


@pytest.mark.parametrize(
    ("site", "level", "messages"),
    [
        (
            "ZA-Kru",
            "error",
            ["the humidity cannot be right: relative humidity has a median of 15 % while it rains"],
        ),
        ("US-FPe", "error", ["the rain cannot be right", "116 mm on 2003-12-28", "104 mm on 2004-01-27"]),
        ("US-FPe", "error", ["the energy cannot be right in 2005"]),
        ("US-Bi1", "error", ["expected LWdown in a Met file, got none"]),
        ("US-Bi1", "warning", ["evaporation of 885 mm a-1 exceeds the rain of 327 mm a-1"]),
        ("BW-Ma1", "warning", ["Qair = 0 for 337 steps in a row from 2001-02-01", "though flagged measured"]),
        ("ID-Pag", "warning", ["12 % of the measured Qle repeat", "Rnet lags behind SWdown by one step"]),
        ("FI-Hyy", "warning", ["Rnet: 143 values cannot be (-358.2 to 1411 W m-2)"]),
        (
            "ES-ES2",
            "warning",
            ["Qg has the opposite sign", "evaporation of 846 mm a-1 exceeds the rain of 579"],
        ),
        ("DK-Fou", "warning", ["the energy does not close"]),
        ("AU-Cum", "warning", ["do not trust the corrected fluxes"]),
        ("AU-ASM", "warning", ["RH holds fractions", "VPD holds kPa", "no Qh in the Flux files"]),
        ("ES-LMa", "info", ["NOT the pyranometer"]),
        ("CN-Cng", "error", ["give one of them"]),
    ],
)
def test_real_towers_tell_what_is_wrong_with_them(shared_data, site, level, messages):
    made = report(shared_data, site)
    for message in messages:
        assert message in said(made, level)
    lines = made.lines()
    assert len(lines) <= 45 and max(map(len, lines)) <= 110
    json.dumps(made.to_dict(), allow_nan=False)


def test_corrected_fluxes_of_changling_exceed_the_energy(shared_data):
    folder = shared_data / "plumber2"
    names = ("CN-Cng_2008-2009_FLUXNET2015aug_Met.nc", "CN-Cng_2008-2009_FLUXNET2015_Flux.nc")
    made = inspect_site([folder / name for name in names])
    assert made.refused is None and "do not trust the corrected fluxes" in said(made, "warning")
    assert made.water["evaporation"] == pytest.approx(408.0, abs=4.0)
    assert made.water["rain"] == pytest.approx(333.0, abs=1.0)
    assert np.isfinite(made.energy["slope"])
