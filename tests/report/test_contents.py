import numpy as np
import pytest

from made_up_run import made_up_record, made_up_simulations, made_up_splits, write_made_up_run
from tilth.evaluation.facts import read_facts, site_facts, write_facts
from tilth.evaluation.simulation_file import write_simulation
from tilth.report.contents import read_run, site_folders


@pytest.fixture
def folder(tmp_path):
    return write_made_up_run(tmp_path / "run", days=20)


def test_everything_is_read(folder):
    run = read_run(folder)
    assert (run.site, run.calibrated) == ("XX-Tst", True)
    assert run.observed_variables(["Qle", "GPP", "Qg"]) == ["Qle", "Qg"]
    assert all(table is not None for table in (run.parameters, run.history, run.audit, run.peers))


def test_optional_tables_may_be_absent(folder):
    for name in ("parameters.csv", "history.csv", "audit.csv", "peers.csv"):
        (folder / name).unlink()
    run = read_run(folder)
    assert run.parameters is run.history is run.audit is run.peers is None


def test_no_folder(tmp_path):
    with pytest.raises(ValueError, match="is not a folder: expected one that `tilth simulate` or"):
        read_run(tmp_path / "nothing")


def test_missing_files_are_named_together(folder):
    (folder / "scores.csv").unlink()
    (folder / "simulation.nc").unlink()
    with pytest.raises(ValueError, match=r"lacks scores\.csv, simulation\.nc: .*run it again, with --resume"):
        read_run(folder)


def test_an_interrupted_experiment_says_what_it_has_finished(tmp_path):
    for site in ("A", "B"):
        run = tmp_path / "checkpoints" / "finished" / f"{site}-direct" / f"{site}-direct"
        run.mkdir(parents=True)
        (run / "run.json").touch()
    with pytest.raises(
        ValueError, match=r"--resume .*one of the 2 runs that it has finished, such as .*A-direct$"
    ):
        read_run(tmp_path)


def test_facts_without_a_site(folder):
    write_facts(folder / "run.json", {"method": "direct"})
    with pytest.raises(ValueError, match=r"must have the keys method and site.*got method; run"):
        read_run(folder)


def test_a_run_called_default_is_needed(folder):
    record = made_up_record(20)
    runs = {"calibrated": made_up_simulations(record)["calibrated"]}
    write_simulation(folder / "simulation.nc", record, runs, made_up_splits(record))
    with pytest.raises(ValueError, match="has no run called default: got calibrated; a report compares"):
        read_run(folder)


def test_a_run_of_another_name(folder):
    record = made_up_record(20)
    runs = {"prior": made_up_simulations(record)["default"]}
    write_simulation(folder / "simulation.nc", record, runs, made_up_splits(record))
    with pytest.raises(ValueError, match="not known: prior; expected some of default, default_site"):
        read_run(folder)


def test_a_table_without_a_column(folder):
    (folder / "history.csv").write_text("stage,step\n")
    with pytest.raises(ValueError, match=r"history\.csv lacks the columns loss, validation"):
        read_run(folder)


def test_facts_survive_the_file(tmp_path):
    facts = {
        "a": np.float64(np.nan),
        "b": (1, np.int64(2)),
        "c": tmp_path,
        "d": {"e": np.array([1.5])},
        "f": True,
    }
    write_facts(tmp_path / "run.json", facts)
    found = read_facts(tmp_path / "run.json")
    assert found == {"a": None, "b": [1, 2], "c": str(tmp_path), "d": {"e": [1.5]}, "f": True}
    assert [p.name for p in tmp_path.iterdir()] == ["run.json"]


def test_site_facts():
    record = made_up_record(20)
    facts = site_facts(record)
    assert facts["site"]["name"] == "XX-Tst"
    assert facts["site"]["period_end"] == "2008-01-21T00:00:00"
    assert facts["site"]["scored"]["Qle"] == record.scored("Qle").sum()
    assert facts["findings"][0]["level"] == "warning"


@pytest.mark.parametrize(
    ("text", "message"), [("{", "cannot be read"), ("[]", "must hold a JSON object .* got list")]
)
def test_facts_that_are_none(tmp_path, text, message):
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_facts(tmp_path / "run.json")


def test_site_folders_are_in_order(tmp_path):
    for name in ("b", "a"):
        (tmp_path / "sites" / name).mkdir(parents=True)
        (tmp_path / "sites" / name / "run.json").write_text("{}")
    assert [path.name for path in site_folders(tmp_path)] == ["a", "b"]
    assert site_folders(tmp_path / "sites" / "a") == []
