import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import qmc

from helpers_models import SPACE
from tilth.ensembles.design import around, latin_hypercube, one_at_a_time, sobol

DEFAULTS = np.array([0.11, 9.0, 6e-5])


def test_one_at_a_time_changes_one_parameter_at_a_time_over_its_whole_range() -> None:
    members = one_at_a_time(SPACE, DEFAULTS)
    assert members.shape == (1 + 3 * 4, 3)
    np.testing.assert_array_equal(members[0], DEFAULTS)
    for parameter in range(3):
        block = members[1 + 4 * parameter : 5 + 4 * parameter]
        others = np.delete(block, parameter, axis=1)
        np.testing.assert_array_equal(others, np.broadcast_to(np.delete(DEFAULTS, parameter), others.shape))
        fractions = np.asarray(SPACE.fraction(jnp.asarray(block)))[:, parameter]
        np.testing.assert_allclose(fractions, [0.0, 1 / 3, 2 / 3, 1.0], atol=1e-12)


def test_one_at_a_time_keeps_each_sites_own_defaults() -> None:
    defaults = np.stack([DEFAULTS, DEFAULTS * [1.0, 0.5, 1.0]])
    members = one_at_a_time(SPACE, defaults, levels=2)
    assert members.shape == (7, 2, 3)
    np.testing.assert_array_equal(members[1, :, 1:], defaults[:, 1:])


@pytest.mark.parametrize("design", [latin_hypercube, sobol])
def test_joint_designs_fill_the_box_evenly_and_repeat(design) -> None:
    members = design(SPACE, 100, 3)
    assert members.shape == (100, 3)
    SPACE.check(members)
    np.testing.assert_array_equal(members, design(SPACE, 100, 3))
    assert np.abs(members - design(SPACE, 100, 4)).max() > 0.0
    fractions = np.clip(np.asarray(SPACE.fraction(jnp.asarray(members))), 0.0, 1.0)
    random = np.random.default_rng(0).random((100, 3))
    assert qmc.discrepancy(fractions) < 0.5 * qmc.discrepancy(random)


def test_latin_hypercube_has_one_member_in_each_slice() -> None:
    fractions = np.asarray(SPACE.fraction(jnp.asarray(latin_hypercube(SPACE, 10, 0))))
    for column in fractions.T:
        np.testing.assert_array_equal(np.sort(np.floor(column * 10)), np.arange(10))


def test_members_around_a_centre_are_near_it_and_inside_the_box() -> None:
    members = around(SPACE, DEFAULTS, 200, 1, spread=0.1)
    SPACE.check(members)
    away = np.asarray(SPACE.fraction(jnp.asarray(members)) - SPACE.fraction(jnp.asarray(DEFAULTS))[None])
    # rlfv is a quarter of its range, 2.4 deviations, from its bound: hardly any draw is reflected
    np.testing.assert_allclose(away[:, :2].std(axis=0), 0.1, rtol=0.1)
    np.testing.assert_allclose(away[:, :2].mean(axis=0), 0.0, atol=0.01)
    with pytest.raises(ValueError, match=r"fraction of the range in \(0, 0.5\], got 2.0"):
        around(SPACE, DEFAULTS, 5, 1, spread=2.0)


def test_wrong_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one member, got 0"):
        sobol(SPACE, 0, 1)
    with pytest.raises(ValueError, match="at least 2 levels, got 1"):
        one_at_a_time(SPACE, DEFAULTS, levels=1)
    with pytest.raises(ValueError, match="outside their bounds"):
        one_at_a_time(SPACE, DEFAULTS * 100.0)
