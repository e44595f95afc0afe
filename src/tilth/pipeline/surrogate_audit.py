"""The audit of surrogates: each network on each design against the land model, and calibrated through."""

import dataclasses
import itertools
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import jax
import numpy as np
import pandas as pd

from tilth.config import Method
from tilth.config_kinds import SurrogateAudit
from tilth.data.containers import SiteRecord, Sites
from tilth.ensembles.run import run_ensemble
from tilth.ensembles.store import EnsembleStore
from tilth.evaluation.facts import write_facts
from tilth.evaluation.metrics import rmse
from tilth.evaluation.parameters_table import parameter_rows
from tilth.evaluation.tables import write_table
from tilth.models.base import AbstractLandModel
from tilth.observations.splits import split_record
from tilth.pipeline.calibrate import driving, require_observations
from tilth.pipeline.compiled_code import forget_old_code
from tilth.pipeline.folder import FINISHED, RunFolder
from tilth.pipeline.land_model import class_defaults, ensemble_model
from tilth.pipeline.learning import Learned, learn
from tilth.pipeline.outcome import DEFAULT, Asked, true_runs
from tilth.pipeline.progress import Progress, numbered
from tilth.pipeline.provenance import Stopwatch, provenance
from tilth.pipeline.sites import read_sites
from tilth.pipeline.surrogate import box_ensemble
from tilth.pipeline.verification import near_design
from tilth.pipeline.workplace import Workplace
from tilth.report.html import write_report
from tilth.surrogates.audit import BOX_LIMIT, NEAR_LIMIT, AuditRow, audit_surrogate

METHODS: dict[str, Method] = {"multitask": "mdpl", "single-task": "dpl"}
"""The method that learns through each network."""
AUDITED = (
    "rmse", "worst_rmse", "bias", "of_observation_error", "of_observation_std", "of_response_std",
)  # fmt: skip
"""What the table says of an audit over the box and near the optimum, each with ``box_`` or ``near_``."""
TABLES = ("surrogates.csv", "parameters.csv")


@dataclasses.dataclass(frozen=True)
class Audited:
    """One surrogate of the experiment: a network trained on a design at one site, or at all of them."""

    records: Sequence[SiteRecord]
    group: str
    design: str
    network: str

    @property
    def name(self) -> str:
        """Its name in folders and messages."""
        return f"{self.group}-{self.design}-{self.network}"


