"""A trained surrogate in one file."""

import dataclasses
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from tilth.networks.checkpoints import load_arrays, read_header, save_arrays
from tilth.networks.normalisation import Normalisation
from tilth.parameters.space import ParameterSpace
from tilth.surrogates.architectures import ARCHITECTURES, architecture_name, network_of
from tilth.surrogates.features import Features
from tilth.surrogates.land_model import SurrogateLandModel


def save_surrogate(path: Path, surrogate: SurrogateLandModel) -> None:
    """Write a surrogate to one file; what was there stays whole until the new one is."""
    sizes = surrogate.network.sizes
    header = {
        "kind": f"{architecture_name(sizes)} surrogate",
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
    kinds = {f"{name} surrogate": sizes for name, (sizes, _) in ARCHITECTURES.items()}
    kind = header.get("kind", "a checkpoint")
    if kind not in kinds:
        raise ValueError(
            f"{path} holds {kind!r}, expected a {' or '.join(kinds)}: give the file that training wrote "
            "when it had finished"
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
        network=network_of(
            kinds[kind](**header["sizes"]),
            len(inputs.names) + len(bounds),
            len(tasks),
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
