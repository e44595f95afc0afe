import jax.numpy as jnp
import numpy as np
import pytest

from helpers_calibration import BucketModel, twin_record
from helpers_models import SPACE
from tilth.calibration.base import Problem
from tilth.calibration.parameter_map import ParameterMap
from tilth.calibration.rules import PerSite, Shared
from tilth.data.containers import Sites

SITES = Sites.of([twin_record("a", 10), twin_record("b", 12)])


def test_unknown_or_no_free_parameters_are_refused():
    for free, got in ((("vmax0", "nonsense"), "nonsense"), ((), "none")):
        with pytest.raises(ValueError, match=f"expected parameters to learn out of .*, got {got}:"):
            Problem.of(BucketModel(), SITES, free=free)


def test_starts_of_another_shape_or_outside_their_bounds_are_refused():
    with pytest.raises(
        ValueError, match=r"starts must hold 3 values for each of 2 sites, got shape \(1, 3\)"
    ):
        Problem.of(BucketModel(), SITES, starts=np.ones((1, 3)))
    outside = np.tile(SPACE.upper * 2.0, (2, 1))
    with pytest.raises(ValueError, match="parameters outside their bounds: rlfv"):
        Problem.of(BucketModel(), SITES, starts=outside)


def test_problems_are_told_apart_by_what_they_hold():
    one = Problem.of(BucketModel(), SITES).identity()
    assert one == Problem.of(BucketModel(), SITES).identity()
    record = SITES.records[0]
    warmer = {**record.forcing, "air_temperature": record.forcing["air_temperature"] + 1.0}
    other = Problem.of(BucketModel(), Sites.of([record.replace(forcing=warmer), SITES.records[1]])).identity()
    assert {name for name in one if one[name] != other[name]} == {"forcing"}


def test_shared_and_per_site_rules():
    theta = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(Shared(theta[0])(SITES), np.stack([theta[:1], theta[:1]], axis=1))
    rule = PerSite(("b", "a"), theta)
    np.testing.assert_array_equal(rule(SITES)[0], theta[::-1])
    with pytest.raises(ValueError, match="no parameters were learned for c: expected sites out of b, a"):
        rule(Sites.of([twin_record("c", 10)]))


def test_free_parameters_on_a_bound_start_inside_and_fixed_ones_stay():
    starts = jnp.asarray(np.stack([SPACE.lower, SPACE.upper]))
    mapping = ParameterMap(SPACE, starts, ("gradm",))
    theta = mapping.physical(jnp.zeros((2, 1)))
    place = SPACE.names.index("gradm")
    np.testing.assert_allclose(SPACE.fraction(theta)[:, place], [0.01, 0.99], rtol=1e-6)
    others = [i for i in range(3) if i != place]
    np.testing.assert_array_equal(theta[:, np.array(others)], starts[:, np.array(others)])
