"""A calibration in several parts: side by side, one on each device, each with its own checkpoint.

Networks as small as those that are trained here keep no more than one CPU core busy. Where there are as many
devices as cores, several trainings keep all of them busy.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path
from queue import SimpleQueue
from typing import TypeVar

import jax

from tilth.calibration.base import Progress

Task = TypeVar("Task")
Answer = TypeVar("Answer")


def part_of_checkpoint(checkpoint: Path | None, number: int, parts: int) -> Path | None:
    """Where one of several parts keeps its checkpoint, beside that of the whole."""
    if checkpoint is None or parts == 1:
        return checkpoint
    return Path(checkpoint).with_name(f"{Path(checkpoint).stem}-{number}{Path(checkpoint).suffix}")


def on_devices(
    work: Callable[[Task, Progress | None], Answer], tasks: Sequence[Task], progress: Progress | None = None
) -> list[Answer]:
    """What ``work`` makes of each task, parts of equal length; as many go side by side as there are devices.

    A part finds its device to be JAX's default one. Progress is that of all parts together. Where one fails,
    or the whole is interrupted, the others end when they tell of their progress next, and no other begins.
    """
    if len(tasks) == 1:
        return [work(tasks[0], progress)]
    together, free = _Together(progress, len(tasks)), SimpleQueue[jax.Device]()
    for device in jax.local_devices():
        free.put(device)

    def on_device(number: int) -> Answer:
        together.go_on_or_end()
        device = free.get()
        try:
            with jax.default_device(device):
                answer = work(tasks[number], lambda *news: together.tell(number, *news))
            together.finish(number)
            return answer
        finally:
            free.put(device)

    with ThreadPoolExecutor(free.qsize(), thread_name_prefix="part") as pool:
        waiting = [pool.submit(on_device, number) for number in range(len(tasks))]
        try:
            wait(waiting, return_when=FIRST_EXCEPTION)
        finally:
            together.ended.set()
    for error in (future.exception() for future in waiting):
        if error is not None and not isinstance(error, _Ended):
            raise error
    return [future.result() for future in waiting]


class _Ended(Exception):
    """The work of all parts has ended, this one's too."""


class _Together:
    """Progress of parts as that of the whole."""

    def __init__(self, progress: Progress | None, parts: int) -> None:
        self.progress, self.done, self.total = progress, [0] * parts, 0
        self.lock, self.ended = threading.Lock(), threading.Event()

    def go_on_or_end(self) -> None:
        """Raises an error where the work of all has ended."""
        if self.ended.is_set():
            raise _Ended

    def tell(self, number: int, done: int, total: int, message: str) -> None:
        """Passes on how far all parts are when one of them has gone on."""
        self.go_on_or_end()
        with self.lock:
            self.done[number], self.total = done, total
            if self.progress is not None:
                self.progress(sum(self.done), len(self.done) * total, message)

    def finish(self, number: int) -> None:
        """A part is done, whatever it told: it may have been so before."""
        with self.lock:
            self.done[number] = self.total
