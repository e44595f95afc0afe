"""Learning a site's parameters, re-running the true model with them, and judging it."""

import functools
import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tilth.config import Experiment, Method
from tilth.data.containers import SiteRecord
from tilth.evaluation.peers import PeerScores
from tilth.observations.operators import named_target
from tilth.pipeline.folder import RunFolder
from tilth.pipeline.land_model import FLUXES, SIMULATED, class_defaults, land_model, with_site_pathway
from tilth.pipeline.learning import Learned
from tilth.pipeline.outcome import CALIBRATED, Asked, Outcome, true_runs, write_run
from tilth.pipeline.peers import peer_scores, with_peers
from tilth.pipeline.pooling import learn_pooled
from tilth.pipeline.progress import Progress
from tilth.pipeline.provenance import Stopwatch, provenance
from tilth.pipeline.simulate import default_runs
from tilth.pipeline.sites import hidden_truth, read_sites
from tilth.pipeline.through_surrogate import optimum_note
from tilth.pipeline.workplace import Workplace


def calibrate(
    experiment: Experiment,
    folder: Path,
    *,
    root: Path | None = None,
    resume: bool = False,
    force: bool = False,
    progress: Progress | None = None,
) -> Outcome:
    """Calibrates the one site of an experiment with its one method and writes the folder.

    Raises ``ValueError`` for wrong input and ``FloatingPointError`` where the model or the method fails.
    What was computed before an interruption is kept under ``checkpoints`` and used with ``resume``.
    """
    if len(experiment.sites) != 1 or len(experiment.method) != 1:
        raise ValueError(
            f"expected one site and one method, got {len(experiment.sites)} sites and "
            f"{len(experiment.method)} methods; put them into an experiment file for `tilth run`"
        )
    stopwatch = Stopwatch()
    with stopwatch.stage("read"):
        records = read_sites(experiment, root)
        peers = peer_scores(experiment, root)
    require_observations(records)
    with RunFolder(folder, experiment.record(), resume=resume, force=force) as run_folder:
        place = Workplace(run_folder.checkpoints, stopwatch, progress)
        outcome = calibrated(experiment, experiment.method[0], records, place, peers=peers)[0]
        facts = provenance("calibrate", experiment, stopwatch)

        run_folder.commit(functools.partial(write_run, outcome=outcome, facts=facts))
    return outcome


def calibrated(
    experiment: Experiment,
    method: Method,
    records: Sequence[SiteRecord],
    place: Workplace,
    *,
    peers: PeerScores | None = None,
) -> list[Outcome]:
    """Learns the parameters of the sites and runs the true model before and after, one outcome a site.

    The rows of each site in ``peers`` become a table of its outcome.
    """
    driven = [driving(experiment, record) for record in records]
    learned = learn_pooled(experiment, method, driven, place)
    model = land_model(experiment, output_names=SIMULATED)
    if place.progress is not None:
        place.progress(0, 1, "runs of the true model")
    with place.stopwatch.stage("true model"):
        asked = [
            [*default_runs(experiment, record), Asked(CALIBRATED, theta, driver)]
            for record, theta, driver in zip(records, learned.thetas, driven, strict=True)
        ]
        outputs = iter(true_runs(model, list(itertools.chain(*asked))))
        runs = [{wanted.run: next(outputs) for wanted in of_site} for of_site in asked]
    if place.progress is not None:
        place.progress(1, 1, "runs of the true model")
    outcomes = [
        _outcome(experiment, method, index, record, runs[index], learned, driven[index])
        for index, record in enumerate(records)
    ]
    return [with_peers(outcome, peers) for outcome in outcomes]


def driving(experiment: Experiment, record: SiteRecord) -> SiteRecord:
    """The record that the calibrated run is driven with: C3 where the defaults of the site say so."""
    return with_site_pathway(record) if experiment.defaults == "site" else record


def require_observations(records: Sequence[SiteRecord]) -> None:
    """``ValueError`` naming the sites that have no flux to learn from."""
    for record in records:
        usable = [name for name in FLUXES if name in record.observations and record.scored(name).any()]
        if not usable:
            found = ", ".join(sorted(record.observations)) or "none"
            raise ValueError(
                f"{record.attributes.name}: expected observed {' or '.join(FLUXES)} to learn from, got "
                f"none that can be used (observed series: {found}); give a Flux file, and see `tilth check`"
            )


def _outcome(
    experiment: Experiment,
    method: str,
    index: int,
    record: SiteRecord,
    runs: dict[str, dict[str, np.ndarray]],
    learned: Learned,
    driver: SiteRecord,
) -> Outcome:
    targets, notes = {}, list(learned.notes)
    if learned.through is not None:
        notes.append(learned.through.positions[index].sentence)
        surrogate = learned.through.surrogate
        notes.append(optimum_note(surrogate, driver, learned.thetas[index], runs[CALIBRATED]))
    if experiment.target == "corrected":
        targets["corrected"] = named_target("corrected").observed(record, FLUXES)
    factors = learned.result.closure_factor
    if factors is not None:
        raw = named_target("closure").observed(record, FLUXES)
        targets["closure"] = {name: series / factors[index] for name, series in raw.items()}
        notes.append(
            f"The learned closure factor is {factors[index]:.3f}: rows of the target closure compare with "
            "the measured fluxes divided by it."
        )
    return Outcome(
        record=record,
        space=experiment.space(),
        method=method,
        runs=runs,
        defaults=class_defaults(experiment, record),
        learned=learned.thetas[index],
        targets=targets,
        tables=learned.tables,
        truth=hidden_truth(experiment, record),
        notes=notes,
    )
