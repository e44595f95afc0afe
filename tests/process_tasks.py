"""What processes of their own do in tests: functions that they can import."""

import os
import time

from tilth.pipeline.side_by_side import Processes, side_by_side, usable_cores


def told_square(number, progress):
    progress(number, 4, f"task {number}")
    return number**2


def cores_of(number, progress):
    time.sleep(0.5)  # so that each process gets one
    return os.getpid(), frozenset(usable_cores()), os.environ.get("TILTH_TEST_PREPARED")


def failing(number, progress):
    if number == 1:
        raise ValueError("task 1 is wrong")
    return number


def leaves_a_mark(folder, progress):
    if folder.name == "0":
        time.sleep(0.3)
        raise ValueError("task 0 is wrong")
    time.sleep(1.0)
    folder.mkdir()


def killed(number, progress):
    os._exit(9)


def beats(folder, progress):
    with (folder / str(os.getpid())).open("w") as signs_of_life:
        for _ in range(600):
            print("alive", file=signs_of_life, flush=True)
            time.sleep(0.1)


def begins_beats(folder):
    list(side_by_side(beats, [folder] * 2, Processes(2)))


def prepare():
    os.environ["TILTH_TEST_PREPARED"] = "yes"


def double_precision():
    import jax

    jax.config.update("jax_enable_x64", True)
