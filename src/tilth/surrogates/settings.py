"""Settings of a surrogate: sizes of its network, what it sees, and how it is trained."""

import dataclasses
from collections.abc import Mapping

from tilth.networks.training import TrainingSettings


@dataclasses.dataclass(frozen=True)
class MultitaskSizes:
    """Layers and hidden sizes of the shared network and of each task's own."""

    shared_layers: int
    shared_hidden: int
    task_layers: int
    task_hidden: int

    def __post_init__(self) -> None:
        if min(dataclasses.astuple(self)) < 1:
            raise ValueError(f"layers and hidden sizes must be at least 1, got {self}")


@dataclasses.dataclass(frozen=True)
class SingleTaskSizes:
    """Layers and hidden size of the one trunk of a single-task network."""

    layers: int
    hidden: int

    def __post_init__(self) -> None:
        if min(dataclasses.astuple(self)) < 1:
            raise ValueError(f"layers and hidden sizes must be at least 1, got {self}")


NetworkSizes = MultitaskSizes | SingleTaskSizes
"""Sizes of a network; their type says which architecture it is."""


@dataclasses.dataclass(frozen=True)
class SurrogateSettings:
    """What a surrogate is.

    ``tasks`` are the ALMA names of the simulated series; ``window`` the native steps it sees at once, from a
    zero state; ``harmonics`` those of the day-of-year encoding; ``antecedent`` adds what came before the
    window (rain, temperature, radiation, wetness and snow: :mod:`tilth.surrogates.antecedent`).
    ``validation_fraction`` of the members is kept out of training to watch it.
    """

    sizes: NetworkSizes
    training: TrainingSettings
    tasks: tuple[str, ...] = ("Qle", "Qh")
    window: int = 48
    harmonics: int = 4
    antecedent: bool = False
    validation_fraction: float = 0.0

    def __post_init__(self) -> None:
        if self.window < 1 or self.harmonics < 1 or not self.tasks:
            raise ValueError(f"window, harmonics and the number of tasks must be at least 1, got {self}")
        if not 0.0 <= self.validation_fraction < 1.0:
            raise ValueError(f"validation_fraction must be in [0, 1), got {self.validation_fraction}")


PRESETS: Mapping[str, SurrogateSettings] = {
    "quick": SurrogateSettings(
        sizes=MultitaskSizes(shared_layers=2, shared_hidden=64, task_layers=1, task_hidden=64),
        training=TrainingSettings(
            epochs=16,
            windows_per_epoch=16_000,
            batch_size=128,
            learning_rate=0.005,
            schedule="cosine",
            rate_factors={"shared": 1.0 / 3.0},
        ),
        antecedent=True,
        validation_fraction=0.05,
    ),
    "paper": SurrogateSettings(
        sizes=MultitaskSizes(shared_layers=4, shared_hidden=128, task_layers=2, task_hidden=128),
        training=TrainingSettings(
            epochs=200, windows_per_epoch=50_000, learning_rate=0.005, rate_factors={"shared": 1.0 / 3.0}
        ),
    ),
}
"""Our small multi-task surrogate with memory, for two cores; and that of Xie et al. 2025, section 2.4.3."""


SINGLE_TASK: Mapping[str, SingleTaskSizes] = {
    "quick": SingleTaskSizes(layers=3, hidden=64),
    "paper": SingleTaskSizes(layers=6, hidden=190),
}
"""Sizes of the single-task network by preset; the paper's of Xie et al. 2025, section 2.4.3."""


def single_task(settings: SurrogateSettings, sizes: SingleTaskSizes) -> SurrogateSettings:
    """The settings of a single-task surrogate that differs from a multi-task one in its network only."""
    training = dataclasses.replace(settings.training, rate_factors={})
    return dataclasses.replace(settings, sizes=sizes, training=training)


def preset(name: str) -> SurrogateSettings:
    """The settings of a preset; ``ValueError`` for an unknown name."""
    if name not in PRESETS:
        raise ValueError(f"unknown surrogate preset {name!r}: expected one of {sorted(PRESETS)}")
    return PRESETS[name]
