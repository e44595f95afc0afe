"""The folder of a run: written whole or not at all, protected when finished, resumable when interrupted.

Artefacts are written into a hidden folder inside and moved to their places together, ``run.json`` last: a
folder with a ``run.json`` is finished. Checkpoints live in ``checkpoints/`` with the settings they belong to.
"""

import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

FINISHED = "run.json"
"""The file that marks a finished run."""
CHECKPOINTS = "checkpoints"
SETTINGS = "settings.json"
ARTEFACTS = (
    "parameters.csv", "scores.csv", "simulation.nc", "report.html", "history.csv", "audit.csv", "peers.csv",
    "sensitivity.csv", "ranks.csv", "agreement.csv", "verification.csv", "surrogates.csv",
    "transfer.csv", "classes.csv", "monthly.csv",
    "benchmark.csv", "benchmark_means.csv", "benchmark_gains.csv", "summary.csv", "parameter_spread.csv",
    "costs.csv", "unseen_flux.csv", "sites", FINISHED,
)  # fmt: skip
"""Files that a run may leave in its folder beside its checkpoints."""


class RunFolder:
    """A folder that a run may write to; opening it creates it, :meth:`commit` fills it.

    Raises ``ValueError`` where the folder is finished (unless ``force``), holds checkpoints of other settings
    or of an interrupted run (unless ``resume`` or ``force``), or cannot be written to.
    """

    def __init__(
        self, path: Path, settings: Mapping[str, Any], *, resume: bool = False, force: bool = False
    ) -> None:
        self.path = path
        self._created = _missing_parents(path)
        self._settings = json.loads(json.dumps(settings))
        if force:
            self._remove_run()
        self._refuse_finished()
        self._refuse_interrupted(resume)
        self._open()

    @property
    def checkpoints(self) -> Path:
        """The folder of checkpoints."""
        return self.path / CHECKPOINTS

    def __enter__(self) -> "RunFolder":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Abandons the folder where the run failed or was interrupted."""
        if kind is not None:
            self.abandon()

    def commit(self, write: Callable[[Path], None]) -> None:
        """Calls ``write`` with an empty folder and moves what it wrote into place, ``run.json`` last."""
        partial = self.path / ".writing"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        try:
            write(partial)
            for item in sorted(partial.iterdir(), key=lambda item: (item.name == FINISHED, item.name)):
                os.replace(item, self.path / item.name)
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    def abandon(self) -> None:
        """Removes what opening the folder created, where nothing worth resuming was written."""
        kept = [p for p in self.checkpoints.rglob("*") if p.is_file() and p.name != SETTINGS]
        if kept:
            return
        shutil.rmtree(self.checkpoints, ignore_errors=True)
        for folder in self._created:
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()

    def _open(self) -> None:
        try:
            self.checkpoints.mkdir(parents=True, exist_ok=True)
            text = json.dumps(self._settings, indent=2)
            (self.checkpoints / SETTINGS).write_text(text, encoding="utf-8")
        except OSError as error:
            raise ValueError(
                f"cannot write to the folder {self.path}: {error.strerror}; give another one with --out"
            ) from None

    def _refuse_finished(self) -> None:
        if self.path.exists() and not self.path.is_dir():
            raise ValueError(f"expected a folder for --out, got the file {self.path}")
        if (self.path / FINISHED).exists():
            raise ValueError(
                f"{self.path} holds a finished run; give another folder with --out, or --force to replace it"
            )

    def _refuse_interrupted(self, resume: bool) -> None:
        settings = self.checkpoints / SETTINGS
        if not settings.exists():
            return
        if not resume:
            raise ValueError(
                f"{self.path} holds an interrupted run; continue it with --resume, or start again with "
                "--force"
            )
        try:
            known = json.loads(settings.read_text(encoding="utf-8"))
        except ValueError:
            known = {}
        different = sorted(k for k in known.keys() | self._settings if known.get(k) != self._settings.get(k))
        if different:
            raise ValueError(
                f"the interrupted run in {self.path} has other settings ({', '.join(different)}); resume it "
                "with the same ones, or start again with --force"
            )

    def _remove_run(self) -> None:
        try:
            for name in ARTEFACTS:
                if (self.path / name).is_dir():
                    shutil.rmtree(self.path / name)
                (self.path / name).unlink(missing_ok=True)
            shutil.rmtree(self.checkpoints, ignore_errors=True)
        except OSError as error:
            raise ValueError(f"cannot replace the run in {self.path}: {error.strerror}") from None


def _missing_parents(path: Path) -> list[Path]:
    """The folder and those of its parents that are not there yet, innermost first."""
    return [folder for folder in (path, *path.parents) if not folder.exists()]
