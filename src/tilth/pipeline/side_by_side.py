"""Work side by side in processes of its own, each with a share of the cores."""

import dataclasses
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from tilth.pipeline.progress import Progress

Task = TypeVar("Task")
Answer = TypeVar("Answer")

LISTENING = 0.5
"""Seconds between looks at what the processes say."""

_said: Any = None
"""In a process of its own: the queue of its progress."""


def usable_cores() -> list[int]:
    """CPU cores that this process may use, e.g. those that a scheduler gave it."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


@dataclasses.dataclass(frozen=True)
class Processes:
    """How many processes work, and what each calls before it begins, e.g. to set JAX up.

    Raises ``ValueError`` for less than one, or for more than there are cores to use.
    """

    count: int = 1
    prepare: Callable[[], None] | None = None

    def __post_init__(self) -> None:
        cores = len(usable_cores())
        if not 1 <= self.count <= cores:
            raise ValueError(f"expected from 1 to {cores} processes, one a usable core, got {self.count}")


ALONE = Processes()
"""Everything in this process."""


def side_by_side(
    work: Callable[[Task, Progress | None], Answer],
    tasks: Sequence[Task],
    processes: Processes = ALONE,
    progress: Progress | None = None,
) -> Iterator[Answer]:
    """What ``work`` makes of each task, as it is done, told of ``progress`` from all processes.

    With several processes ``work``, tasks and answers are pickled. Where a task fails, those that have begun
    are finished and no other is begun; its error is raised. Raises ``OSError`` where a process is killed.
    Where this process is killed, those that it began end too.
    """
    if processes.count == 1 or len(tasks) < 2:
        for task in tasks:
            yield work(task, progress)
        return
    context = multiprocessing.get_context("spawn")
    shares, said = context.SimpleQueue(), context.SimpleQueue()
    number = min(processes.count, len(tasks))
    for share in range(number):
        shares.put(usable_cores()[share::number])
    pool = ProcessPoolExecutor(
        number, mp_context=context, initializer=_begin, initargs=(shares, said, processes.prepare)
    )
    with pool:
        waiting = {pool.submit(_do, work, task) for task in tasks}
        try:
            while waiting:
                done, waiting = _listened(waiting, said, progress)
                for future in done:
                    yield future.result()
        except BrokenProcessPool:
            raise OSError(
                "a process ended before its work was done, most likely for want of memory: go on with "
                "--resume and fewer --processes"
            ) from None
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            while waiting:
                _, waiting = _listened(waiting, said, progress)
            raise


def _begin(shares: Any, said: Any, prepare: Callable[[], None] | None) -> None:
    """Sets a process up: its cores, where it tells its progress, and what else it needs."""
    global _said
    _said = said
    threading.Thread(target=_end_with_parent, daemon=True).start()
    share = shares.get()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, share)
    if prepare is not None:
        prepare()


def _end_with_parent() -> None:
    """Ends this process when the one that began it has ended, however it did."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _do(work: Callable[[Task, Progress | None], Answer], task: Task) -> Answer:
    return work(task, lambda done, total, message: _said.put((done, total, message)))


def _listened(waiting: set[Any], said: Any, progress: Progress | None) -> tuple[set[Any], set[Any]]:
    """What is done after a moment and what is not, with all that was said passed on."""
    wait(waiting, timeout=LISTENING, return_when=FIRST_COMPLETED)
    done = {future for future in waiting if future.done()}
    while not said.empty():
        news = said.get()
        if progress is not None:
            progress(*news)
    return done, waiting - done
