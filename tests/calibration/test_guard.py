"""What guarded fluxes cost."""

import jax.numpy as jnp
import numpy as np

from tilth.calibration.guard import STEEP, excess

LIMIT = jnp.asarray([2.0, 4.0, 0.0])
"""The third flux is not observed."""


def test_errors_within_their_limits_cost_nothing_and_others_their_excess() -> None:
    assert float(excess(jnp.asarray([1.9, 4.0, 9.0]), LIMIT, STEEP)) == 0.0
    np.testing.assert_allclose(excess(jnp.asarray([3.0, 5.0, 0.0]), LIMIT, 2.0), 2.0 * (0.5 + 0.25))


def test_candidates_side_by_side_have_guards_of_their_own() -> None:
    errors = jnp.asarray([[3.0], [3.0]])[None]
    costs = excess(errors, jnp.asarray([[[2.0]]]), jnp.asarray([[0.3], [3.0]]))
    np.testing.assert_allclose(costs, [[0.15], [1.5]])
