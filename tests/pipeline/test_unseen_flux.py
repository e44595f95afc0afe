import pandas as pd
import pytest

from made_up_run import made_up_record, write_made_up_run
from tilth.config_files import experiment
from tilth.pipeline.unseen_flux import run_unseen_flux

SITE = {"name": "XX-Tst", "class": "grassland", "climate": "temperate"}


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """A folder with one finished run, and the reader put in its place."""
    write_made_up_run(tmp_path / "runs" / "first", days=90)
    monkeypatch.setattr("tilth.pipeline.unseen_flux.read_sites", lambda *_: [made_up_record(days=90)])
    return tmp_path / "runs"


def settings(**changes):
    plain = {"kind": "unseen-flux", "name": "unseen", "runs": ["first"], "sites": [{"synthetic": SITE}]}
    return experiment({**plain, **changes})


def test_a_finished_run_is_judged_by_what_it_never_saw(runs):
    run_unseen_flux(settings(), runs / "out")
    table = pd.read_csv(runs / "out" / "unseen_flux.csv")
    assert set(table["variable"]) == {"Rnet", "Qg"} and set(table["split"]) == {"calibration", "heldout"}
    page = (runs / "out" / "report.html").read_text()
    assert "hold no soil moisture" in page and "Held out, after calibration on Qle and Qh" in page
    assert "Rnet better at" in page


def test_sites_without_a_calibrated_run_are_refused(runs):
    write_made_up_run(runs / "plain", days=90, calibrated=False)
    with pytest.raises(ValueError, match="expected calibrated runs at XX-Tst in plain, got none"):
        run_unseen_flux(settings(runs=["plain"]), runs / "out")
    assert not (runs / "out").exists()
