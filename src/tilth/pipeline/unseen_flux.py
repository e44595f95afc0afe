"""The experiment on fluxes left out of calibration: finished runs, judged by what they never saw."""

from pathlib import Path

import pandas as pd

from tilth.config_kinds import UnseenFlux
from tilth.evaluation.facts import write_facts
from tilth.evaluation.tables import write_table
from tilth.evaluation.unseen import UNSEEN_COLUMNS, unseen_rows
from tilth.pipeline.benchmark_lines import require_same_clock
from tilth.pipeline.finished_runs import finished_runs
from tilth.pipeline.folder import FINISHED, RunFolder
from tilth.pipeline.progress import Progress
from tilth.pipeline.provenance import Stopwatch, provenance
from tilth.pipeline.sites import read_sites
from tilth.report.html import write_report


def run_unseen_flux(
    experiment: UnseenFlux,
    folder: Path,
    *,
    root: Path | None = None,
    resume: bool = False,
    force: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Judges every calibrated run at the sites of the experiment and writes the folder.

    Raises ``ValueError`` for wrong input: a folder that is not finished, a run on another record, no
    calibrated run at any site.
    """
    stopwatch = Stopwatch()
    with stopwatch.stage("read"):
        runs = [run for run in finished_runs(experiment.runs, folder.parent) if run.calibrated]
        records = {record.attributes.name: record for record in read_sites(experiment, root)}
        judged = [run for run in runs if run.site in records]
        if not judged:
            raise ValueError(
                f"expected calibrated runs at {', '.join(records)} in "
                f"{', '.join(map(str, experiment.runs))}, got "
                f"{', '.join(run.site for run in runs) or 'none'}: calibrate the sites first"
            )
        for run in judged:
            require_same_clock(records[run.site], run.simulation, run.folder)
    with RunFolder(folder, experiment.record(), resume=resume, force=force) as run_folder:
        tables, notes = [], []
        with stopwatch.stage("scores"):
            for number, run in enumerate(judged):
                if progress is not None:
                    progress(number, len(judged), f"unseen fluxes: {run.site}")
                table, remarks = unseen_rows(records[run.site], run.simulation, str(run.facts["method"]))
                tables.append(table)
                notes += [remark for remark in remarks if remark not in notes]
        pairs = zip(experiment.sites, records, strict=True)
        facts = {
            **provenance("run", experiment, stopwatch),
            "name": experiment.name,
            "notes": notes,
            "kept_out_of_means": [name for site, name in pairs if not site.in_means],
        }

        def write(partial: Path) -> None:
            filled = [table for table in tables if len(table)]
            joined = pd.concat(filled) if filled else pd.DataFrame(columns=list(UNSEEN_COLUMNS))
            write_table(partial / "unseen_flux.csv", joined)
            write_facts(partial / FINISHED, facts)
            write_report(partial)

        run_folder.commit(write)
    return folder
