"""The land model with default parameters over a site's record."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from tilth.config import Experiment
from tilth.data.containers import SiteRecord
from tilth.pipeline.folder import RunFolder
from tilth.pipeline.land_model import SIMULATED, class_defaults, land_model, site_defaults, with_site_pathway
from tilth.pipeline.outcome import DEFAULT, DEFAULT_SITE, Outcome, true_run, write_outcome
from tilth.pipeline.provenance import Stopwatch, provenance
from tilth.pipeline.report import write_report
from tilth.pipeline.sites import read_sites

Progress = Callable[[int, int, str], None]


def simulate(
    experiment: Experiment,
    folder: Path,
    *,
    root: Path | None = None,
    force: bool = False,
    progress: Progress | None = None,
) -> Outcome:
    """Simulates the one site of an experiment and writes the folder.

    Raises ``ValueError`` for wrong input and ``FloatingPointError`` where the model fails; nothing is left
    behind then.
    """
    if len(experiment.sites) != 1:
        raise ValueError(f"expected one site to simulate, got {len(experiment.sites)}")
    stopwatch = Stopwatch()
    with stopwatch.stage("read"):
        record = read_sites(experiment, root)[0]
    run_folder = RunFolder(folder, experiment.record(), force=force)
    try:
        with stopwatch.stage("simulate"):
            runs = default_runs(experiment, record, progress)
        outcome = Outcome(
            record, experiment.space(), "default", runs, defaults=class_defaults(experiment, record)
        )
        facts = provenance("simulate", experiment, stopwatch)

        def write(partial: Path) -> None:
            write_outcome(partial, outcome, facts)
            write_report(partial)

        run_folder.commit(write)
    except BaseException:
        run_folder.abandon()
        raise
    return outcome


def default_runs(
    experiment: Experiment, record: SiteRecord, progress: Progress | None = None
) -> dict[str, dict[str, np.ndarray]]:
    """Runs of the true model with the defaults of the class and, where asked for, of the site."""
    model = land_model(experiment, output_names=SIMULATED)
    asked = [(DEFAULT, class_defaults(experiment, record), record)]
    if experiment.defaults == "site":
        asked.append((DEFAULT_SITE, site_defaults(experiment, record), with_site_pathway(record)))
    runs = {}
    for number, (name, theta, driven) in enumerate(asked, start=1):
        runs[name] = true_run(model, theta, driven)
        if progress is not None:
            progress(number, len(asked), "runs with default parameters")
    return runs
