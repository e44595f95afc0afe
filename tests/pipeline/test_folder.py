import os

import pytest

from tilth.pipeline.folder import RunFolder

SETTINGS = {"seed": 1, "method": ["direct"]}


def write(partial):
    (partial / "run.json").write_text("{}")
    (partial / "scores.csv").write_text("site\n")
    (partial / "sites").mkdir()
    (partial / "sites" / "one.csv").write_text("1\n")


def fail(partial):
    (partial / "scores.csv").write_text("half of it")
    raise OSError("disk full")


def interrupted(path, settings=SETTINGS):
    (RunFolder(path, settings).checkpoints / "weights").write_text("0.1")


def test_a_finished_folder_has_everything_and_nothing_else(tmp_path):
    RunFolder(tmp_path / "out", SETTINGS).commit(write)
    found = {p.name for p in (tmp_path / "out").iterdir()}
    assert found == {"run.json", "scores.csv", "sites", "checkpoints"}


def test_a_failed_write_leaves_no_artefact(tmp_path):
    folder = RunFolder(tmp_path / "out", SETTINGS)
    with pytest.raises(OSError, match="disk full"):
        folder.commit(fail)
    assert {p.name for p in folder.path.iterdir()} == {"checkpoints"}


def test_an_abandoned_folder_is_gone_with_the_parents_it_created(tmp_path):
    RunFolder(tmp_path / "runs" / "out", SETTINGS).abandon()
    assert list(tmp_path.iterdir()) == []


def test_an_abandoned_folder_keeps_checkpoints_and_what_was_there(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notes.txt").write_text("mine")
    RunFolder(tmp_path / "out", SETTINGS).abandon()
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["notes.txt"]
    interrupted(tmp_path / "other")
    RunFolder(tmp_path / "other", SETTINGS, resume=True).abandon()
    assert (tmp_path / "other" / "checkpoints" / "weights").read_text() == "0.1"


def test_a_finished_run_is_not_overwritten_unless_forced(tmp_path):
    RunFolder(tmp_path, SETTINGS).commit(write)
    for resume in (False, True):
        with pytest.raises(
            ValueError, match="holds a finished run; give another folder with --out, or --force"
        ):
            RunFolder(tmp_path, SETTINGS, resume=resume)
    (tmp_path / "notes.txt").write_text("mine")
    RunFolder(tmp_path, SETTINGS, force=True)
    assert {p.name for p in tmp_path.iterdir()} == {"checkpoints", "notes.txt"}


def test_an_interrupted_run_is_continued_only_when_asked_and_with_its_settings(tmp_path):
    interrupted(tmp_path)
    with pytest.raises(ValueError, match="holds an interrupted run; continue it with --resume"):
        RunFolder(tmp_path, SETTINGS)
    with pytest.raises(ValueError, match=r"has other settings \(seed\); resume it with the same ones"):
        RunFolder(tmp_path, {**SETTINGS, "seed": 2}, resume=True)
    assert (RunFolder(tmp_path, SETTINGS, resume=True).checkpoints / "weights").exists()
    assert not (RunFolder(tmp_path, SETTINGS, force=True).checkpoints / "weights").exists()


def test_damaged_settings_count_as_others(tmp_path):
    interrupted(tmp_path)
    (tmp_path / "checkpoints" / "settings.json").write_text("{")
    with pytest.raises(ValueError, match="has other settings"):
        RunFolder(tmp_path, SETTINGS, resume=True)


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(ValueError, match="expected a folder for --out, got the file"):
        RunFolder(tmp_path / "out", SETTINGS)


def test_an_unwritable_folder_is_refused(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match=r"cannot write to the folder .*; give another one with --out"):
        RunFolder(tmp_path / "file" / "out", SETTINGS)
    if os.geteuid() != 0:
        tmp_path.chmod(0o500)
        with pytest.raises(ValueError, match="cannot write to the folder"):
            RunFolder(tmp_path / "out", SETTINGS)
        tmp_path.chmod(0o700)
