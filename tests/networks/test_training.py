import dataclasses
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tilth.networks import training
from tilth.networks.checkpoints import load_arrays, save_arrays
from tilth.networks.training import TrainingSettings, optimiser, train

SETTINGS = TrainingSettings(epochs=4, windows_per_epoch=60, batch_size=16, learning_rate=0.05)
KEY = jax.random.key(3)


class Line(eqx.Module):
    slope: jax.Array
    offset: jax.Array


class Curve(Line):
    bend: jax.Array


def start() -> Line:
    return Line(jnp.zeros(2, jnp.float32), jnp.zeros((), jnp.float32))


def loss(line, batch):
    return jnp.mean(jnp.square(batch["x"] @ line.slope + line.offset - batch["y"]))


def sample(generator, size):
    x = generator.normal(size=(size, 2)).astype(np.float32)
    return {"x": x, "y": x @ np.array([1.0, -2.0], np.float32) + np.float32(0.5)}


def groups(line):
    return Line("slopes", "offset")


def test_learns_a_line_and_reports_each_epoch() -> None:
    settings = dataclasses.replace(SETTINGS, epochs=60, schedule="cosine")
    messages: list[str] = []
    trained = train(
        start(), loss, sample, settings, key=KEY, validate=lambda line, epoch: float(line.offset),
        progress=lambda done, total, text: messages.append(f"{done}/{total} {text}"),
    )  # fmt: skip
    # the rate falls to a hundredth: what is left is far below the first steps
    np.testing.assert_allclose(trained.network.slope, [1.0, -2.0], atol=1e-2)
    assert trained.training_loss[-1] < 1e-3 * trained.training_loss[0]
    np.testing.assert_allclose(trained.validation_loss[-1], 0.5, atol=1e-2)
    assert len(messages) == 60
    assert messages[0].startswith("1/60 loss ")
    assert "validation" in messages[0]


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_training_resumes_bit_for_bit(tmp_path, schedule) -> None:
    settings = dataclasses.replace(SETTINGS, schedule=schedule)
    whole = train(start(), loss, sample, settings, key=KEY, checkpoint=tmp_path / "whole")

    class Interrupted(Exception):
        pass

    def stop(done, total, text):
        if done == 2:
            raise Interrupted

    with pytest.raises(Interrupted):
        train(start(), loss, sample, settings, key=KEY, checkpoint=tmp_path / "parts", progress=stop)
    seen: list[int] = []
    resumed = train(
        start(), loss, sample, settings, key=KEY, checkpoint=tmp_path / "parts",
        progress=lambda done, total, text: seen.append(done),
    )  # fmt: skip
    assert seen == [3, 4]
    np.testing.assert_array_equal(resumed.network.slope, whole.network.slope)
    np.testing.assert_array_equal(resumed.network.offset, whole.network.offset)
    np.testing.assert_array_equal(resumed.training_loss, whole.training_loss)


def test_steps_that_share_a_call_are_those_made_one_by_one(monkeypatch) -> None:
    settings = dataclasses.replace(SETTINGS, windows_per_epoch=11 * SETTINGS.batch_size)
    together = train(start(), loss, sample, settings, key=KEY)
    monkeypatch.setattr(training, "STEPS_A_CALL", 1)
    single = train(start(), loss, sample, settings, key=KEY)
    np.testing.assert_array_equal(together.network.slope, single.network.slope)
    np.testing.assert_allclose(together.training_loss, single.training_loss, rtol=1e-6)


def test_groups_learn_at_their_own_rates() -> None:
    settings = dataclasses.replace(
        SETTINGS, epochs=1, windows_per_epoch=16, rate_factors={"slopes": 1.0 / 3.0}
    )
    trained = train(start(), loss, sample, settings, key=KEY, groups=groups)
    # the first step of Adam is the learning rate, whatever the gradient
    np.testing.assert_allclose(np.abs(trained.network.slope), 0.05 / 3.0, rtol=1e-4)
    np.testing.assert_allclose(np.abs(trained.network.offset), 0.05, rtol=1e-4)


class Shifted(eqx.Module):
    """The loss of a line shifted by a number, which notes how often it is traced."""

    shift: jax.Array
    traced: ClassVar[list[int]] = []

    def __call__(self, line, batch):
        self.traced.append(1)
        return loss(line, {**batch, "y": batch["y"] + self.shift})


def test_trainings_of_one_kind_share_their_code() -> None:
    settings = dataclasses.replace(SETTINGS, epochs=60)
    offsets = []
    for shift in (0.0, 1.0):
        trained = train(start(), Shifted(jnp.float32(shift)), sample, settings, key=KEY)
        offsets.append(float(trained.network.offset))
    np.testing.assert_allclose(offsets, [0.5, 1.5], atol=0.05)
    assert len(Shifted.traced) == 1


def test_checkpoints_of_something_else_are_refused(tmp_path) -> None:
    path = tmp_path / "c"
    train(start(), loss, sample, SETTINGS, key=KEY, checkpoint=path)
    wider = Curve(jnp.zeros(2, jnp.float32), jnp.zeros((), jnp.float32), jnp.zeros(3, jnp.float32))
    with pytest.raises(
        ValueError, match="belongs to another run: architecture: saved 2 entries, now 3 entries"
    ):
        train(wider, loss, sample, SETTINGS, key=KEY, checkpoint=path)
    with pytest.raises(ValueError, match=r"training.epochs: saved 4, now 5"):
        train(start(), loss, sample, dataclasses.replace(SETTINGS, epochs=5), key=KEY, checkpoint=path)
    with pytest.raises(ValueError, match=r"identity.data: saved None, now 'new'"):
        train(start(), loss, sample, SETTINGS, key=KEY, checkpoint=path, identity={"data": "new"})
    with pytest.raises(ValueError, match=r"key\[1\]: saved 3, now 4"):
        train(start(), loss, sample, SETTINGS, key=jax.random.key(4), checkpoint=path)


def test_files_that_are_no_checkpoints_are_refused(tmp_path) -> None:
    path = tmp_path / "c"
    path.write_bytes(b"\x89HDF\n not ours")
    with pytest.raises(ValueError, match="not a checkpoint or network of this package"):
        load_arrays(path, start())
    save_arrays(path, {"note": 1}, start())
    np.testing.assert_array_equal(load_arrays(path, start()).slope, np.zeros(2))
    assert [p.name for p in tmp_path.iterdir()] == ["c"]


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="schedule must be constant or cosine, got 'linear'"):
        TrainingSettings(epochs=1, windows_per_epoch=1, schedule="linear")
    with pytest.raises(ValueError, match="must be at least 1"):
        TrainingSettings(epochs=0, windows_per_epoch=1)
    with pytest.raises(
        ValueError, match=r"rate_factors name \['shared'\]: expected groups out of \['offset', 'slopes'\]"
    ):
        optimiser(start(), dataclasses.replace(SETTINGS, rate_factors={"shared": 1.0}), groups)
