import multiprocessing
import os
import time

import numpy as np
import pandas as pd
import pytest

from process_tasks import (
    begins_beats,
    cores_of,
    double_precision,
    failing,
    killed,
    leaves_a_mark,
    prepare,
    told_square,
)
from tilth.config_files import experiment
from tilth.pipeline.experiment import run_experiment
from tilth.pipeline.kinds import runner
from tilth.pipeline.side_by_side import Processes, side_by_side, usable_cores

several = pytest.mark.skipif(len(usable_cores()) < 2, reason="needs two cores")


@pytest.mark.parametrize("count", [1, pytest.param(2, marks=several)])
def test_all_tasks_are_done_and_told_of(count):
    told = []
    answers = side_by_side(told_square, range(4), Processes(count), lambda *news: told.append(news))
    assert sorted(answers) == [0, 1, 4, 9]
    assert sorted(told) == [(n, 4, f"task {n}") for n in range(4)]


@several
def test_processes_are_prepared_and_share_the_cores():
    answers = list(side_by_side(cores_of, range(4), Processes(2, prepare)))
    cores = {pid: own for pid, own, _ in answers}
    assert len(cores) == 2 and os.getpid() not in cores
    first, second = cores.values()
    assert not first & second and first | second == set(usable_cores())
    assert {prepared for *_, prepared in answers} == {"yes"}


@several
def test_what_goes_wrong_in_a_process_is_told():
    with pytest.raises(ValueError, match="task 1 is wrong"):
        list(side_by_side(failing, range(4), Processes(2)))
    with pytest.raises(OSError, match="ended before its work was done.*--resume and fewer --processes"):
        list(side_by_side(killed, range(4), Processes(2)))


@several
def test_after_a_failure_only_what_has_begun_is_finished(tmp_path):
    with pytest.raises(ValueError, match="task 0 is wrong"):
        list(side_by_side(leaves_a_mark, [tmp_path / str(n) for n in range(8)], Processes(2)))
    done = {path.name for path in tmp_path.iterdir()}
    assert "1" in done and "7" not in done


def until(true):
    end = time.monotonic() + 30
    while not true() and time.monotonic() < end:
        time.sleep(0.1)
    return true()


def silent(folder):
    before = [path.stat().st_size for path in sorted(folder.iterdir())]
    time.sleep(1)
    return before == [path.stat().st_size for path in sorted(folder.iterdir())]


@several
def test_processes_end_with_the_one_that_began_them(tmp_path):
    parent = multiprocessing.get_context("spawn").Process(target=begins_beats, args=(tmp_path,))
    parent.start()
    assert until(lambda: len(list(tmp_path.iterdir())) == 2)
    parent.kill()
    parent.join()
    assert until(lambda: silent(tmp_path))


def test_as_many_processes_as_cores_at_most():
    for wrong in (0, len(usable_cores()) + 1):
        with pytest.raises(ValueError, match=f"expected from 1 to {len(usable_cores())} processes"):
            Processes(wrong)


@several
def test_only_the_parts_of_a_calibration_run_side_by_side(tmp_path):
    site = {"synthetic": {"name": "SY", "class": "woodland", "climate": "temperate", "years": 1, "seed": 1}}
    settings = experiment({"name": "x", "kind": "benchmark", "runs": ["before"], "sites": [site]}, "a test")
    with pytest.raises(ValueError, match="kind benchmark, got 2"):
        runner(settings, Processes(2))


@several
@pytest.mark.slow
def test_an_experiment_in_two_processes_is_that_in_one(tmp_path):
    sites = [
        {"synthetic": {"name": n, "class": "woodland", "climate": "temperate", "years": 0.1, "seed": 1}}
        for n in ("SY-1", "SY-2")
    ]
    settings = experiment(
        {"name": "x", "sites": sites, "method": "direct", "parameters": ["vmax0"],
         "model": {"spin-up-years": 0}, "sizes": {"direct-iterations": 2}},
        "a test",
    )  # fmt: skip
    run_experiment(settings, tmp_path / "one")
    run_experiment(settings, tmp_path / "two", processes=Processes(2, double_precision))
    one, two = (pd.read_csv(tmp_path / folder / "parameters.csv") for folder in ("one", "two"))
    assert list(one["site"]) == list(two["site"])
    np.testing.assert_allclose(one["value"], two["value"], rtol=1e-9)
    assert not (tmp_path / "two" / "checkpoints" / "parts").exists()
