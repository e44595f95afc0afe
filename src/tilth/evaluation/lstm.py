"""An LSTM as a benchmark: how much of the fluxes weather and its memory explain, without any physics.

A network reads the forcing of the last day (two of the record's days of 48 steps) and the weather of the
last weeks and months as running means, and predicts Qle and Qh at every step, as in the benchmarks of
PLUMBER2 (Abramowitz et al. 2024, doi:10.5194/bg-21-5517-2024). It sees no observed flux and need not
conserve energy.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from tilth.data.containers import SiteRecord
from tilth.evaluation.lstm_windows import (
    FLUXES,
    JUDGED,
    WARM_UP,
    KnownRecord,
    joined_batch,
    known_record,
    lstm_inputs,
    window_sampler,
    window_starts,
    windows_of,
)
from tilth.networks.lstm import LSTM
from tilth.networks.normalisation import Normalisation
from tilth.networks.training import TrainingSettings, train


@dataclasses.dataclass(frozen=True)
class LstmSettings:
    """Size of the benchmark: hidden units, epochs, and windows drawn in each epoch.

    The weights of the epoch with the smallest error on the blocks held back are kept.
    """

    hidden: int = 48
    epochs: int = 12
    windows: int = 4096
    batch_size: int = 128
    learning_rate: float = 0.003


class FluxNetwork(eqx.Module):
    """One LSTM layer and a linear head; inputs and outputs in units, scaled inside."""

    lstm: LSTM
    head: eqx.nn.Linear
    inputs: Normalisation
    outputs: Normalisation

    def __call__(self, sequence: Float[Array, "time batch feature"]) -> Float[Array, "time batch task"]:
        """Scaled fluxes of every step; the first ones know little of the past."""
        hidden = self.lstm(self.inputs.apply(sequence))
        return jax.vmap(jax.vmap(self.head))(hidden)


def lstm_series(
    records: Sequence[SiteRecord],
    training: Sequence[tuple[SiteRecord, np.ndarray]],
    settings: LstmSettings,
    *,
    key: PRNGKeyArray,
    progress: Callable[[int, int, str], None] | None = None,
) -> list[dict[str, np.ndarray]]:
    """Qle and Qh [W m-2] over each of ``records`` from one network trained on ``training``.

    ``training`` are records with the masks ``[time]`` of the steps to learn from; a fifth of them, in blocks
    of days, decides which epoch is kept. Each record counts alike, whatever its length. Raises
    ``ValueError`` where there is nothing to learn from and ``FloatingPointError`` where training diverges.
    """
    known = [known_record(record, mask) for record, mask in training]
    known = [one for one in known if window_starts(one.fit).size]
    if not known:
        raise ValueError("an LSTM needs scored steps of Qle or Qh to be trained on, got none")
    first, second = jax.random.split(key)
    network = _network(known, settings, first)
    best = _Best(known)
    train(
        network,
        _loss,
        window_sampler(known),
        TrainingSettings(
            settings.epochs,
            settings.windows,
            settings.batch_size,
            settings.learning_rate,
            schedule="cosine",
        ),
        key=second,
        validate=best,
        progress=progress,
    )
    if best.network is None:
        raise FloatingPointError(
            "the LSTM benchmark never had a finite error: check the forcing of the sites"
        )
    chosen = best.network
    return [dict(zip(FLUXES, _predicted(chosen, lstm_inputs(record)).T, strict=True)) for record in records]


def _network(known: Sequence[KnownRecord], settings: LstmSettings, key: PRNGKeyArray) -> FluxNetwork:
    values = [np.where(one.fit, one.fluxes, np.nan) for one in known]
    fluxes = np.concatenate([rows[np.isfinite(rows).all(axis=1)] for rows in values])
    if not len(fluxes):
        raise ValueError(f"an LSTM needs steps where {' and '.join(FLUXES)} were both measured, got none")
    first, second = jax.random.split(key)
    features = known[0].inputs.shape[1]
    return FluxNetwork(
        lstm=LSTM(features, settings.hidden, 1, key=first),
        head=eqx.nn.Linear(settings.hidden, len(FLUXES), key=second, dtype=jnp.float32),
        inputs=Normalisation.of(np.concatenate([one.inputs for one in known])),
        outputs=Normalisation.of(fluxes),
    )


def _loss(network: FluxNetwork, batch: Mapping[str, Any]) -> Float[Array, ""]:
    """Mean squared error of the scaled fluxes over the scored steps of both."""
    frozen = eqx.tree_at(
        lambda n: (n.inputs, n.outputs),
        network,
        replace_fn=lambda part: jax.tree.map(jax.lax.stop_gradient, part),
    )
    error = frozen(batch["inputs"])[WARM_UP:] - frozen.outputs.apply(batch["fluxes"])
    scored = batch["scored"]
    return jnp.sum(scored * error * error) / jnp.maximum(jnp.sum(scored), 1.0)


class _Best:
    """Judges a network on the steps held back and keeps the best one so far."""

    def __init__(self, known: Sequence[KnownRecord]) -> None:
        parts = []
        for one in known:
            first = window_starts(one.watched)[::JUDGED]
            first = first[:: max(1, len(first) // 256)]
            if first.size:
                parts.append(windows_of(one, one.watched, first))
        self._batch = jax.tree.map(jnp.asarray, joined_batch(parts)) if parts else None
        self._judge = eqx.filter_jit(_loss)
        self.network: FluxNetwork | None = None
        self.error = np.inf

    def __call__(self, network: FluxNetwork, _: int) -> float:
        error = 0.0 if self._batch is None else float(self._judge(network, self._batch))
        if np.isfinite(error) and (error < self.error or self._batch is None):
            self.network, self.error = network, error
        return error


def _predicted(network: FluxNetwork, inputs: np.ndarray) -> np.ndarray:
    """Fluxes ``[time, task]`` over a record, in windows that overlap by what only fills the memory."""
    length = len(inputs)
    count = -(-length // JUDGED)
    padded = np.pad(inputs, ((WARM_UP, count * JUDGED - length), (0, 0)), mode="edge")
    steps = JUDGED * np.arange(count)[:, None] + np.arange(WARM_UP + JUDGED)

    @eqx.filter_jit
    def run(network: FluxNetwork, windows: Float[Array, "time batch feature"]) -> Array:
        return network.outputs.restore(network(windows)[WARM_UP:])

    parts = np.array_split(steps, max(1, count // 512))
    size = max(len(part) for part in parts)
    found = []
    for part in parts:
        filled = np.pad(part, ((0, size - len(part)), (0, 0)), mode="edge")
        series = np.asarray(run(network, jnp.asarray(padded[filled].swapaxes(0, 1))))
        found.append(series.swapaxes(0, 1)[: len(part)])
    return np.concatenate(found).reshape(-1, len(FLUXES))[:length].astype(float)
