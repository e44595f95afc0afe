"""Which steps of a record count."""

from collections.abc import Mapping

import numpy as np

from tilth.data.containers import SiteRecord


def scored_steps(
    record: SiteRecord, observed: Mapping[str, np.ndarray], within: np.ndarray
) -> dict[str, np.ndarray]:
    """Steps of ``within`` at which each observed series is scored, ``[time]`` by variable.

    Scored: the raw flux was measured (finite where there is no flag), all seven forcings were in range, no
    long gap was filled in the 30 days before, and the target has a value.
    """
    return {name: record.scored(name) & np.isfinite(series) & within for name, series in observed.items()}
