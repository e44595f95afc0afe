"""Training a surrogate on an ensemble: Xie et al. 2025, equation 1, on sampled windows."""

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from tilth.data.containers import Sites
from tilth.ensembles.store import EnsembleStore
from tilth.networks.normalisation import Normalisation
from tilth.networks.training import Progress, architecture, train
from tilth.parameters.space import ParameterSpace
from tilth.surrogates.architecture import AbstractSurrogateNetwork
from tilth.surrogates.architectures import network_of
from tilth.surrogates.features import Features
from tilth.surrogates.land_model import SurrogateLandModel, combine
from tilth.surrogates.settings import SurrogateSettings
from tilth.surrogates.windows import Batch, WindowSource

STATISTICS_WINDOWS = 4096
"""Windows from which the outputs' mean and standard deviation are taken."""

VALIDATION_WINDOWS = 1024
"""Windows of members kept out of training on which the loss is watched."""


def train_surrogate(
    store: EnsembleStore,
    sites: Sites,
    settings: SurrogateSettings,
    *,
    key: PRNGKeyArray,
    start: SurrogateLandModel | None = None,
    members: int | None = None,
    favoured: int | None = None,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
) -> SurrogateLandModel:
    """A surrogate of the model the ensemble was run with, trained on windows of random members.

    The loss is the mean squared error of the standardised outputs. Failed members are left out; only the
    first ``members`` are learned from where that is given. With ``checkpoint`` training goes on where it
    stopped, bit for bit. Members from the number ``favoured`` on are drawn as often as all the others
    together. With ``start`` it begins from the weights and scalings of a surrogate with the same
    settings, to learn from members that were added. Raises ``ValueError`` if the store lacks a task, holds
    other sites, or has no member that succeeded.
    """
    space = _space(store, sites, settings)
    split_key, network_key, train_key = jax.random.split(key, 3)
    inputs = _inputs(sites, settings) if start is None else start.inputs
    succeeded = store.succeeded[:members]
    learnt, watched = _split(succeeded, settings, split_key)
    if favoured is not None:
        learnt = _favouring(learnt, favoured)
    source = WindowSource.of(
        store, space, sites, inputs, tasks=settings.tasks, window=settings.window, runs=learnt
    )
    count = len(inputs.names) + len(space.names)
    network = network_of(settings.sizes, count, len(settings.tasks), key=network_key)
    if start is None:
        drawn = source.draw(np.random.default_rng(0), STATISTICS_WINDOWS)
        outputs = Normalisation.of(np.asarray(drawn.targets))
    else:
        _check_start(start, network, settings)
        network, outputs = start.network, start.outputs

    loss = StandardisedError(outputs)
    watch = None
    if len(watched):
        held = source.only(watched).draw(np.random.default_rng(1), VALIDATION_WINDOWS)

        def watch(network: AbstractSurrogateNetwork, _: int) -> float:
            return float(loss(network, held))

    identity = {
        "surrogate": {k: v for k, v in dataclasses.asdict(settings).items() if k != "training"},
        "ensemble": dataclasses.asdict(store.provenance),
        "runs": _digest([store.thetas[:members], succeeded]),
        "start": None if start is None else _digest(start.network),
    }
    trained = train(
        network, loss, source.draw, settings.training,
        key=train_key, groups=_rate_groups, mean=True, validate=watch,
        checkpoint=checkpoint, identity=identity, progress=progress,
    )  # fmt: skip
    return SurrogateLandModel(
        space=space,
        network=trained.network,
        inputs=inputs,
        outputs=outputs,
        tasks=settings.tasks,
        window=settings.window,
        training_loss=trained.training_loss,
        validation_loss=trained.validation_loss,
    )


class StandardisedError(eqx.Module):
    """Mean squared error of the outputs of a network, standardised by ``outputs`` [-]."""

    outputs: Normalisation

    @eqx.filter_jit
    def __call__(self, network: AbstractSurrogateNetwork, batch: Batch) -> Float[Array, ""]:
        """The error on a batch."""
        predicted = network(combine(batch.parameters, batch.features))
        return jnp.mean(jnp.square(predicted - self.outputs.apply(batch.targets)))


def _rate_groups(network: AbstractSurrogateNetwork) -> Any:
    return network.rate_groups()


def _favouring(runs: np.ndarray, favoured: int) -> np.ndarray:
    """The runs with those of members from ``favoured`` on repeated until they are half."""
    late = runs[runs[:, 0] >= favoured]
    repeats = round(len(runs) / max(len(late), 1)) - 2
    return np.concatenate([runs, np.tile(late, (max(repeats, 0), 1))])


def _digest(tree: Any) -> str:
    digest = hashlib.sha256()
    for leaf in jax.tree.leaves(tree):
        digest.update(np.asarray(leaf).tobytes())
    return digest.hexdigest()[:16]


def _inputs(sites: Sites, settings: SurrogateSettings) -> Features:
    return Features.of(sites.records, antecedent=settings.antecedent, harmonics=settings.harmonics)


def _check_start(
    start: SurrogateLandModel, network: AbstractSurrogateNetwork, settings: SurrogateSettings
) -> None:
    same = (start.tasks, start.window) == (settings.tasks, settings.window)
    if not same or architecture(start.network) != architecture(network):
        raise ValueError(
            "training can start from a surrogate of the same tasks, window, inputs and sizes only: "
            "use the settings it was trained with, or leave start out"
        )


def _space(store: EnsembleStore, sites: Sites, settings: SurrogateSettings) -> ParameterSpace:
    missing = sorted(set(settings.tasks) - set(store.output_names))
    if missing:
        raise ValueError(f"the ensemble holds {list(store.output_names)}, the surrogate needs {missing} too")
    if store.site_names != sites.names:
        raise ValueError(f"the ensemble was run at {list(store.site_names)}, got sites {list(sites.names)}")
    if not store.succeeded.any():
        raise ValueError(f"no member of the ensemble in {store.path} has succeeded: nothing to learn from")
    if min(store.lengths) < settings.window:
        raise ValueError(
            f"records must hold a window of {settings.window} steps, the shortest has {min(store.lengths)}"
        )
    bounds = {str(p["name"]): (float(p["lower"]), float(p["upper"])) for p in store.provenance.space}
    return ParameterSpace.select(tuple(bounds), bounds)


def _split(
    succeeded: np.ndarray, settings: SurrogateSettings, key: PRNGKeyArray
) -> tuple[np.ndarray, np.ndarray]:
    """Runs (member, site) to learn from and to watch; the members of the two differ."""
    runs = np.argwhere(succeeded)
    members = np.unique(runs[:, 0])
    held = round(settings.validation_fraction * len(members))
    order = np.asarray(jax.random.permutation(key, len(members)))
    watched = np.isin(runs[:, 0], members[order[:held]])
    return runs[~watched], runs[watched]
