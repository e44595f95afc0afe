"""Designs: which parameter vectors an ensemble is run with.

One-at-a-time designs show what each parameter does near the defaults; joint designs (Latin hypercube,
Sobol) fill the whole box and are what a surrogate should be trained on when its optimum is not known.
"""

import jax.numpy as jnp
import numpy as np
from scipy.stats import norm, qmc

from tilth.parameters.space import ParameterSpace


def one_at_a_time(space: ParameterSpace, defaults: np.ndarray, levels: int = 4) -> np.ndarray:
    """The default member first, then each parameter at uniformly spaced levels of its range, one at a time.

    As in Xie et al. 2025, section 2.4.1: four levels across the range, here with both bounds and uniform in
    the parameter's scale. ``defaults`` is ``[param]`` or ``[site, param]`` in the parameters' units; the
    result is ``[1 + param * levels, param]`` or ``[1 + param * levels, site, param]`` in the same units.
    """
    if levels < 2:
        raise ValueError(f"a one-at-a-time design needs at least 2 levels, got {levels}")
    space.check(defaults)
    defaults = np.asarray(defaults, dtype=float)
    count = len(space.names)
    fractions = np.linspace(0.0, 1.0, levels)
    values = np.asarray(space.from_fraction(jnp.asarray(np.repeat(fractions[:, None], count, axis=1))))
    members = np.broadcast_to(defaults, (1 + count * levels, *defaults.shape)).copy()
    for parameter in range(count):
        for level in range(levels):
            members[1 + parameter * levels + level, ..., parameter] = values[level, parameter]
    return members


def latin_hypercube(space: ParameterSpace, n: int, seed: int) -> np.ndarray:
    """``[n, param]`` values of a scrambled Latin hypercube, uniform in each parameter's scale.

    McKay, Beckman and Conover 1979 (doi:10.1080/00401706.1979.10489755).
    """
    _check_size(n)
    return physical_values(space, qmc.LatinHypercube(len(space.names), rng=seed).random(n))


def sobol(space: ParameterSpace, n: int, seed: int) -> np.ndarray:
    """``[n, param]`` values: the first ``n`` points of a scrambled Sobol sequence in each parameter's scale.

    Sobol' 1967 (doi:10.1016/0041-5553(67)90144-9). Balanced where ``n`` is a power of two.
    """
    _check_size(n)
    exponent = int(np.ceil(np.log2(n)))
    return physical_values(space, qmc.Sobol(len(space.names), rng=seed).random_base2(exponent)[:n])


def around(
    space: ParameterSpace, centre: np.ndarray, n: int, seed: int, *, spread: float = 0.1
) -> np.ndarray:
    """``[n, param]`` values near ``centre`` ``[param]``: where a surrogate must be best, around an optimum.

    A Latin hypercube of normal deviates; ``spread`` is their standard deviation as a fraction of each
    parameter's range, in its scale. Values beyond a bound are reflected at it.
    """
    _check_size(n)
    space.check(centre)
    if not 0.0 < spread <= 0.5:
        raise ValueError(f"spread is a fraction of the range in (0, 0.5], got {spread}")
    draws = norm.ppf(qmc.LatinHypercube(len(space.names), rng=seed).random(n))
    middle = np.asarray(space.fraction(jnp.asarray(centre, dtype=float)[None]))
    phase = np.mod(middle + spread * draws, 2.0)
    return physical_values(space, np.minimum(phase, 2.0 - phase))


def physical_values(space: ParameterSpace, fractions: np.ndarray) -> np.ndarray:
    """Values at positions in the ranges (0 to 1, linear or logarithmic), in the parameters' units."""
    values = np.asarray(space.from_fraction(jnp.asarray(fractions, dtype=float)), dtype=float)
    return np.clip(values, space.lower, space.upper)


def _check_size(n: int) -> None:
    if n < 1:
        raise ValueError(f"a design needs at least one member, got {n}")
