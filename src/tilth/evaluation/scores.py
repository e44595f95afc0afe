"""The table of scores: one row a variable, run, part of the record and resolution."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from tilth.data.containers import SiteRecord
from tilth.evaluation.aggregation import RESOLUTIONS, period_means
from tilth.evaluation.metrics import all_metrics

SCORE_COLUMNS = (
    "site", "class", "variable", "method", "target", "run", "split", "resolution",
    "period_start", "period_end", "n", "rmse", "bias", "std_obs", "std_sim", "r", "kge", "nse", "nme",
)  # fmt: skip
"""Columns of ``scores.csv``, in order. RMSE, bias and standard deviations are in the unit of the variable."""

JUDGED = ("Qle", "Qh", "Rnet", "Qg", "GPP", "NEE", "RadT")
"""Variables that are scored wherever they were observed."""


def score_table(
    record: SiteRecord,
    simulations: Mapping[str, Mapping[str, np.ndarray]],
    splits: Mapping[str, np.ndarray],
    *,
    method: str,
    variables: Sequence[str] | None = None,
    target: str = "raw",
    observed: Mapping[str, np.ndarray] | None = None,
    resolutions: Sequence[str] = RESOLUTIONS,
) -> pd.DataFrame:
    """Scores of simulated series against the observations of a site.

    ``simulations[run][variable]`` are series ``[time]`` in the unit of the ALMA variable, ``run`` being
    default or calibrated; ``splits[split]`` are masks ``[time]``, ``split`` being calibration or heldout.
    ``target`` names what is compared; for anything but raw fluxes ``observed[variable]`` gives the
    observations in their place. ``variables`` are by default those of :data:`JUDGED` that every run has; one
    that the site did not observe has no rows. ``n`` counts scored
    steps at the native resolution and means of at least 80 % of their steps at the others; the same steps
    enter the simulated and the observed mean. ``period_start`` and ``period_end`` enclose what was scored.

    Raises ``ValueError`` where a run lacks a variable or a series has another length than the record.
    """
    if variables is None:
        variables = [name for name in JUDGED if all(name in outputs for outputs in simulations.values())]
    rows = []
    for variable in variables:
        if variable not in record.observations:
            continue
        observation = (observed or {}).get(variable, record.observations[variable].value)
        scored = record.scored(variable) & np.isfinite(observation)
        for run, outputs in simulations.items():
            simulated = _series(outputs, variable, run, len(record.time))
            for split, inside in splits.items():
                for resolution in resolutions:
                    pair = {"simulated": simulated, "observed": observation}
                    means = period_means(record.time, record.step, pair, scored & inside, resolution)
                    rows.append(
                        {
                            "site": record.attributes.name,
                            "class": record.attributes.plant_class,
                            "variable": variable,
                            "method": method,
                            "target": target,
                            "run": run,
                            "split": split,
                            "resolution": resolution,
                            "period_start": str(means.start[0]) if len(means.start) else "",
                            "period_end": str(means.end[-1]) if len(means.end) else "",
                            **all_metrics(means.series["simulated"], means.series["observed"]),
                        }
                    )
    table = pd.DataFrame(rows, columns=list(SCORE_COLUMNS))
    text, numbers = SCORE_COLUMNS[:10], SCORE_COLUMNS[11:]
    return table.astype({**dict.fromkeys(text, "str"), "n": "int64", **dict.fromkeys(numbers, "float64")})


def _series(outputs: Mapping[str, np.ndarray], variable: str, run: str, length: int) -> np.ndarray:
    if variable not in outputs:
        raise ValueError(
            f"the {run} run has no {variable}: expected it among {sorted(outputs)}; "
            "ask the model for that output or leave the variable out"
        )
    series = np.asarray(outputs[variable])
    if series.shape != (length,):
        raise ValueError(
            f"{variable} of the {run} run must be a series of {length} steps, got shape {series.shape}; "
            "cut off the padding of a batch of sites first"
        )
    return series
