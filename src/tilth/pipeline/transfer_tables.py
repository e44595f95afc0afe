"""What a transfer leaves in its folder: tables of scores, months, classes and parameters, and the page."""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from tilth.config import Method
from tilth.config_kinds import Transfer
from tilth.data.containers import SiteRecord
from tilth.evaluation.facts import write_facts
from tilth.evaluation.parameters_table import parameter_rows
from tilth.evaluation.significance import Resamples
from tilth.evaluation.tables import write_table
from tilth.evaluation.transfer import gain_resamples, month_scores, observed_variables, site_scores
from tilth.evaluation.transfer_means import class_means
from tilth.observations.splits import split_record
from tilth.pipeline.folder import FINISHED
from tilth.pipeline.land_model import class_defaults
from tilth.pipeline.outcome import DEFAULT
from tilth.pipeline.presets import THROUGH_SURROGATE
from tilth.pipeline.provenance import Stopwatch, provenance
from tilth.pipeline.transfer_rules import Theta
from tilth.report.html import write_report

JUDGED = ("Qle", "Qh", "Rnet", "Qg")
"""Fluxes that are scored wherever they were observed."""
CLASS_MEAN, NETWORK = "class-mean", "network"
"""Rules that know nothing of the fluxes of the site."""

Runs = Mapping[str, Mapping[str, np.ndarray] | None]


def write_transfer(
    partial: Path,
    *,
    experiment: Transfer,
    records: Sequence[SiteRecord],
    found: Mapping[Method, Mapping[str, Mapping[str, Theta | None]]],
    runs: Mapping[tuple[Method, str], Runs],
    stopwatch: Stopwatch,
) -> None:
    """Writes the tables, ``run.json`` and the page of a transfer.

    ``found[method][site][rule]`` are parameters, ``runs[method, site][rule]`` series of the true model.
    """
    counted = {
        record.attributes.name: site.in_means for site, record in zip(experiment.sites, records, strict=True)
    }
    scores, months, parameters = [], [], []
    samples: dict[tuple[str, str, str, str], Resamples | None] = {}
    for method, record in itertools.product(found, records):
        name, own = record.attributes.name, runs[method, record.attributes.name]
        thetas = found[method][name]
        split = split_record(record)
        parts = {"calibration": np.asarray(split.calibration), "heldout": np.asarray(split.heldout)}
        scores.append(
            site_scores(
                record,
                own,
                parts,
                method=method,
                in_means=counted[name],
                variables=JUDGED,
                notes={rule: _reason(record, own[rule], thetas[rule]) for rule in thetas},
            )
        )
        months.append(month_scores(record, own, method=method, variables=JUDGED))
        for rule, variable in itertools.product(list(thetas)[1:], observed_variables(record, JUDGED)):
            samples[method, rule, variable, name] = gain_resamples(record, own, rule, variable)
        parameters += [
            _parameters(experiment, record, theta, method, rule)
            for rule, theta in thetas.items()
            if theta is not None and rule != DEFAULT
        ]
    table = pd.concat(scores, ignore_index=True)
    write_table(partial / "transfer.csv", table)
    write_table(partial / "monthly.csv", pd.concat(months, ignore_index=True))
    write_table(partial / "parameters.csv", pd.concat(parameters, ignore_index=True))
    write_table(partial / "classes.csv", class_means(table, samples))
    facts = {
        **provenance("run", experiment, stopwatch),
        "name": experiment.name,
        "kept_out_of_means": [name for name, counts in counted.items() if not counts],
        "notes": _notes(experiment, table, found),
    }
    write_facts(partial / FINISHED, facts)
    write_report(partial)


def _reason(record: SiteRecord, series: Mapping[str, np.ndarray] | None, theta: Theta | None) -> str:
    """Why a rule has no scores at a site; nothing where it has."""
    if theta is None:
        site = record.attributes
        return f"{site.name} is alone in the class {site.plant_class}: no other site to take a mean of"
    return "" if series is not None else "the run of the land model failed with these parameters"


def _parameters(
    experiment: Transfer, record: SiteRecord, theta: Theta, method: str, rule: str
) -> pd.DataFrame:
    site = record.attributes
    rows = parameter_rows(
        experiment.space(),
        class_defaults(experiment, record),
        theta.vector,
        site=site.name,
        plant_class=site.plant_class,
        method=method,
    )
    return rows.assign(rule=rule)


def _notes(
    experiment: Transfer,
    table: pd.DataFrame,
    found: Mapping[Method, Mapping[str, Mapping[str, Theta | None]]],
) -> list[str]:
    notes = [f"{note}." for note in dict.fromkeys(table["note"]) if note]
    warned = table[table["beta_warning"]]
    if len(warned):
        pairs = dict.fromkeys(zip(warned["site"], warned["variable"], strict=True))
        listed = ", ".join(f"{variable} at {site}" for site, variable in pairs)
        notes.append(
            f"The monthly means observed of {listed} are near zero on average: the ratio of means β in their "
            "KGE, and so the KGE, says little there."
        )
    shared = [method for method in found if method in THROUGH_SURROGATE]
    if shared:
        notes.append(
            f"{' and '.join(shared)}: one surrogate is shared by all sites; it imitates the land model and "
            "has seen no observation, so that no flux of a site that is left out enters through it."
        )
    if experiment.runs:
        folders = ", ".join(map(str, experiment.runs))
        notes.append(f"Parameters learned at a site itself are those of {folders} where they are there.")
    for of_method in found.values():
        for thetas in of_method.values():
            notes += [note for theta in thetas.values() if theta is not None for note in theta.notes]
    return notes
