"""Where a method works: its checkpoints, its clock and whom it tells how far it is."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

from tilth.pipeline.provenance import Stopwatch

Progress = Callable[[int, int, str], None]
"""Called with how much is done, how much there is, and a message that begins with the stage."""


@dataclasses.dataclass(frozen=True)
class Workplace:
    """A folder of checkpoints, a stopwatch and somebody to tell.

    ``shared`` is a folder of ensembles that several methods learn from; that of checkpoints unless given.
    """

    checkpoints: Path
    stopwatch: Stopwatch
    progress: Progress | None = None
    shared: Path | None = None

    @property
    def ensembles(self) -> Path:
        """The folder of the ensembles."""
        return self.checkpoints if self.shared is None else self.shared

    def below(self, name: str) -> "Workplace":
        """A workplace in folders of its own inside those of this one."""
        shared = None if self.shared is None else self.shared / name
        return dataclasses.replace(self, checkpoints=self.checkpoints / name, shared=shared)

    def staged(self, stage: str) -> Progress | None:
        """Progress whose messages begin with ``stage``."""
        progress = self.progress
        if progress is None:
            return None
        return lambda done, total, message: progress(done, total, f"{stage}: {message}")


def numbered(progress: Progress | None, number: int, total: int, name: str) -> Progress | None:
    """Progress whose messages begin with the part of the experiment."""
    if progress is None:
        return None

    def told(done: int, all_of_it: int, message: str) -> None:
        progress(done, all_of_it, f"{number + 1}/{total} {name} {message}")

    return told
