"""How uncertain an observed turbulent flux is: as its file says, else by a rule from the literature."""

import numpy as np

from tilth.data.containers import SiteRecord

OFFSET, SLOPE = 10.0, 0.2
"""Standard deviation of the random error of a half-hourly flux at zero flux [W m-2], and its growth with the
magnitude of the flux [-]."""

TURBULENT = ("Qle", "Qh")
"""The fluxes measured by eddy covariance, which the rule is for."""
STATED, RULE, BOTH = "stated", "rule", "stated and rule"
"""Where an error comes from: the file, the rule, or the rule at steps for which the file states none."""


def random_error(flux: np.ndarray) -> np.ndarray:
    """Standard deviation of the random error of half-hourly Qle or Qh [W m-2]: 10 + 0.2 abs(flux).

    The error of eddy covariance grows about linearly with the flux (Hollinger and Richardson 2005,
    doi:10.1093/treephys/25.7.873; Richardson et al. 2006, doi:10.1016/j.agrformet.2006.01.007); the two
    numbers are round ones near those of the latter's forests. It says nothing of systematic errors, such as
    a balance that does not close.
    """
    return OFFSET + SLOPE * np.abs(flux)


def observation_error(record: SiteRecord, variable: str) -> tuple[float, str]:
    """Root mean square of the observations' standard deviation of error, and where that comes from.

    Over the scored steps: that of the file where it is positive, else :func:`random_error` of the observed
    value. NaN and an empty text where nothing is scored, and for what is no turbulent flux.
    """
    observed = variable in TURBULENT and variable in record.observations
    if not observed or not record.scored(variable).any():
        return float("nan"), ""
    observation, scored = record.observations[variable], record.scored(variable)
    deviation = random_error(observation.value[scored])
    origin = RULE
    if observation.uncertainty is not None:
        stated = observation.uncertainty[scored]
        known = np.isfinite(stated) & (stated > 0.0)
        deviation = np.where(known, stated, deviation)
        origin = STATED if known.all() else BOTH if known.any() else RULE
    return float(np.sqrt(np.mean(deviation**2))), origin
