import jax.numpy as jnp
import numpy as np

from tilth.networks.normalisation import Normalisation


def test_features_are_scaled_and_restored() -> None:
    values = np.random.default_rng(0).normal([1.0, 300.0], [0.1, 20.0], (50, 4, 2))
    scaling = Normalisation.of(values)
    scaled = scaling.apply(jnp.asarray(values, jnp.float32))
    # float32 keeps seven digits of numbers near 300
    np.testing.assert_allclose(np.mean(scaled, axis=(0, 1)), 0.0, atol=1e-4)
    np.testing.assert_allclose(np.std(scaled, axis=(0, 1)), 1.0, atol=1e-4)
    np.testing.assert_allclose(scaling.restore(scaled), values, rtol=1e-5)


def test_feature_that_does_not_vary_is_centred() -> None:
    scaling = Normalisation.of(np.full((10, 2), [3.8e-4, 0.0]))
    np.testing.assert_allclose(
        scaling.apply(jnp.array([[3.8e-4, 1.0]], jnp.float32)), [[0.0, 1.0]], atol=1e-9
    )
