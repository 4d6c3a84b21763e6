"""What the C library of Linux does with memory that a process has freed."""

import ctypes
import os
import platform

import numpy as np

# How many pools of memory the threads of a process share, and the variable that sets it when a process starts.
MOST_ARENAS = 1
ARENAS_VARIABLE = "MALLOC_ARENA_MAX"
# `M_ARENA_MAX` of <malloc.h>.
_SET_MOST_ARENAS = -8
# A little less than 32 MiB, as the C library adds its own bytes.
_LARGEST_KEPT_BYTES = (1 << 25) - (1 << 16)


def reuse_freed_memory() -> None:
    """Lets this process take freed memory again, from then on; changes nothing where the C library is not GNU's.

    The library asks the kernel for each large array anew, which costs a quarter of a build, until it has seen a larger
    one freed, of at most 32 MiB. And it begins a pool of memory for each thread, up to eight a core, and keeps what was
    freed in every one of them, a hundred megabytes together in a build. New threads take from the pools that there are,
    if the process has not begun about ten of them, and unless the user has set `MALLOC_ARENA_MAX`.
    """
    # Never touched, and so takes no memory.
    np.empty(_LARGEST_KEPT_BYTES, dtype=np.uint8)
    if ARENAS_VARIABLE not in os.environ and platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).mallopt(_SET_MOST_ARENAS, MOST_ARENAS)
