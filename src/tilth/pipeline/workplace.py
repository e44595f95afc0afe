"""Where a method works: its checkpoints, its clock and whom it tells how far it is."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

from tilth.pipeline.provenance import Stopwatch

Progress = Callable[[int, int, str], None]
"""Called with how much is done, how much there is, and a message that begins with the stage."""


@dataclasses.dataclass(frozen=True)
class Workplace:
    """A folder of checkpoints, a stopwatch and somebody to tell."""

    checkpoints: Path
    stopwatch: Stopwatch
    progress: Progress | None = None

    def staged(self, stage: str) -> Progress | None:
        """Progress whose messages begin with ``stage``."""
        progress = self.progress
        if progress is None:
            return None
        return lambda done, total, message: progress(done, total, f"{stage}: {message}")
