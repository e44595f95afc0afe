"""The land model with default parameters over a site's record."""

import functools
from pathlib import Path

from tilth.config import Experiment
from tilth.data.containers import SiteRecord
from tilth.pipeline.folder import RunFolder
from tilth.pipeline.land_model import SIMULATED, class_defaults, land_model, site_defaults, with_site_pathway
from tilth.pipeline.outcome import DEFAULT, DEFAULT_SITE, Asked, Outcome, true_runs, write_run
from tilth.pipeline.progress import Progress
from tilth.pipeline.provenance import Stopwatch, provenance
from tilth.pipeline.sites import read_sites


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
    with RunFolder(folder, experiment.record(), force=force) as run_folder:
        with stopwatch.stage("simulate"):
            if progress is not None:
                progress(0, 1, "runs with default parameters")
            model = land_model(experiment, output_names=SIMULATED)
            asked = default_runs(experiment, record)
            outputs = true_runs(model, asked)
            runs = {wanted.run: series for wanted, series in zip(asked, outputs, strict=True)}
            if progress is not None:
                progress(1, 1, "runs with default parameters")
        outcome = Outcome(
            record, experiment.space(), "default", runs, defaults=class_defaults(experiment, record)
        )
        facts = provenance("simulate", experiment, stopwatch)

        run_folder.commit(functools.partial(write_run, outcome=outcome, facts=facts))
    return outcome


def default_runs(experiment: Experiment, record: SiteRecord) -> list[Asked]:
    """The runs with the defaults of the class and, where the experiment asks for it, of the site."""
    asked = [Asked(DEFAULT, class_defaults(experiment, record), record)]
    if experiment.defaults == "site":
        asked.append(Asked(DEFAULT_SITE, site_defaults(experiment, record), with_site_pathway(record)))
    return asked
