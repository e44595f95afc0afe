"""What sites share of what is learned: nothing, the mean of their class, one set a class, or a network."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import pandas as pd

from tilth.calibration.base import History, Status
from tilth.calibration.rules import PerClass, mean_theta
from tilth.config import Experiment, Method
from tilth.data.containers import SiteRecord
from tilth.pipeline.learning import Learned, learn
from tilth.pipeline.workplace import Workplace


def learn_pooled(
    experiment: Experiment, method: Method, records: Sequence[SiteRecord], place: Workplace
) -> Learned:
    """Parameters of sites that share what the experiment's key ``pooling`` says; as :func:`learn`.

    With ``mean`` and ``class`` the sites must be of one plant class.
    """
    if experiment.pooling in ("site", "network"):
        return learn(experiment, method, records, place)
    classes = sorted({record.attributes.plant_class for record in records})
    if len(classes) > 1:
        raise ValueError(f"expected sites of one class that share parameters, got {', '.join(classes)}")
    if experiment.pooling == "class":
        found = learn(experiment, method, records, place)
    else:
        found = _averaged(experiment, method, records, place)
    rule = PerClass(tuple(classes), found.thetas[:1])
    notes = list(found.notes)
    if len(records) == 1:
        notes.append(f"{records[0].attributes.name} is alone in the class {classes[0]}: nothing is shared.")
    return dataclasses.replace(found, result=dataclasses.replace(found.result, rule=rule), notes=notes)


def _averaged(
    experiment: Experiment, method: Method, records: Sequence[SiteRecord], place: Workplace
) -> Learned:
    """Every site learned for itself, then the mean of their vectors in unconstrained space at all of them."""
    each: dict[str, Learned] = {}
    for record in records:
        name = record.attributes.name
        each[name] = learn(experiment, method, [record], place.below(name))
    learned = list(each.values())
    theta = mean_theta(experiment.space(), np.concatenate([one.thetas for one in learned]))
    results = [one.result for one in learned]
    factors = [r.closure_factor for r in results if r.closure_factor is not None]
    gained = any(result.status.gained for result in results)
    result = dataclasses.replace(
        results[0],
        status=Status.SUCCEEDED if gained else Status.NO_GAIN,
        history=History(
            np.concatenate([r.history.loss for r in results]),
            np.concatenate([r.history.validation for r in results]),
        ),
        closure_factor=np.concatenate(factors) if factors else None,
    )
    tables = {
        table: pd.concat([_named(one.tables[table], name) for name, one in each.items()], ignore_index=True)
        for table in learned[0].tables
    }
    notes = [f"{name}: {note}" for name, one in each.items() for note in one.notes]
    return Learned(np.tile(theta, (len(records), 1)), result, tables, notes)


def _named(table: pd.DataFrame, site: str) -> pd.DataFrame:
    """A table whose stages, if it has any, begin with the site."""
    if "stage" not in table:
        return table
    return table.assign(stage=[f"{site} {stage}" for stage in table["stage"]])
