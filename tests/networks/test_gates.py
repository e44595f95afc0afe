import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from tilth.networks.gates import Gate


def test_gate_is_a_sigmoid_of_the_inputs_times_the_shared_features() -> None:
    gate = Gate(2, 3, key=jax.random.key(0))
    gate = eqx.tree_at(lambda g: g.bias, gate, jnp.array([0.0, 50.0, -50.0], jnp.float32))
    shared = jnp.ones((4, 5, 3), jnp.float32) * 2.0
    gated = gate(jnp.zeros((4, 5, 2), jnp.float32), shared)
    np.testing.assert_allclose(gated[1, 2], [1.0, 2.0, 0.0], atol=1e-6)
    inputs = jnp.ones((4, 5, 2), jnp.float32)
    expected = 2.0 / (1.0 + np.exp(-np.asarray(gate.weight[:, 0]).sum()))
    np.testing.assert_allclose(gate(inputs, shared)[..., 0], expected, rtol=1e-6)
