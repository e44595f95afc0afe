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
class SurrogateSettings:
    """What a surrogate is.

    ``tasks`` are the ALMA names of the simulated series; ``window`` the native steps it sees at once, from a
    zero state; ``harmonics`` those of the day-of-year encoding; ``antecedent`` adds what came before the
    window (rain, temperature, radiation, wetness and snow: :mod:`tilth.surrogates.antecedent`).
    ``validation_fraction`` of the members is kept out of training to watch it.
    """

    sizes: MultitaskSizes
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
            epochs=24,
            windows_per_epoch=20_000,
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
"""Our own small surrogate with memory, for two CPU cores; and that of Xie et al. 2025, section 2.4.3."""


def preset(name: str) -> SurrogateSettings:
    """The settings of a preset; ``ValueError`` for an unknown name."""
    if name not in PRESETS:
        raise ValueError(f"unknown surrogate preset {name!r}: expected one of {sorted(PRESETS)}")
    return PRESETS[name]
