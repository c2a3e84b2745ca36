"""How does a program on Linux keep the memory that its next training step needs again?

A step on a CPU asks for large blocks of memory and frees them. By default the C library gives such
blocks back to the system, and at the next step the system clears new ones, page by page. For
convolutions on photos that can take more time than the arithmetic.
"""

import ctypes
import platform

_LARGEST_BLOCK = -3, 1 << 30
"""``M_MMAP_THRESHOLD``: only blocks above this many bytes are taken from the system one by one."""
_KEPT = -1, (1 << 31) - 1
"""``M_TRIM_THRESHOLD``: this many free bytes at the end are kept."""


def keep_freed_memory() -> bool:
    """Let the C library keep freed memory for the next step, until the program ends.

    The program holds on to the most memory that it ever needed. The commands ``pdl train`` and
    ``pdl predict`` do this; a library that is imported must not decide it for others.

    Returns:
        Whether it was done: True with glibc, the C library of most Linux systems; False elsewhere,
        where nothing changes.

    Example:
        >>> keep_freed_memory() in {True, False}
        True
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    library = ctypes.CDLL(None)
    return all(library.mallopt(option, value) == 1 for option, value in (_LARGEST_BLOCK, _KEPT))
