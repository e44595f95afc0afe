"""Where a method works: its checkpoints, its clock and whom it tells how far it is."""

import dataclasses
from pathlib import Path

from tilth.pipeline.progress import Progress
from tilth.pipeline.provenance import Stopwatch


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
