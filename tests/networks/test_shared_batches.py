"""Devices that share batches out: the same gradient, wherever its windows were computed."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tilth.networks.lstm import LSTM
from tilth.networks.shared_batches import devices_for, on_all, parts_for, shared_out, value_and_gradient
from tilth.networks.training import TrainingSettings, train

SETTINGS = TrainingSettings(epochs=3, windows_per_epoch=256, batch_size=64, learning_rate=0.01)
KEY = jax.random.key(5)


class Scaled(eqx.Module):
    """A mean over windows that knows an array of its own."""

    unit: jax.Array

    def __call__(self, network, batch):
        outputs = network(jnp.swapaxes(batch["x"], 0, 1))
        return jnp.mean(jnp.square((outputs[-1] - batch["y"]) / self.unit))


LOSS = Scaled(jnp.asarray([0.5], jnp.float32).reshape(1, 1))


def network() -> LSTM:
    return LSTM(3, 1, 2, key=KEY)


def sample(generator, size):
    x = generator.normal(size=(size, 6, 3)).astype(np.float32)
    return {"x": x, "y": x[:, -1, :1]}


@pytest.mark.parametrize(("shared", "parts"), [(True, 1), (False, 4), (True, 2)])
def test_a_shared_batch_has_the_gradient_of_the_whole(shared: bool, parts: int) -> None:
    batch = sample(np.random.default_rng(0), 128)
    mesh = devices_for(128) if shared else None
    assert (mesh is not None) == shared
    alone = eqx.filter_jit(value_and_gradient)(LOSS, network(), batch, None)
    batches = shared_out(mesh, jax.tree.map(lambda leaf: jnp.asarray(leaf[None]), batch))
    together = eqx.filter_jit(value_and_gradient)(
        LOSS, on_all(mesh, network()), jax.tree.map(lambda leaf: leaf[0], batches), mesh, parts
    )
    for one, other in zip(jax.tree.leaves(alone), jax.tree.leaves(together), strict=True):
        np.testing.assert_allclose(other, one, rtol=2e-5, atol=1e-7)


def test_training_on_several_devices_is_that_on_one_to_round_off() -> None:
    together = train(network(), LOSS, sample, SETTINGS, key=KEY, mean=True)
    alone = train(network(), LOSS, sample, SETTINGS, key=KEY)
    np.testing.assert_allclose(together.training_loss, alone.training_loss, rtol=1e-4)
    for leaf in jax.tree.leaves(together.network):
        assert len(leaf.devices()) == 1


def test_training_on_several_devices_resumes_bit_for_bit(tmp_path) -> None:
    checkpoint = tmp_path / "shared"

    class Stopped(RuntimeError):
        pass

    def stop(done: int, total: int, text: str) -> None:
        if done == 2:
            raise Stopped

    with pytest.raises(Stopped):
        train(network(), LOSS, sample, SETTINGS, key=KEY, mean=True, checkpoint=checkpoint, progress=stop)
    whole = train(network(), LOSS, sample, SETTINGS, key=KEY, mean=True)
    resumed = train(network(), LOSS, sample, SETTINGS, key=KEY, mean=True, checkpoint=checkpoint)
    for one, other in zip(jax.tree.leaves(resumed.network), jax.tree.leaves(whole.network), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("windows", "devices", "parts"), [(256, 2, 4), (64, 2, 1), (62, 1, 1), (97, 1, 1), (96, 2, 1)]
)
def test_devices_get_equal_shares_that_are_worth_it(windows: int, devices: int, parts: int) -> None:
    mesh = devices_for(windows)
    assert (1 if mesh is None else mesh.size) == devices
    assert parts_for(windows, mesh) == parts
    assert parts_for(windows, None) == (windows // 32 if windows % 32 == 0 else 1)
