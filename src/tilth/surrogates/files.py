"""A trained surrogate in one file."""

import dataclasses
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from tilth.networks.checkpoints import load_arrays, read_header, save_arrays
from tilth.networks.normalisation import Normalisation
from tilth.parameters.space import ParameterSpace
from tilth.surrogates.features import Features
from tilth.surrogates.land_model import SurrogateLandModel
from tilth.surrogates.multitask import MultitaskNetwork
from tilth.surrogates.settings import MultitaskSizes


def save_surrogate(path: Path, surrogate: SurrogateLandModel) -> None:
    """Write a surrogate to one file; what was there stays whole until the new one is."""
    network = surrogate.network
    sizes = MultitaskSizes(
        shared_layers=len(network.shared.layers),
        shared_hidden=network.shared.layers[0].recurrent_weight.shape[0],
        task_layers=len(network.tasks[0].layers),
        task_hidden=network.tasks[0].layers[0].recurrent_weight.shape[0],
    )
    header = {
        "kind": "multitask surrogate",
        "space": {p.name: [p.lower, p.upper] for p in surrogate.space.parameters},
        "sizes": dataclasses.asdict(sizes),
        "tasks": surrogate.tasks,
        "window": surrogate.window,
        "antecedent": surrogate.inputs.antecedent,
        "harmonics": surrogate.inputs.harmonics,
        "constants": surrogate.inputs.constants,
        "features": len(surrogate.inputs.normalisation.mean),
        "epochs": len(surrogate.training_loss),
    }
    save_arrays(path, header, surrogate)


def load_surrogate(path: Path) -> SurrogateLandModel:
    """The surrogate of a file; ``ValueError`` if there is none in it."""
    header = read_header(path)
    if header.get("kind") != "multitask surrogate":
        raise ValueError(
            f"{path} holds {header.get('kind', 'a checkpoint')!r}, expected a multitask surrogate"
        )
    bounds = {name: (low, high) for name, (low, high) in header["space"].items()}
    space = ParameterSpace.select(tuple(bounds), bounds)
    empty = Normalisation(
        jnp.zeros(header["features"], jnp.float32), jnp.ones(header["features"], jnp.float32)
    )
    inputs = Features(empty, header["antecedent"], header["harmonics"], tuple(header["constants"]))
    tasks = tuple(header["tasks"])
    like = SurrogateLandModel(
        space=space,
        network=MultitaskNetwork(
            len(inputs.names) + len(bounds),
            len(tasks),
            MultitaskSizes(**header["sizes"]),
            key=jax.random.key(0),
        ),
        inputs=inputs,
        outputs=Normalisation(jnp.zeros(len(tasks), jnp.float32), jnp.ones(len(tasks), jnp.float32)),
        tasks=tasks,
        window=header["window"],
        training_loss=np.zeros(header["epochs"]),
        validation_loss=np.zeros(header["epochs"]),
    )
    return load_arrays(path, like)
