import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tilth.surrogates.multitask import MultitaskNetwork
from tilth.surrogates.settings import PRESETS, MultitaskSizes, SurrogateSettings, preset

SIZES = MultitaskSizes(shared_layers=2, shared_hidden=5, task_layers=1, task_hidden=4)


def test_network_is_that_of_the_equations() -> None:
    network = MultitaskNetwork(3, 2, SIZES, key=jax.random.key(0))
    combined = jax.random.normal(jax.random.key(1), (6, 7, 3), jnp.float32)
    inputs = jnp.swapaxes(combined, 0, 1)
    shared = network.shared(inputs)
    for task in range(2):
        gate = jax.nn.sigmoid(inputs @ network.gates[task].weight + network.gates[task].bias[None, None])
        hidden = network.tasks[task](gate * shared)
        expected = hidden @ network.heads[task].weight + network.heads[task].bias
        np.testing.assert_allclose(network(combined)[:, :, task], expected.T, atol=1e-6)


def test_a_window_does_not_see_the_others_nor_its_own_future() -> None:
    network = MultitaskNetwork(3, 2, SIZES, key=jax.random.key(0))
    combined = jax.random.normal(jax.random.key(1), (4, 7, 3), jnp.float32)
    changed = combined.at[1].add(1.0).at[0, 5:].add(1.0)
    before, after = network(combined), network(changed)
    np.testing.assert_allclose(before[2:], after[2:], atol=1e-6)
    np.testing.assert_allclose(before[0, :5], after[0, :5], atol=1e-6)
    assert float(jnp.abs(before[1] - after[1]).min()) > 0.0


def test_only_the_shared_layers_learn_at_a_third_of_the_rate() -> None:
    labels = MultitaskNetwork(3, 2, SIZES, key=jax.random.key(0)).rate_groups()
    assert set(jax.tree.leaves(labels.shared)) == {"shared"}
    assert set(jax.tree.leaves((labels.gates, labels.tasks, labels.heads))) == {"task"}
    for settings in PRESETS.values():
        assert settings.training.rate_factors == {"shared": 1.0 / 3.0}


def test_paper_preset_has_the_papers_sizes() -> None:
    paper = preset("paper")
    network = MultitaskNetwork(30, 2, paper.sizes, key=jax.random.key(0))
    assert [layer.recurrent_weight.shape for layer in network.shared.layers] == [(128, 512)] * 4
    assert [layer.recurrent_weight.shape for layer in network.tasks[1].layers] == [(128, 512)] * 2
    assert (paper.window, paper.harmonics, paper.training.epochs, paper.training.learning_rate) == (
        48,
        4,
        200,
        0.005,
    )


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="unknown surrogate preset 'slow': expected one of"):
        preset("slow")
    with pytest.raises(ValueError, match="layers and hidden sizes must be at least 1"):
        MultitaskSizes(0, 4, 1, 4)
    training = preset("quick").training
    with pytest.raises(ValueError, match="number of tasks must be at least 1"):
        SurrogateSettings(SIZES, training, tasks=())
    with pytest.raises(ValueError, match=r"validation_fraction must be in \[0, 1\), got 1.0"):
        SurrogateSettings(SIZES, training, validation_fraction=1.0)
