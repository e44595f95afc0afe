import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from helpers_models import SPACE, AnalyticModel, small_sites
from tilth.ensembles.design import sobol
from tilth.ensembles.run import run_ensemble
from tilth.networks.training import TrainingSettings
from tilth.surrogates.architectures import network_of, size_matched, weight_count
from tilth.surrogates.files import load_surrogate, save_surrogate
from tilth.surrogates.settings import MultitaskSizes, SingleTaskSizes, SurrogateSettings, single_task
from tilth.surrogates.single_task import SingleTaskNetwork
from tilth.surrogates.train import train_surrogate

MULTITASK = SurrogateSettings(
    sizes=MultitaskSizes(1, 8, 1, 8),
    training=TrainingSettings(
        epochs=2, windows_per_epoch=64, batch_size=32, rate_factors={"shared": 1.0 / 3.0}
    ),
    window=24,
)
SETTINGS = single_task(MULTITASK, SingleTaskSizes(2, 6))


def test_network_is_a_trunk_and_a_linear_head() -> None:
    network = SingleTaskNetwork(3, 2, SingleTaskSizes(2, 5), key=jax.random.key(0))
    combined = jax.random.normal(jax.random.key(1), (6, 7, 3), jnp.float32)
    hidden = network.trunk(jnp.swapaxes(combined, 0, 1))
    expected = hidden @ network.weight + network.bias[None, None]
    np.testing.assert_allclose(network(combined), jnp.swapaxes(expected, 0, 1), atol=1e-6)
    assert network.sizes == SingleTaskSizes(2, 5)
    assert set(jax.tree.leaves(network.rate_groups())) == {"task"}
    with pytest.raises(ValueError, match="layers and hidden sizes must be at least 1"):
        SingleTaskSizes(1, 0)


def test_weights_are_counted_as_the_equations_have_them() -> None:
    # LSTM layers of 4 n (m + n + 1), then n + 1 weights an output
    single = SingleTaskSizes(6, 190)
    upper = 5 * 4 * 190 * (190 + 190 + 1)
    assert upper == 1_447_800
    assert weight_count(single, 31, 2) == 4 * 190 * (31 + 190 + 1) + upper + 2 * 191
    multitask = MultitaskSizes(1, 5, 1, 4)
    expected = 4 * 5 * (3 + 5 + 1) + 2 * ((3 + 1) * 5 + 4 * 4 * (5 + 4 + 1) + 5)
    assert weight_count(multitask, 3, 2) == expected


@pytest.mark.parametrize("multitask", [MultitaskSizes(4, 128, 2, 128), MultitaskSizes(1, 8, 1, 8)])
def test_a_matched_network_has_about_as_many_weights(multitask) -> None:
    found = size_matched(SingleTaskSizes(3, 1), multitask, 31, 2)
    wanted = weight_count(multitask, 31, 2)
    errors = [
        abs(weight_count(dataclasses.replace(found, hidden=found.hidden + step), 31, 2) - wanted)
        for step in (-1, 0, 1)
    ]
    assert errors[1] == min(errors)
    assert errors[1] < 0.05 * wanted


def test_it_is_trained_saved_and_used_as_the_multi_task_one(tmp_path) -> None:
    sites = small_sites(16)
    store = run_ensemble(AnalyticModel(), sobol(SPACE, 8, 1), sites, tmp_path / "store")
    settings = dataclasses.replace(SETTINGS, training=dataclasses.replace(SETTINGS.training, epochs=8))
    surrogate = train_surrogate(store, sites, settings, key=jax.random.key(0), checkpoint=tmp_path / "c")
    assert surrogate.training_loss[-1] < surrogate.training_loss[0]
    save_surrogate(tmp_path / "surrogate", surrogate)
    again = load_surrogate(tmp_path / "surrogate")
    assert isinstance(again.network, SingleTaskNetwork)
    thetas = jnp.asarray(sobol(SPACE, 2, 5))[:, None]
    np.testing.assert_array_equal(
        again.run(thetas, sites).outputs["Qle"], surrogate.run(thetas, sites).outputs["Qle"]
    )
    with pytest.raises(ValueError, match="belongs to another run"):
        train_surrogate(store, sites, MULTITASK, key=jax.random.key(0), checkpoint=tmp_path / "c")
    with pytest.raises(ValueError, match="same tasks, window, inputs and sizes only"):
        train_surrogate(store, sites, MULTITASK, key=jax.random.key(0), start=surrogate)


def test_only_the_first_members_are_learned_from(tmp_path) -> None:
    sites, thetas = small_sites(16), sobol(SPACE, 8, 1)
    few = run_ensemble(AnalyticModel(), thetas[:4], sites, tmp_path / "few")
    many = run_ensemble(AnalyticModel(), thetas, sites, tmp_path / "many")
    alone = train_surrogate(few, sites, SETTINGS, key=jax.random.key(0))
    first = train_surrogate(many, sites, SETTINGS, key=jax.random.key(0), members=4)
    for one, other in zip(jax.tree.leaves(alone.network), jax.tree.leaves(first.network), strict=True):
        np.testing.assert_array_equal(one, other)


def test_networks_are_built_by_the_type_of_their_sizes() -> None:
    key = jax.random.key(0)
    for sizes in (MultitaskSizes(2, 4, 1, 3), SingleTaskSizes(2, 4)):
        assert network_of(sizes, 3, 2, key=key).sizes == sizes
