"""How far a surrogate is from the land model about the fluxes that guard, where it led to."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Array, Float

from tilth.ensembles.store import EnsembleStore
from tilth.observations.targets import FluxTargets

LEAST, MOST = 0.8, 1.25
"""Range of what is made of it: a surrogate that is farther off is not mended by another limit."""


def allowances(
    guarded: FluxTargets,
    predicted: Mapping[str, Float[Array, "two site time"]],
    store: EnsembleStore,
    members: Sequence[int],
) -> dict[str, Float[np.ndarray, " site"]]:
    """What a surrogate may make of the mean square errors of guarded fluxes, relative to the start [-].

    The land model then makes no more of them than at the start, if the two differ as they do at two
    ``members`` of the ``store``, what was learned and the start; ``predicted`` are the surrogate's series of
    these. One where nothing is observed; fluxes that were not predicted are left out.
    """
    found = {}
    for flux, name in enumerate(guarded.variables):
        if name not in predicted:
            continue
        found[name] = np.ones(guarded.choice.shape[1])
        for site in np.flatnonzero(guarded.choice[flux].any(axis=-1)).tolist():
            steps = np.flatnonzero(guarded.choice[flux, site])
            observed = guarded.observed[flux, site, steps]
            promised = [np.asarray(series[site])[steps] for series in predicted[name]]
            true = [store.series(name, member, site)[steps] for member in members]
            ratio = _ratio(promised, observed) / _ratio(true, observed)
            found[name][site] = np.clip(np.nan_to_num(ratio, nan=1.0), LEAST, MOST)
    return found


def _ratio(series: Sequence[np.ndarray], observed: np.ndarray) -> float:
    """Mean square error of the first series over that of the second [-]."""
    first, second = (np.mean((one.astype(float) - observed) ** 2) for one in series)
    return float(first / second) if second > 0.0 else float("nan")
