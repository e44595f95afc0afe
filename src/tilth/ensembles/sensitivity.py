"""Sensitivity of a model's series to its parameters: members to run, and indices from what they gave.

The response to a member is one number, the root mean square difference of its series from those of the
default member (Xie et al. 2025, section 2.4.1 and Fig. 2), so that all methods rank by the same thing.
Morris and Sobol designs and indices come from SALib (Iwanaga et al. 2022, doi:10.18174/sesmo.18155) and are
drawn in positions in the range, linear or logarithmic as the parameter says.

A member that failed has the response NaN. One at a time, it is left out of its parameter's mean. A trajectory
(Morris) or a block of the same base sample (Sobol) with such a member is left out whole, since its members
only count together. What is left out is counted; where little is left, the indices are NaN.
"""

import dataclasses
from collections.abc import Mapping, Sequence

import jax.numpy as jnp
import numpy as np

from tilth.ensembles.design import one_at_a_time, physical_values
from tilth.ensembles.store import EnsembleStore
from tilth.parameters.space import ParameterSpace

LEVELS = 4
"""Levels of the one-at-a-time design (Xie et al. 2025) and of the grid of the Morris design."""
LEAST_GROUPS = 2
"""Fewest trajectories or blocks that indices are computed from."""


@dataclasses.dataclass(frozen=True, eq=False)
class SensitivityDesign:
    """Members of all methods in one ensemble, the default first.

    ``thetas`` [member, param] are physical; by the name of the method, ``fractions`` [member, param] are
    positions in the ranges and ``parts`` the places of its members.
    """

    thetas: np.ndarray
    fractions: Mapping[str, np.ndarray]
    parts: Mapping[str, slice]


@dataclasses.dataclass(frozen=True, eq=False)
class Indices:
    """Indices of one response, ``[param]`` each; NaN where too few members are left.

    ``measures`` by name; ``half_widths`` those of 95 % bootstrap intervals, where there are any. ``used``,
    ``failed`` and ``left_out`` count members: those behind the index, those that failed, and those that are
    not used because of that.
    """

    measures: Mapping[str, np.ndarray]
    half_widths: Mapping[str, np.ndarray]
    used: np.ndarray
    failed: np.ndarray
    left_out: np.ndarray


def sensitivity_design(
    space: ParameterSpace,
    default: np.ndarray,
    methods: Sequence[str],
    *,
    trajectories: int,
    samples: int,
    seed: int,
) -> SensitivityDesign:
    """Members of the named methods (one-at-a-time, morris, sobol).

    ``default`` is ``[param]``, physical. Morris (1991, doi:10.1080/00401706.1991.10484804) takes
    ``trajectories`` x (param + 1) members; Sobol ``samples`` x (param + 2), by the scheme of Saltelli et al.
    (2010, doi:10.1016/j.cpc.2009.09.018). ``samples`` is a power of two.
    """
    from SALib.sample import morris, sobol

    count = len(space.names)
    first = one_at_a_time(space, default, LEVELS)
    drawn = {"one-at-a-time": np.asarray(space.fraction(jnp.asarray(first[1:])))}
    members = {"one-at-a-time": first[1:]}
    if "morris" in methods:
        drawn["morris"] = morris.sample(_problem(count), trajectories, num_levels=LEVELS, seed=seed)
    if "sobol" in methods:
        drawn["sobol"] = sobol.sample(_problem(count), samples, calc_second_order=False, seed=seed)
    unknown = [method for method in methods if method not in drawn]
    if unknown:
        raise ValueError(f"unknown methods {unknown}: expected some of one-at-a-time, morris, sobol")
    members |= {name: physical_values(space, drawn[name]) for name in drawn if name not in members}
    parts, total = {}, 1
    for method in methods:
        parts[method] = slice(total, total + len(members[method]))
        total = parts[method].stop
    return SensitivityDesign(
        np.concatenate([first[:1], *(members[method] for method in methods)]),
        {method: drawn[method] for method in methods},
        parts,
    )


def responses(store: EnsembleStore, variable: str, *, site: int = 0) -> np.ndarray:
    """Root mean square difference of each member from member 0 at a site, in the variable's unit, [member].

    NaN for members that failed. Steps at which the surface balance of either did not converge do not count.
    Raises ``FloatingPointError`` where member 0, the default, failed.
    """
    succeeded = store.succeeded[:, site]
    if not succeeded[0]:
        raise FloatingPointError(
            f"{store.site_names[site]}: the run with default parameters failed, so nothing can be compared "
            "with it; look at the forcing with `tilth check`"
        )
    reference, counted = _series(store, variable, 0, site)
    found = np.full(len(succeeded), np.nan)
    for member in np.flatnonzero(succeeded):
        series, converged = _series(store, variable, int(member), site)
        both = counted & converged
        if both.any():
            found[member] = np.sqrt(np.mean((series[both] - reference[both]) ** 2))
    return found


