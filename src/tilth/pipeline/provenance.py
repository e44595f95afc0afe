"""Where a result comes from: software, inputs, choices and time taken."""

import datetime
import importlib.metadata
import platform
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax
import numpy as np

from tilth.config import Experiment


class Stopwatch:
    """Wall times of the stages of a run [s]."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Adds the time spent inside to the stage ``name``."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start

    def add(self, other: "Stopwatch") -> None:
        """Adds the times of another one."""
        for name, seconds in other.seconds.items():
            self.seconds[name] = self.seconds.get(name, 0.0) + seconds


def provenance(command: str, experiment: Experiment, stopwatch: Stopwatch) -> dict[str, Any]:
    """What ``run.json`` says of any run beside its site: software, choices and time taken."""
    return {
        "command": command,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "preset": experiment.preset,
        "target": experiment.target,
        "defaults": experiment.defaults,
        "seed": experiment.seed,
        "dtype": experiment.dtype,
        "versions": versions(),
        "options": experiment.record(),
        "seconds": {name: round(value, 2) for name, value in stopwatch.seconds.items()},
    }


def versions() -> dict[str, str]:
    """Versions that decide a result, the commit of the source where there is one, and the devices."""
    return {
        "tilth": importlib.metadata.version("tilth"),
        "commit": commit() or "none (installed package)",
        "python": platform.python_version(),
        "jax": jax.__version__,
        "numpy": np.__version__,
        "devices": ", ".join(str(device) for device in jax.devices()),
    }


def commit() -> str | None:
    """The git commit of the source tree, ``-dirty`` with uncommitted changes; None where there is none."""
    here = Path(__file__).resolve()
    root = next((p for p in here.parents if (p / ".git").exists() and (p / "src" / "tilth").is_dir()), None)
    if root is None:
        return None
    try:
        answers = [
            subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True)
            for arguments in (("rev-parse", "HEAD"), ("status", "--porcelain", "--", "src"))
        ]
    except (OSError, subprocess.CalledProcessError):
        return None
    return answers[0].stdout.strip() + ("-dirty" if answers[1].stdout.strip() else "")
