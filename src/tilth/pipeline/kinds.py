"""Which function runs an experiment of which kind."""

import functools
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from tilth.config import Experiment
from tilth.pipeline.benchmark import run_benchmark
from tilth.pipeline.experiment import run_experiment
from tilth.pipeline.progress import Progress
from tilth.pipeline.sensitivity import run_sensitivity
from tilth.pipeline.side_by_side import ALONE, Processes
from tilth.pipeline.surrogate_audit import run_surrogate_audit
from tilth.pipeline.transfer import run_transfer
from tilth.pipeline.unseen_flux import run_unseen_flux


@runtime_checkable
class Runner(Protocol):
    """Runs an experiment into a folder, goes on after an interruption, and says what it raises."""

    def __call__(
        self,
        experiment: Any,
        folder: Path,
        *,
        root: Path | None = None,
        resume: bool = False,
        force: bool = False,
        progress: Progress | None = None,
    ) -> Path:
        """The folder of results."""


RUNNERS: dict[str, Runner] = {
    "calibration": run_experiment,
    "sensitivity": run_sensitivity,
    "transfer": run_transfer,
    "benchmark": run_benchmark,
    "unseen-flux": run_unseen_flux,
    "surrogate-audit": run_surrogate_audit,
}
"""What runs each kind of :data:`tilth.config_kinds.KINDS`."""


def runner(experiment: Experiment, processes: Processes = ALONE) -> Runner:
    """The function that runs ``experiment``, in several ``processes`` where its kind has parts for them.

    Raises ``ValueError`` for several processes with another kind.
    """
    if processes.count == 1:
        return RUNNERS[experiment.kind]
    if experiment.kind != "calibration":
        raise ValueError(
            f"expected one process for an experiment of kind {experiment.kind}, got {processes.count}: only "
            "the parts of a calibration run side by side; leave --processes out"
        )
    return functools.partial(run_experiment, processes=processes)
