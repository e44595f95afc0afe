"""How far something is, told to whoever wants to know."""

from collections.abc import Callable

Progress = Callable[[int, int, str], None]
"""Called with how much is done, how much there is, and a message that begins with the stage."""


def numbered(progress: Progress | None, number: int, total: int, name: str) -> Progress | None:
    """Progress whose messages begin with the part of the experiment."""
    return titled(progress, f"{number + 1}/{total} {name}")


def titled(progress: Progress | None, title: str) -> Progress | None:
    """Progress whose messages begin with ``title``."""
    if progress is None:
        return None
    return lambda done, total, message: progress(done, total, f"{title} {message}")
