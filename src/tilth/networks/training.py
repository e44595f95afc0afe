"""The training loop of all networks: sampled batches, Adam, checkpoints that resume bit for bit."""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh
from jaxtyping import Array, Float, PRNGKeyArray

from tilth.networks.checkpoints import check_header, load_arrays, save_arrays
from tilth.networks.shared_batches import (
    devices_for,
    on_all,
    on_one,
    parts_for,
    shared_out,
    value_and_gradient,
)

Network = TypeVar("Network", bound=eqx.Module)
Batch = TypeVar("Batch")
Progress = Callable[[int, int, str], None]

STEPS_A_CALL = 8
"""Steps of training in one call of compiled code.

They share its memory, which the system would clear anew for each: a tenth to a third of the time.
"""


@dataclasses.dataclass(frozen=True)
class TrainingSettings:
    """How a network is trained.

    An epoch is ``windows_per_epoch`` windows drawn at random. ``schedule`` is constant, or cosine: a linear
    rise over the first 3 % of the steps, then half a cosine to a hundredth of ``learning_rate``.
    ``rate_factors`` multiply the learning rate of the named groups of weights; ``clip`` bounds the norm of
    the gradient.
    """

    epochs: int
    windows_per_epoch: int
    batch_size: int = 256
    learning_rate: float = 0.005
    schedule: str = "constant"
    clip: float = 1.0
    rate_factors: Mapping[str, float] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.schedule not in ("constant", "cosine"):
            raise ValueError(f"schedule must be constant or cosine, got {self.schedule!r}")
        if min(self.epochs, self.windows_per_epoch, self.batch_size) < 1:
            raise ValueError("epochs, windows_per_epoch and batch_size must be at least 1, got " + str(self))

    def __hash__(self) -> int:
        factors = tuple(sorted(self.rate_factors.items()))
        fields = {**vars(self), "rate_factors": factors}
        return hash(tuple(fields.values()))

    @property
    def steps_per_epoch(self) -> int:
        """Batches of an epoch; the last one is whole."""
        return -(-self.windows_per_epoch // self.batch_size)


class Trained(eqx.Module, Generic[Network]):
    """A trained network with its mean loss over the batches of each epoch and what ``validate`` returned."""

    network: Network
    training_loss: Float[np.ndarray, " epoch"]
    validation_loss: Float[np.ndarray, " epoch"]


class _State(eqx.Module):
    network: Any
    optimiser: Any
    training_loss: Float[np.ndarray, " epoch"]
    validation_loss: Float[np.ndarray, " epoch"]


def train(
    network: Network,
    loss: Callable[[Network, Batch], Float[Array, ""]],
    sample: Callable[[np.random.Generator, int], Batch],
    settings: TrainingSettings,
    *,
    key: PRNGKeyArray,
    groups: Callable[[Network], Any] | None = None,
    mean: bool = False,
    validate: Callable[[Network, int], float] | None = None,
    checkpoint: Path | None = None,
    identity: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> Trained[Network]:
    """The trained network.

    ``sample(generator, batch_size)`` draws a batch (a tree of arrays); the draw of each step depends only on
    ``key`` and the step, so that training goes on from ``checkpoint`` bit for bit. ``validate`` is given
    the network and the number of the epoch that is done. ``groups(network)`` labels the weights for
    ``settings.rate_factors``. A checkpoint of other settings, another architecture or another
    ``identity`` is refused with ``ValueError``. Where ``loss`` is a module, trainings of one kind share
    their compiled code, whatever its arrays hold. Where it is a ``mean`` over windows of equal weight,
    the devices share each batch out; results are the same to round-off.
    """
    rule = optimiser(network, settings, groups)
    header = {
        "training": dataclasses.asdict(settings),
        "key": np.asarray(jax.random.key_data(key)).tolist(),
        "architecture": architecture(network),
        "identity": dict(identity or {}),
    }
    unfilled = np.full(settings.epochs, np.nan)
    state = _State(network, rule.init(eqx.filter(network, eqx.is_inexact_array)), unfilled, unfilled.copy())
    first = 0
    if checkpoint is not None and Path(checkpoint).exists():
        first = int(check_header(checkpoint, header)["epoch"])
        state = load_arrays(checkpoint, state)
    steps = training_steps(loss, settings, groups, mean=mean)
    seed = header["key"]
    for epoch in range(first, settings.epochs):
        state = _epoch(state, steps, sample, settings, seed=seed, epoch=epoch)
        if validate is not None:
            state.validation_loss[epoch] = validate(state.network, epoch + 1)
        if checkpoint is not None:
            save_arrays(checkpoint, {**header, "epoch": epoch + 1}, state)
        if progress is not None:
            progress(epoch + 1, settings.epochs, _message(state, epoch))
    return Trained(state.network, state.training_loss, state.validation_loss)


def optimiser(
    network: Network, settings: TrainingSettings, groups: Callable[[Network], Any] | None = None
) -> optax.GradientTransformation:
    """Adam (Kingma and Ba 2015, arXiv:1412.6980) with the settings' schedule and rates of groups."""
    total = settings.epochs * settings.steps_per_epoch

    def adam(factor: float) -> optax.GradientTransformation:
        rate = factor * settings.learning_rate
        if settings.schedule == "constant":
            return optax.adam(rate)
        rise = max(1, total * 3 // 100)
        return optax.adam(
            optax.warmup_cosine_decay_schedule(0.1 * rate, rate, rise, max(total, rise + 1), 0.01 * rate)
        )

    clip = optax.clip_by_global_norm(settings.clip)
    if groups is None:
        return optax.chain(clip, adam(1.0))
    labels = groups(eqx.filter(network, eqx.is_inexact_array))
    names = set(jax.tree.leaves(labels))
    unknown = set(settings.rate_factors) - names
    if unknown:
        raise ValueError(f"rate_factors name {sorted(unknown)}: expected groups out of {sorted(names)}")
    rules = {name: adam(settings.rate_factors.get(name, 1.0)) for name in names}
    return optax.chain(clip, optax.partition(rules, lambda _: labels))


def architecture(network: eqx.Module) -> list[str]:
    """Path, shape and type of every array of a network: two networks of one architecture agree in all."""
    leaves = jax.tree_util.tree_leaves_with_path(eqx.filter(network, eqx.is_array))
    return [f"{jax.tree_util.keystr(path)} {leaf.dtype}{list(leaf.shape)}" for path, leaf in leaves]


class TrainingSteps(eqx.Module):
    """Steps of training ``(batches, network, state) -> (network, state, losses)``, a batch each.

    ``batches`` holds up to :attr:`at_once` of them. ``state`` is that of :func:`optimiser`. Network and
    state, where :meth:`placed` puts them, are used up.
    """

    loss: Callable[..., Array]
    settings: TrainingSettings
    groups: Callable[[Any], Any] | None
    mesh: Mesh | None
    parts: int

    @property
    def at_once(self) -> int:
        """Steps of a call."""
        return min(STEPS_A_CALL, self.settings.steps_per_epoch)

    def placed(self, tree: Any) -> Any:
        """Copies of the arrays of a tree, on all devices that share a batch."""
        copied = jax.tree.map(lambda leaf: jnp.array(leaf) if eqx.is_array(leaf) else leaf, tree)
        return on_all(self.mesh, copied)

    def __call__(
        self, batches: Sequence[Any], network: Any, state: Any
    ) -> tuple[Any, Any, Float[Array, " step"]]:
        """The steps, compiled: one code however many there are."""
        idle = self.at_once - len(batches)
        stacked = jax.tree.map(lambda *leaves: jnp.asarray(np.stack(leaves)), *batches, *[batches[-1]] * idle)
        given = (self.loss, self.settings, self.groups, self.mesh, self.parts)
        count = jnp.asarray(len(batches), jnp.int32)
        network, state, losses = _compiled_steps()(
            (given, shared_out(self.mesh, stacked), count), network, state
        )
        return network, state, losses[: len(batches)]


def training_steps(
    loss: Callable[..., Array],
    settings: TrainingSettings,
    groups: Callable[[Any], Any] | None = None,
    *,
    mean: bool = False,
) -> TrainingSteps:
    """The steps of a training; ``mean`` as in :func:`train`."""
    if not mean:
        return TrainingSteps(loss, settings, groups, None, 1)
    mesh = devices_for(settings.batch_size)
    return TrainingSteps(loss, settings, groups, mesh, parts_for(settings.batch_size, mesh))


@functools.cache
def _compiled_steps() -> Callable[..., Any]:
    """The steps of all trainings: compiled for each kind of loss, whose arrays are arguments.

    On CPUs they are compiled for vectors of 512 bits where they have them, of which XLA uses half by default.
    """
    options = {"xla_cpu_prefer_vector_width": 512} if jax.default_backend() == "cpu" else None

    @eqx.filter_jit(donate="all-except-first", compiler_options=options)  # type: ignore[call-overload]
    def steps(given: Any, network: Any, state: Any) -> Any:
        (loss, settings, groups, mesh, parts), batches, count = given
        rule = optimiser(network, settings, groups)
        arrays, fixed = eqx.partition((network, state), eqx.is_array)

        def step(index: Array, moving: Any) -> Any:
            arrays, losses = moving
            network, state = eqx.combine(arrays, fixed)
            batch = jax.tree.map(lambda leaf: leaf[index], batches)
            value, gradient = value_and_gradient(loss, network, batch, mesh, parts)
            with jax.numpy_dtype_promotion("standard"):  # the optimiser's own powers of a float to a counter
                updates, state = rule.update(gradient, state, eqx.filter(network, eqx.is_inexact_array))
            moved = eqx.filter((eqx.apply_updates(network, updates), state), eqx.is_array)
            return moved, losses.at[index].set(value.astype(losses.dtype))

        losses = jnp.zeros(jax.tree.leaves(batches)[0].shape[0])
        arrays, losses = jax.lax.fori_loop(0, count, step, (arrays, losses))
        return (*eqx.combine(arrays, fixed), losses)

    return steps


def _epoch(
    state: _State,
    steps: TrainingSteps,
    sample: Callable[[np.random.Generator, int], Any],
    settings: TrainingSettings,
    *,
    seed: list[int],
    epoch: int,
) -> _State:
    network, rule_state = steps.placed((state.network, state.optimiser))
    values = []
    for first in range(0, settings.steps_per_epoch, steps.at_once):
        indices = range(first, min(first + steps.at_once, settings.steps_per_epoch))
        batches = [sample(np.random.default_rng([*seed, epoch, i]), settings.batch_size) for i in indices]
        network, rule_state, losses = steps(batches, network, rule_state)
        values.append(losses)
    state.training_loss[epoch] = np.mean(np.concatenate([np.asarray(losses) for losses in values]))
    network, rule_state = on_one(steps.mesh, (network, rule_state))
    return _State(network, rule_state, state.training_loss, state.validation_loss)


def _message(state: _State, epoch: int) -> str:
    text = f"loss {state.training_loss[epoch]:.4g}"
    validation = state.validation_loss[epoch]
    return text if np.isnan(validation) else f"{text}, validation {validation:.4g}"
