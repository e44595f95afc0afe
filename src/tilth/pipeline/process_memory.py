"""Memory of long processes: what training frees is kept for its next step."""

import ctypes

LARGEST_KEPT = 2**29
"""Bytes of the largest piece of memory that is kept, and half of what is kept in all."""
_ARENAS, _MAPPED_FROM, _TRIMMED_FROM = -8, -3, -1


def keep_freed_memory() -> bool:
    """Asks the C library to keep freed memory instead of giving it back; says whether it does.

    A step of training needs hundreds of megabytes for a tenth of a second. Given back and taken anew each
    time, every page of them is cleared by the system: a third of the time of training a surrogate. Call it
    before the first computation. Only glibc knows these settings (``mallopt``); elsewhere nothing is done.
    """
    try:
        set_option = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    settings = {_ARENAS: 1, _MAPPED_FROM: LARGEST_KEPT, _TRIMMED_FROM: 2 * LARGEST_KEPT}
    return min(set_option(option, value) for option, value in settings.items()) > 0
