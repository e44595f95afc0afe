import jax.numpy as jnp
import numpy as np
import pytest

from helpers_models import SPACE
from tilth.ensembles.design import one_at_a_time, sobol
from tilth.surrogates.guard import TrainingRegion


def physical(*fractions: float) -> np.ndarray:
    return np.asarray(SPACE.from_fraction(jnp.asarray(fractions)))


def test_members_that_fill_the_box_hold_everything_in_it() -> None:
    region = TrainingRegion(SPACE, sobol(SPACE, 256, 0))
    inside = [region.position(theta).inside for theta in sobol(SPACE, 64, 9)]
    # 95 % by construction for points like the members; less at the faces of the box
    assert np.mean(inside) > 0.8


def test_parameters_that_move_together_leave_a_one_at_a_time_design() -> None:
    region = TrainingRegion(SPACE, one_at_a_time(SPACE, physical(0.5, 0.5, 0.5)))
    # levels 0, 1/3, 2/3, 1 on each axis through the middle: neighbours are a third or a sixth apart
    np.testing.assert_allclose(region.limit, 1.0 / 3.0, atol=1e-6)
    assert region.position(physical(0.5, 0.75, 0.5)).inside
    corner = region.position(physical(0.9, 0.1, 0.9))
    assert not corner.inside and corner.beyond == ()
    np.testing.assert_allclose(corner.distance, np.sqrt(0.1**2 + 0.4**2 + 0.4**2), rtol=1e-6)
    assert "extrapolated" in corner.sentence and "0.57 of the scaled range" in corner.sentence


def test_a_parameter_beyond_the_members_is_named() -> None:
    members = np.stack([physical(x, 0.5, y) for x in (0.2, 0.4) for y in (0.1, 0.9)])
    found = TrainingRegion(SPACE, members).position(physical(0.45, 0.5, 0.1))
    assert found.beyond == (SPACE.names[0],) and found.distance < found.limit and not found.inside
    assert f"beyond the members' range: {SPACE.names[0]}" in found.sentence


def test_a_region_needs_members() -> None:
    with pytest.raises(ValueError, match="at least 2 members, got 1"):
        TrainingRegion(SPACE, physical(0.5, 0.5, 0.5)[None])
