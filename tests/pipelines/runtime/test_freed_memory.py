"""The threads of a process share one pool of memory, so that what one has freed is taken again by another."""

import os
import platform
import subprocess
import sys

import pytest

# The C library says how many pools there are once eight threads have asked for memory, each while the others are there.
PROGRAM = """
import ctypes, threading
from eqstream.pipelines.runtime.freed_memory import reuse_freed_memory

reuse_freed_memory()
libc = ctypes.CDLL(None)
libc.malloc.restype = libc.fdopen.restype = ctypes.c_void_p
asked = threading.Barrier(9)

def ask():
    libc.malloc(ctypes.c_size_t(100_000))
    asked.wait()
    asked.wait()

threads = [threading.Thread(target=ask) for _ in range(8)]
for thread in threads:
    thread.start()
asked.wait()
output = ctypes.c_void_p(libc.fdopen(1, b"w"))
libc.malloc_info(0, output)
libc.fflush(output)
asked.wait()
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="pools of memory are those of GNU's C library")
@pytest.mark.parametrize(("variables", "most"), [({}, 1), ({"MALLOC_ARENA_MAX": "4"}, 4)])
def test_threads_share_pools_of_memory_as_many_as_the_user_allows(variables, most):
    others = ("MALLOC_", "GLIBC_TUNABLES", "LD_PRELOAD")
    usual = {name: value for name, value in os.environ.items() if not name.startswith(others)}
    # numpy's threads might begin pools of their own.
    environment = usual | {"OPENBLAS_NUM_THREADS": "1"} | variables
    command = [sys.executable, "-c", PROGRAM]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=120)
    assert ended.stdout.count("<heap nr=") == most
