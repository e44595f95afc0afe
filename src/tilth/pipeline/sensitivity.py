"""Sensitivity experiments: what each parameter does to the fluxes at every site, by several methods."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pandas as pd

from tilth.calibration.derivatives import rms_derivative, rmse_gradient, series_derivatives
from tilth.config_kinds import SensitivityExperiment
from tilth.data.containers import Sites
from tilth.ensembles.run import run_ensemble
from tilth.ensembles.sensitivity import indices, responses, sensitivity_design
from tilth.evaluation.facts import write_facts
from tilth.evaluation.sensitivity_table import agreement, mean_ranks, measure_rows
from tilth.evaluation.tables import write_table
from tilth.pipeline.compiled_code import forget_old_code
from tilth.pipeline.folder import FINISHED, RunFolder
from tilth.pipeline.land_model import FLUXES, land_model
from tilth.pipeline.progress import Progress
from tilth.pipeline.provenance import Stopwatch, provenance
from tilth.pipeline.sensitivity_subjects import Subject, alike, subject_of, within_ranges
from tilth.pipeline.sites import read_sites
from tilth.pipeline.workplace import Workplace
from tilth.report.html import write_report

GRADIENT = "gradient"
"""The analysis that takes no ensemble."""
UNITS = {"sigma": "W m-2", "first_order": "-", "total_order": "-"}
"""Units of measures; all others are in W m-2 (per range, where they are slopes)."""


def run_sensitivity(
    experiment: SensitivityExperiment,
    folder: Path,
    *,
    root: Path | None = None,
    resume: bool = False,
    force: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Analyses every site and writes ``sensitivity.csv``, ``ranks.csv``, ``agreement.csv`` and the report.

    Sites that were finished before an interruption are kept with ``resume``, and an ensemble goes on where
    it stopped. Raises ``ValueError`` for wrong input and ``FloatingPointError`` where the run with default
    parameters fails; other members that fail are counted.
    """
    stopwatch = Stopwatch()
    with stopwatch.stage("read"):
        records = read_sites(experiment, root)
        kept = zip(experiment.sites, records, strict=True)
        subjects = [subject_of(experiment, record, in_means=site.in_means) for site, record in kept]
    with RunFolder(folder, experiment.record(), resume=resume, force=force) as run_folder:
        place = Workplace(run_folder.checkpoints, stopwatch, progress)
        tables = []
        if set(experiment.analyses) != {GRADIENT}:
            tables += [_of_site(experiment, subject, place) for subject in subjects]
        if GRADIENT in experiment.analyses:
            groups = alike(subjects)
            tables += [_of_derivatives(experiment, group, place, n) for n, group in enumerate(groups)]
        table = pd.concat(tables, ignore_index=True)
        order = {subject.name: number for number, subject in enumerate(subjects)}
        table = table.sort_values("site", key=lambda names: names.map(order), kind="stable")
        run_folder.commit(lambda partial: _write(partial, experiment, subjects, table, stopwatch))
        shutil.rmtree(run_folder.checkpoints / "finished", ignore_errors=True)
    return folder


def _of_site(experiment: SensitivityExperiment, subject: Subject, place: Workplace) -> pd.DataFrame:
    """Rows of the methods that run an ensemble at one site; its store is removed once they are written."""
    methods = [name for name in experiment.analyses if name != GRADIENT]
    finished = place.checkpoints / "finished" / f"{subject.name}.csv"
    if finished.is_file():
        return pd.read_csv(finished)
    forget_old_code()
    design = sensitivity_design(
        subject.space, subject.default, methods,
        trajectories=experiment.trajectories, samples=experiment.samples, seed=experiment.seed,
    )  # fmt: skip
    model = land_model(within_ranges(experiment, subject), output_names=FLUXES)
    path = place.checkpoints / f"{subject.name}.zarr"
    staged = place.staged(subject.name)
    with place.stopwatch.stage("ensembles"):
        sites = Sites.of([subject.record], jnp.result_type(float))
        store = run_ensemble(model, design.thetas, sites, path, progress=staged)
    rows = []
    for flux in FLUXES:
        response = responses(store, flux)
        for method in methods:
            found = indices(design, method, response, seed=experiment.seed)
            rows += [
                measure_rows(
                    subject.identity(flux, method), subject.space.names, subject.range_sources,
                    measure=measure, unit=UNITS.get(measure, "W m-2"), value=value,
                    counts=(found.used, found.failed, found.left_out),
                    half_width=found.half_widths.get(measure),
                )
                for measure, value in found.measures.items()
            ]  # fmt: skip
    return _finished(finished, rows, path)


def _of_derivatives(
    experiment: SensitivityExperiment, group: Sequence[Subject], place: Workplace, number: int
) -> pd.DataFrame:
    """Rows of the exact derivatives at sites whose records are alike, which run side by side."""
    finished = place.checkpoints / "finished" / f"derivatives-{number}.csv"
    if finished.is_file():
        return pd.read_csv(finished)
    forget_old_code()
    names = ", ".join(subject.name for subject in group)
    if place.progress is not None:
        place.progress(0, 1, f"derivatives {number + 1}: {names}")
    with place.stopwatch.stage("derivatives"):
        found = series_derivatives(
            land_model(experiment, output_names=FLUXES),
            [subject.space for subject in group],
            np.stack([subject.default for subject in group]),
            Sites.of([subject.record for subject in group], jnp.result_type(float)),
            FLUXES,
        )
    if place.progress is not None:
        place.progress(1, 1, f"derivatives {number + 1}: {names}")
    rows = []
    for site, subject in enumerate(group):
        for flux in FLUXES:
            series, slopes = found.series[flux][site], found.derivatives[flux][site]
            values = {"rms_derivative": rms_derivative(slopes, found.converged[site])}
            if flux in subject.record.observations:
                observed = subject.record.observations[flux].value
                counted = found.converged[site] & subject.record.scored(flux)
                values["rmse_gradient"] = rmse_gradient(series, slopes, observed, counted)
            for measure, value in values.items():
                method = GRADIENT if measure == "rms_derivative" else "loss-gradient"
                failed = (~np.isfinite(slopes).all(axis=1)).astype(int)
                rows.append(
                    measure_rows(
                        subject.identity(flux, method),
                        subject.space.names,
                        subject.range_sources,
                        measure=measure,
                        unit="W m-2",
                        value=value,
                        counts=(1 - failed, failed, failed),
                    )
                )
    return _finished(finished, rows, None)


def _finished(path: Path, rows: Sequence[pd.DataFrame], store: Path | None) -> pd.DataFrame:
    """Keeps the rows of a part as read back, so that a resumed run gives the same tables."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_table(path, pd.concat(rows, ignore_index=True))
    if store is not None:
        shutil.rmtree(store)
    return pd.read_csv(path)


def _write(
    partial: Path,
    experiment: SensitivityExperiment,
    subjects: Sequence[Subject],
    table: pd.DataFrame,
    stopwatch: Stopwatch,
) -> None:
    ranks = mean_ranks(table)
    write_table(partial / "sensitivity.csv", table)
    write_table(partial / "ranks.csv", ranks)
    write_table(partial / "agreement.csv", agreement(table, ranks))
    apart = [subject.name for subject in subjects if not subject.in_means]
    write_facts(
        partial / FINISHED,
        {
            **provenance("run", experiment, stopwatch),
            "name": experiment.name,
            "kept_out_of_means": apart,
            "sites": [subject.facts() for subject in subjects],
            "ranges": [
                {"site": s.name, **{p.name: [p.lower, p.upper] for p in s.space.parameters}} for s in subjects
            ],
        },
    )
    write_report(partial)
