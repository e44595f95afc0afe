"""The leaf commands: mounted, and wrong input told in one message."""

from typer.testing import CliRunner

from tilth.cli import app

RUNNER = CliRunner()


def test_the_leaf_commands_are_there():
    result = RUNNER.invoke(app, ["leaf", "--help"])
    assert result.exit_code == 0
    for word in ("demo", "run"):
        assert word in result.output


def test_a_missing_experiment_is_told_in_one_message(tmp_path):
    result = RUNNER.invoke(app, ["leaf", "run", str(tmp_path / "nothing.yaml")])
    assert result.exit_code == 2
    assert "cannot read the experiment file" in result.output


def test_a_finished_run_is_not_replaced(tmp_path):
    (tmp_path / "run.json").write_text("{}")
    result = RUNNER.invoke(app, ["leaf", "demo", "--out", str(tmp_path)])
    assert result.exit_code == 2
    assert "holds a finished run" in result.output