def run_surrogate_audit(
    experiment: SurrogateAudit,
    folder: Path,
    *,
    root: Path | None = None,
    resume: bool = False,
    force: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Trains, audits and calibrates through every surrogate that is not finished yet; writes the folder.

    Raises as :func:`tilth.pipeline.experiment.run_experiment`.
    """
    stopwatch = Stopwatch()
    with stopwatch.stage("read"):
        records = read_sites(experiment, root)
    require_observations(records)
    with RunFolder(folder, experiment.record(), resume=resume, force=force) as run_folder:
        parts = audited_parts(experiment, records)
        finished = run_folder.checkpoints / "finished"
        for number, part in enumerate(parts):
            shared = run_folder.checkpoints / "ensembles" / part.group
            own = run_folder.checkpoints / part.name
            if not (finished / part.name).is_dir():
                forget_old_code()
                told = numbered(progress, number, len(parts), part.name)
                place = Workplace(own, stopwatch, told, shared)
                _write_part(finished / part.name, audited(experiment, part, place))
            shutil.rmtree(own, ignore_errors=True)
            if all(later.group != part.group for later in parts[number + 1 :]):
                shutil.rmtree(shared, ignore_errors=True)

        def write(partial: Path) -> None:
            for name in TABLES:
                tables = [pd.read_csv(finished / part.name / name) for part in parts]
                write_table(partial / name, pd.concat(tables, ignore_index=True))
            facts = provenance("run", experiment, stopwatch)
            limits = {"near_limit": NEAR_LIMIT, "box_limit": BOX_LIMIT}
            write_facts(partial / FINISHED, {**facts, "name": experiment.name, **limits})
            write_report(partial)

        run_folder.commit(write)
        shutil.rmtree(finished)
    return folder


def audited_parts(experiment: SurrogateAudit, records: Sequence[SiteRecord]) -> list[Audited]:
    """The surrogates of an experiment, those that share an ensemble one after the other."""
    groups: list[tuple[str, Sequence[SiteRecord]]] = [(r.attributes.name, [r]) for r in records]
    if experiment.pooling == "network":
        groups = [("network", records)]
    return [
        Audited(members, group, design, network)
        for (group, members), design, network in itertools.product(
            groups, experiment.designs, experiment.networks
        )
    ]


def audited(experiment: SurrogateAudit, part: Audited, place: Workplace) -> dict[str, pd.DataFrame]:
    """The tables of one surrogate: trained, calibrated through, and compared with the land model.

    Over the box by runs that may be there already, and around what was learned.
    """
    own = experiment.model_copy(update={"sizes": experiment.sizes.model_copy(update={"design": part.design})})
    driven = [driving(own, record) for record in part.records]
    before = place.stopwatch.seconds.get("surrogate", 0.0)
    members = experiment.audit_members
    learned = learn(own, METHODS[part.network], driven, place, audit_members=members)
    seconds = place.stopwatch.seconds["surrogate"] - before
    if learned.through is None:
        raise TypeError(f"{part.network} learns through a surrogate, got none")
    surrogate, sites = learned.through.surrogate, Sites.of(driven)
    land = ensemble_model(own)
    starts = np.stack([class_defaults(own, record) for record in part.records])
    with place.stopwatch.stage("audit"):
        box = box_ensemble(own, land, sites, place, members)
        around = near_design(land.space, learned.thetas, members - 2, own.seed + 3_000_017)
        near_thetas = np.concatenate([learned.thetas[None], starts[None], around])
        near = run_ensemble(
            land, near_thetas, sites, place.checkpoints / "near.zarr", progress=place.progress
        )
        defaults = _default_runs(own, land, part, driven, near)
        over_box = audit_surrogate(surrogate, box, sites)
        around_it = audit_surrogate(surrogate, near, sites, members=range(2, members))
    facts = {
        "design": part.design,
        "network": part.network,
        "memory": surrogate.inputs.antecedent,
        "weights": sum(leaf.size for leaf in jax.tree.leaves(surrogate.network)),
        "members": learned.through.members,
        "training_seconds": seconds,
    }
    rows = [
        {
            **_site_facts(part, row.site),
            **facts,
            **_audits(row, by_it),
            **_judged(part, learned, near, defaults, row),
        }
        for row, by_it in zip(over_box, around_it, strict=True)
    ]
    parameters = [
        parameter_rows(
            land.space,
            starts[index],
            learned.thetas[index],
            site=record.attributes.name,
            plant_class=record.attributes.plant_class,
            method=f"{part.network} on {part.design}",
        )
        for index, record in enumerate(part.records)
    ]
    return {"surrogates.csv": pd.DataFrame(rows), "parameters.csv": pd.concat(parameters, ignore_index=True)}


def _site_facts(part: Audited, site: str) -> dict[str, object]:
    record = next(record for record in part.records if record.attributes.name == site)
    return {"site": site, "class": record.attributes.plant_class}


def _audits(box: AuditRow, near: AuditRow) -> dict[str, object]:
    """The flux and its audits over the box and near the optimum."""
    return {
        "flux": box.flux,
        "observation_error": box.observation_error,
        "error_origin": box.error_origin,
        **{f"box_{name}": getattr(box, name) for name in AUDITED},
        "box_passes": box.passes(BOX_LIMIT),
        **{f"near_{name}": getattr(near, name) for name in AUDITED},
        "near_passes": near.passes(NEAR_LIMIT),
    }


def _default_runs(
    experiment: SurrogateAudit,
    land: AbstractLandModel,
    part: Audited,
    driven: Sequence[SiteRecord],
    near: EnsembleStore,
) -> list[Mapping[str, np.ndarray]]:
    """The fluxes of each site with the defaults of its class: the second member of ``near``.

    A site whose calibrated runs are driven otherwise than by default gets a run of its own.
    """
    runs: list[Mapping[str, np.ndarray]] = []
    for index, (record, driver) in enumerate(zip(part.records, driven, strict=True)):
        if driver is record and near.succeeded[1, index]:
            runs.append({flux: near.series(flux, 1, index) for flux in near.output_names})
        else:
            asked = Asked(DEFAULT, class_defaults(experiment, record), record)
            runs.append(true_runs(land, [asked])[0])
    return runs


def _judged(
    part: Audited,
    learned: Learned,
    near: EnsembleStore,
    defaults: Sequence[Mapping[str, np.ndarray]],
    row: AuditRow,
) -> dict[str, object]:
    """What the guard says of the learned parameters, and the true model's errors before and with them.

    The true model's run with what was learned is the first member of ``near``.
    """
    index = near.site_names.index(row.site)
    record = part.records[index]
    position = None if learned.through is None else learned.through.positions[index]
    split = split_record(record)
    found: dict[str, object] = {}
    if position is not None:
        found = {"inside": position.inside, "distance": position.distance, "distance_limit": position.limit}
    if not near.succeeded[0, index]:
        raise FloatingPointError(
            f"the run of the land model at {row.site} failed with the parameters learned through "
            f"{part.name}: a result cannot be judged"
        )
    runs = {"default": defaults[index][row.flux], "calibrated": near.series(row.flux, 0, index)}
    for name, inside in (("calibration", split.calibration), ("heldout", split.heldout)):
        for run, series in runs.items():
            error = np.nan
            if row.flux in record.observations:
                mask = record.scored(row.flux) & np.asarray(inside)
                error = rmse(series, record.observations[row.flux].value, mask)
            found[f"{run}_rmse_{name}"] = error
    return found


def _write_part(folder: Path, tables: dict[str, pd.DataFrame]) -> None:
    """Writes the tables of one surrogate, whole or not at all."""
    partial = folder.with_name(folder.name + ".part")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for name, table in tables.items():
        write_table(partial / name, table)
    partial.rename(folder)
