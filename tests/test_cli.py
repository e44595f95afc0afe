"""Every wrong input gets one clear message, its exit code, and leaves nothing behind."""

import importlib.metadata
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from typer.testing import CliRunner

from tilth.cli import app
from tilth.data.weather import synthetic_site
from tower_files import write_tower

RUNNER = CliRunner()
DAYS = 40


def made_up_site(name="SY-One", **options):
    settings = {"plant_class": "grassland", "climate": "temperate", "years": DAYS / 365.25, "seed": 0}
    return synthetic_site(name, **{**settings, **options})


def fluxes(record, value=None):
    sun = record.forcing["shortwave_down"]
    return {name: np.full_like(sun, value) if value else 0.3 * sun for name in ("Qle", "Qh")}


def test_the_version_is_that_of_the_package():
    result = RUNNER.invoke(app, ["--version"])
    assert (result.exit_code, result.output) == (0, f"tilth {importlib.metadata.version('tilth')}\n")


@pytest.fixture
def tower(tmp_path):
    record = made_up_site()
    return write_tower(tmp_path, record, fluxes(record))


def refused(arguments, tmp_path):
    """The message of a command that must fail for its input and write nothing."""
    out = tmp_path / "results" / "out"
    result = RUNNER.invoke(app, [*map(str, arguments), "--out", str(out)])
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output and result.stdout == ""
    assert not out.parent.exists()
    return " ".join(result.stderr.split())


def calibrate(files, *options):
    return ["calibrate", *files, "--method", "direct", *options]


def test_a_missing_variable_is_named(tmp_path):
    record = made_up_site()
    files = write_tower(tmp_path, record, fluxes(record), leave_out=("Tair",))
    assert "Tair" in refused(calibrate(files), tmp_path)


def test_missing_longwave_says_how_to_go_on(tmp_path):
    record = made_up_site()
    files = write_tower(tmp_path, record, fluxes(record), leave_out=("LWdown",))
    assert "--lwdown" in refused(calibrate(files), tmp_path)


def test_a_wrong_unit_is_named(tmp_path):
    record = made_up_site()
    files = write_tower(tmp_path, record, fluxes(record), units={"Tair": "furlong"})
    message = refused(calibrate(files), tmp_path)
    assert "Tair" in message and "furlong" in message


def test_files_of_different_sites_are_refused(tmp_path, tower):
    other = made_up_site("SY-Two")
    files = [tower[0], write_tower(tmp_path, other, fluxes(other))[1]]
    assert "expected files of one site" in refused(calibrate(files), tmp_path)


def test_files_that_do_not_overlap_are_refused(tmp_path, tower):
    record = made_up_site()
    later = record.replace(time=record.time + np.timedelta64(800, "D"))
    (tmp_path / "later").mkdir()
    files = [tower[0], write_tower(tmp_path / "later", later, fluxes(record))[1]]
    assert "overlap in time" in refused(calibrate(files), tmp_path)


def test_a_tower_without_observations_cannot_be_calibrated(tmp_path):
    record = made_up_site()
    files = write_tower(tmp_path, record, fluxes(record, np.nan))
    assert "observ" in refused(calibrate(files), tmp_path)


def test_a_file_that_is_not_netcdf_is_refused(tmp_path):
    path = tmp_path / "notes_Met.nc"
    path.write_text("not a netCDF file")
    assert "expected a netCDF file" in refused(calibrate([path]), tmp_path)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    assert "check the path" in refused(calibrate([tmp_path / "none_Met.nc"]), tmp_path)


