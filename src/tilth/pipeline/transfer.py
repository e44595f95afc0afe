"""Leave-one-site-out: how well parameters that were learned elsewhere do at a site.

Every site is left out in turn. Two rules give it parameters: the mean of the parameters learned at the
other sites of its class (Xie et al. 2025, egusphere-2025-3301, section 2.4.3), and a network trained at all
other sites, which sees the forcing and the attributes of the site but none of its fluxes. The true model is
run with both, with the defaults and with what was learned at the site itself.
"""

import functools
import itertools
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from tilth.config import Method
from tilth.config_kinds import Transfer
from tilth.data.containers import SiteRecord
from tilth.pipeline.calibrate import driving, require_observations
from tilth.pipeline.finished_runs import finished_runs, learned_parameters
from tilth.pipeline.folder import RunFolder
from tilth.pipeline.land_model import class_defaults, land_model, site_defaults
from tilth.pipeline.outcome import CALIBRATED, DEFAULT, DEFAULT_SITE, Asked, attempted_runs
from tilth.pipeline.progress import Progress
from tilth.pipeline.provenance import Stopwatch
from tilth.pipeline.sites import read_sites
from tilth.pipeline.transfer_rules import Lessons, Theta, class_mean
from tilth.pipeline.transfer_tables import CLASS_MEAN, JUDGED, NETWORK, write_transfer
from tilth.pipeline.workplace import Workplace


def run_transfer(
    experiment: Transfer,
    folder: Path,
    *,
    root: Path | None = None,
    resume: bool = False,
    force: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Leaves out every site in turn and writes tables and the page.

    What was learned before an interruption is kept with ``resume``. Raises ``ValueError`` for wrong input and
    ``FloatingPointError`` where learning fails; a run of the model that fails is a row with a note.
    """
    stopwatch = Stopwatch()
    with stopwatch.stage("read"):
        finished = finished_runs(experiment.runs, folder.parent)
        known = {method: learned_parameters(experiment, finished, method) for method in experiment.method}
        records = read_sites(experiment, root)
    require_observations(records)
    with RunFolder(folder, experiment.record(), resume=resume, force=force) as run_folder:
        shared = run_folder.checkpoints / "ensembles"
        found = {
            method: _learned(
                experiment,
                method,
                records,
                known[method],
                Workplace(run_folder.checkpoints / method, stopwatch, progress, shared),
            )
            for method in experiment.method
        }
        with stopwatch.stage("true model"):
            runs = _runs(experiment, records, found, progress)
        write = functools.partial(
            write_transfer,
            experiment=experiment,
            records=records,
            found=found,
            runs=runs,
            stopwatch=stopwatch,
        )
        run_folder.commit(write)
        for path in (shared, *(run_folder.checkpoints / method for method in experiment.method)):
            shutil.rmtree(path, ignore_errors=True)
    return folder


def _learned(
    experiment: Transfer,
    method: Method,
    records: Sequence[SiteRecord],
    known: Mapping[str, np.ndarray],
    place: Workplace,
) -> dict[str, dict[str, Theta | None]]:
    """Parameters of each site by each rule, None where a rule does not apply."""
    driven = [driving(experiment, record) for record in records]
    lessons = Lessons.of(experiment, method, driven, place)
    own = {
        record.attributes.name: Theta(known[record.attributes.name])
        if record.attributes.name in known
        else lessons.own(record)
        for record in driven
    }
    found: dict[str, dict[str, Theta | None]] = {}
    for record in driven:
        name = record.attributes.name
        found[name] = {
            DEFAULT: Theta(class_defaults(experiment, record)),
            **(
                {DEFAULT_SITE: Theta(site_defaults(experiment, record))}
                if experiment.defaults == "site"
                else {}
            ),
            CLASS_MEAN: class_mean(experiment, record, driven, own),
            NETWORK: lessons.without(driven, record),
            CALIBRATED: own[name],
        }
    return found


def _runs(
    experiment: Transfer,
    records: Sequence[SiteRecord],
    found: Mapping[Method, Mapping[str, Mapping[str, Theta | None]]],
    progress: Progress | None,
) -> dict[tuple[Method, str], dict[str, dict[str, np.ndarray] | None]]:
    """Series of the true model by method and site, for each rule; all run side by side."""
    if progress is not None:
        progress(0, 1, "runs of the true model")
    model = land_model(experiment, output_names=JUDGED)
    places, asked = [], []
    for method, record in itertools.product(found, records):
        name = record.attributes.name
        for rule, theta in found[method][name].items():
            if theta is not None:
                driver = record if rule == DEFAULT else driving(experiment, record)
                places.append((method, name, rule))
                asked.append(Asked(rule, theta.vector, driver))
    runs: dict[tuple[Method, str], dict[str, dict[str, np.ndarray] | None]] = {}
    for (method, name, rule), series in zip(places, attempted_runs(model, asked), strict=True):
        if rule == DEFAULT and series is None:
            raise FloatingPointError(
                f"the default run of the land model at {name} failed: there is nothing to compare with"
            )
        runs.setdefault((method, name), dict.fromkeys(found[method][name]))[rule] = series
    if progress is not None:
        progress(1, 1, "runs of the true model")
    return runs