def indices(design: SensitivityDesign, method: str, response: np.ndarray, *, seed: int) -> Indices:
    """Indices of a method from the responses of all members ``[member]``; ``seed`` is the bootstrap's."""
    fractions, own = design.fractions[method], response[design.parts[method]]
    if method == "one-at-a-time":
        return _one_at_a_time(own, fractions.shape[1])
    return {"morris": _morris, "sobol": _sobol}[method](fractions, own, seed)


def _one_at_a_time(response: np.ndarray, count: int) -> Indices:
    """Mean response over the levels of each parameter."""
    levels = response.reshape(count, LEVELS)
    there = np.isfinite(levels)
    used = there.sum(axis=1)
    total = np.where(there, levels, 0.0).sum(axis=1)
    mean = np.divide(total, used, out=np.full(count, np.nan), where=used > 0)
    failed = LEVELS - used
    return Indices({"mean_rmse": mean}, {}, used, failed, failed)


def _morris(fractions: np.ndarray, response: np.ndarray, seed: int) -> Indices:
    """Mean and standard deviation of the elementary effects, per unit of the range.

    ``mu_star`` is the mean of their sizes (Campolongo et al. 2007, doi:10.1016/j.envsoft.2006.10.004), large
    ``sigma`` a sign of interaction or curvature.
    """
    from SALib.analyze import morris

    count = fractions.shape[1]
    kept = _whole_groups(response, count + 1)
    names = ("mu_star", "sigma")
    values, half_widths = _unknown(names, count), _unknown(names[:1], count)
    if kept.sum() >= LEAST_GROUPS * (count + 1):
        found = morris.analyze(
            _problem(count), fractions[kept], response[kept], num_levels=LEVELS, seed=seed + 1
        )
        values = {name: np.asarray(found[name], float) for name in names}
        half_widths = {"mu_star": np.asarray(found["mu_star_conf"], float)}
    return _counted(values, half_widths, response, kept, count)


def _sobol(fractions: np.ndarray, response: np.ndarray, seed: int) -> Indices:
    """First-order and total indices: shares of the variance of the response [-].

    Estimators of Saltelli et al. 2010 (first order) and Jansen 1999 (total order,
    doi:10.1016/S0010-4655(98)00154-4). Undefined where the response does not vary.
    """
    from SALib.analyze import sobol

    count = fractions.shape[1]
    kept = _whole_groups(response, count + 2)
    names = {"first_order": "S1", "total_order": "ST"}
    values, half_widths = _unknown(names, count), _unknown(names, count)
    if kept.sum() >= LEAST_GROUPS * (count + 2) and np.ptp(response[kept]) > 0.0:
        # SALib takes the seed 0 for none.
        found = sobol.analyze(_problem(count), response[kept], calc_second_order=False, seed=seed + 1)
        values = {name: np.asarray(found[key], float) for name, key in names.items()}
        half_widths = {name: np.asarray(found[f"{key}_conf"], float) for name, key in names.items()}
    return _counted(values, half_widths, response, kept, count)


def _whole_groups(response: np.ndarray, size: int) -> np.ndarray:
    """Members of the groups of ``size`` consecutive members that have none with a response of NaN."""
    return np.repeat(np.isfinite(response.reshape(-1, size)).all(axis=1), size)


def _counted(
    values: Mapping[str, np.ndarray],
    half_widths: Mapping[str, np.ndarray],
    response: np.ndarray,
    kept: np.ndarray,
    count: int,
) -> Indices:
    used, failed = int(kept.sum()), int((~np.isfinite(response)).sum())
    numbers = (np.full(count, n) for n in (used, failed, len(kept) - used))
    return Indices(values, half_widths, *numbers)


def _unknown(names: Sequence[str] | Mapping[str, str], count: int) -> dict[str, np.ndarray]:
    return {name: np.full(count, np.nan) for name in names}


def _problem(count: int) -> dict[str, object]:
    """SALib's description of ``count`` parameters that are positions in a range."""
    return {"num_vars": count, "names": [f"p{i}" for i in range(count)], "bounds": [[0.0, 1.0]] * count}


def _series(store: EnsembleStore, variable: str, member: int, site: int) -> tuple[np.ndarray, np.ndarray]:
    """One stored series in float64 and the steps that count."""
    series = np.asarray(store.series(variable, member, site), dtype=float)
    if "converged" not in store.output_names:
        return series, np.ones(len(series), dtype=bool)
    return series, np.asarray(store.series("converged", member, site)) > 0.5