def test_an_unknown_method_is_refused(tmp_path, tower):
    message = refused(["calibrate", *tower, "--method", "magic"], tmp_path)
    assert "method" in message and "expected 'mdpl', 'dpl' or 'direct', got 'magic'" in message


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--preset", "huge"], "preset: expected 'quick' or 'paper', got 'huge'"),
        (["--target", "net"], "target: expected 'raw', 'corrected' or 'closure', got 'net'"),
        (["--class", "moss"], "plant_class must be one of"),
        (["--utc-offset", "9.3"], "multiple of half an hour"),
        (["--parameters", "vegh,height"], "unknown parameters ['height']"),
        (["--set", "vegh=99"], "vegh = 99 lies outside its bounds: expected a value from 0.5 to 40 m"),
        (["--set", "vegh"], "--set expects NAME=VALUE such as vegh=12.5, got 'vegh'"),
        (["--seed", "many"], "--seed"),
        (["--neurons", "9"], "--neurons"),
    ],
)
def test_wrong_options_are_refused(tmp_path, tower, options, expected):
    assert expected in refused(calibrate(tower, *options), tmp_path)


def test_an_experiment_with_unknown_keys_is_refused(tmp_path, tower):
    path = tmp_path / "wrong.yaml"
    path.write_text(f"sites: [{{files: [{tower[0]}], lwdwn: x}}]\nmethd: direct\n")
    message = refused(["run", path], tmp_path)
    assert "2 problems in" in message
    assert "did you mean lwdown?" in message and "did you mean method?" in message


def test_a_file_in_place_of_the_folder_is_refused(tmp_path, tower):
    (tmp_path / "out").write_text("")
    result = RUNNER.invoke(app, ["simulate", *map(str, tower), "--out", str(tmp_path / "out")])
    assert result.exit_code == 2 and "expected a folder for --out, got the file" in result.stderr


def test_an_unwritable_folder_is_refused(tmp_path, tower):
    out = tmp_path / "notes.txt" / "out"
    out.parent.write_text("")
    result = RUNNER.invoke(app, ["simulate", *map(str, tower), "--out", str(out)])
    assert result.exit_code == 2 and "cannot write to the folder" in result.stderr


def test_a_report_of_no_run_is_refused(tmp_path):
    result = RUNNER.invoke(app, ["report", str(tmp_path)])
    assert result.exit_code == 2 and "run.json" in result.stderr


def test_defects_of_our_own_are_shown_with_their_traceback(monkeypatch):
    def broken():
        raise KeyError("something")

    monkeypatch.setattr("tilth.pipeline.parameters.parameter_listing", broken)
    result = RUNNER.invoke(app, ["parameters"])
    assert result.exit_code == 1 and "Traceback" in result.stderr and "defect of tilth" in result.stderr


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (FloatingPointError("NaN"), 3, "numerical failure: NaN"),
        (KeyboardInterrupt(), 130, "--resume continues"),
        (OSError(28, "No space left on device"), 2, "No space left"),
    ],
)
def test_exit_codes_say_what_went_wrong(monkeypatch, error, code, message):
    def failing():
        raise error

    monkeypatch.setattr("tilth.pipeline.parameters.parameter_listing", failing)
    result = RUNNER.invoke(app, ["parameters"])
    assert result.exit_code == code and message in result.stderr


def test_parameters_are_listed():
    result = RUNNER.invoke(app, ["parameters"])
    assert result.exit_code == 0
    assert (
        "vegh*" in result.stdout and "mol m-2 s-1" in result.stdout and "snow_albedo_visible" in result.stdout
    )


def test_help_documents_the_exit_codes():
    text = " ".join(RUNNER.invoke(app, ["--help"]).stdout.split())
    assert "2 wrong option or input" in text and "130 interrupted" in text


def test_the_installed_command_answers():
    command = [sys.executable, "-c", "from tilth.cli import main; main()", "calibrate", "x_Met.nc"]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "COLUMNS": "80"})
    assert done.returncode == 2 and "--method" in done.stderr and "Traceback" not in done.stderr


def test_check_prints_json(tower):
    result = RUNNER.invoke(app, ["check", *map(str, tower), "--json"])
    assert result.exit_code == 0 and "SY-One" in json.dumps(json.loads(result.stdout))
