"""Measures of agreement between a simulated and an observed series.

Symbols: ``s`` simulated, ``o`` observed, ``e = s - o``, over the ``n`` scored steps; a bar is the mean and
``sigma`` the standard deviation with divisor ``n`` (so that RMSE² = bias² + sigma_s² + sigma_o² -
2 r sigma_s sigma_o closes exactly). A step is scored where ``mask`` is True and the observation is finite.
A simulated value that is not finite at a scored step makes the measure NaN: a failed run gets no score.
A measure that is not defined (no step, an observation that never varies) is NaN.
"""

import numpy as np


def scored_pairs(
    simulated: np.ndarray, observed: np.ndarray, mask: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The simulated and the observed values at the scored steps, float64.

    Raises ``ValueError`` where the shapes differ and ``TypeError`` for a mask that is not Boolean.
    """
    simulated, observed = np.asarray(simulated), np.asarray(observed)
    mask = np.ones(observed.shape, bool) if mask is None else np.asarray(mask)
    if not simulated.shape == observed.shape == mask.shape:
        raise ValueError(
            "simulated, observed and mask must have one shape: got "
            f"{simulated.shape}, {observed.shape} and {mask.shape}; align them on time first"
        )
    if mask.dtype != bool:
        raise TypeError(f"mask must be Boolean (True where scored), got {mask.dtype}")
    keep = mask & np.isfinite(observed)
    return simulated[keep].astype(float), observed[keep].astype(float)


def rmse(simulated: np.ndarray, observed: np.ndarray, mask: np.ndarray | None = None) -> float:
    """Root mean square error, ``sqrt(mean(e²))``, in the unit of the series."""
    s, o = scored_pairs(simulated, observed, mask)
    return float(np.sqrt(np.mean((s - o) ** 2))) if o.size else float("nan")


def bias(simulated: np.ndarray, observed: np.ndarray, mask: np.ndarray | None = None) -> float:
    """Mean error, ``mean(s) - mean(o)``, in the unit of the series; positive where too much is simulated."""
    s, o = scored_pairs(simulated, observed, mask)
    return float(np.mean(s - o)) if o.size else float("nan")


def standard_deviations(
    simulated: np.ndarray, observed: np.ndarray, mask: np.ndarray | None = None
) -> tuple[float, float]:
    """Standard deviations ``(sigma_s, sigma_o)`` over the scored steps, divisor ``n``."""
    s, o = scored_pairs(simulated, observed, mask)
    return (float(np.std(s)), float(np.std(o))) if o.size else (float("nan"), float("nan"))


def correlation(simulated: np.ndarray, observed: np.ndarray, mask: np.ndarray | None = None) -> float:
    """Pearson correlation ``r = mean((s - s̄)(o - ō)) / (sigma_s sigma_o)`` [-]; NaN if one is constant."""
    s, o = scored_pairs(simulated, observed, mask)
    if o.size < 2 or not (np.ptp(s) > 0 and np.ptp(o) > 0):
        return float("nan")
    covariance = np.mean((s - s.mean()) * (o - o.mean()))
    return float(covariance / (s.std() * o.std()))


def kge(simulated: np.ndarray, observed: np.ndarray, mask: np.ndarray | None = None) -> float:
    """Kling-Gupta efficiency of 2009 [-], 1 for a perfect simulation.

    ``1 - sqrt((r - 1)² + (alpha - 1)² + (beta - 1)²)`` with ``alpha = sigma_s / sigma_o`` and
    ``beta = s̄ / ō`` (Gupta et al. 2009, doi:10.1016/j.jhydrol.2009.08.003, equations 9-10). ``beta`` says
    little where the observed mean is near zero, as for the ground heat flux over whole years.
    """
    s, o = scored_pairs(simulated, observed, mask)
    r = correlation(s, o)
    if not np.isfinite(r) or o.mean() == 0.0:
        return float("nan")
    alpha, beta = s.std() / o.std(), s.mean() / o.mean()
    return float(1.0 - np.sqrt((r - 1.0) ** 2 + (alpha - 1.0) ** 2 + (beta - 1.0) ** 2))


def nse(simulated: np.ndarray, observed: np.ndarray, mask: np.ndarray | None = None) -> float:
    """Nash-Sutcliffe efficiency [-], ``1 - sum(e²) / sum((o - ō)²)``.

    Nash and Sutcliffe 1970, doi:10.1016/0022-1694(70)90255-6, equation 3. 1 is perfect, 0 as good as the
    observed mean. NaN where the observation is constant.
    """
    s, o = scored_pairs(simulated, observed, mask)
    if o.size == 0 or not np.ptp(o) > 0:
        return float("nan")
    return float(1.0 - np.sum((s - o) ** 2) / np.sum((o - o.mean()) ** 2))


def nme(simulated: np.ndarray, observed: np.ndarray, mask: np.ndarray | None = None) -> float:
    """Normalised mean error [-], ``sum(|e|) / sum(|o - ō|)``.

    Best et al. 2015, doi:10.1175/JHM-D-14-0158.1, Table 2 (PLUMBER). 0 is perfect, 1 as good as the
    observed mean. NaN where the observation is constant.
    """
    s, o = scored_pairs(simulated, observed, mask)
    if o.size == 0 or not np.ptp(o) > 0:
        return float("nan")
    return float(np.sum(np.abs(s - o)) / np.sum(np.abs(o - o.mean())))


def all_metrics(
    simulated: np.ndarray, observed: np.ndarray, mask: np.ndarray | None = None
) -> dict[str, int | float]:
    """Every measure by its column name: n, rmse, bias, std_obs, std_sim, r, kge, nse, nme."""
    s, o = scored_pairs(simulated, observed, mask)
    std_sim, std_obs = standard_deviations(s, o)
    return {
        "n": int(o.size),
        "rmse": rmse(s, o),
        "bias": bias(s, o),
        "std_obs": std_obs,
        "std_sim": std_sim,
        "r": correlation(s, o),
        "kge": kge(s, o),
        "nse": nse(s, o),
        "nme": nme(s, o),
    }
