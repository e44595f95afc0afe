"""A calibration in several parts, one after the other: their checkpoints and their progress."""

from pathlib import Path

from tilth.calibration.base import Progress


def part_of_checkpoint(checkpoint: Path | None, number: int, parts: int) -> Path | None:
    """Where one of several parts keeps its checkpoint, beside that of the whole."""
    if checkpoint is None or parts == 1:
        return checkpoint
    return Path(checkpoint).with_name(f"{Path(checkpoint).stem}-{number}{Path(checkpoint).suffix}")


def part_of_progress(progress: Progress | None, number: int, parts: int) -> Progress | None:
    """Progress of one of several parts of equal length, as that of the whole."""
    if progress is None or parts == 1:
        return progress
    return lambda done, total, message: progress(number * total + done, parts * total, message)
