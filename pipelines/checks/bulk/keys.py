"""64-bit keys of texts: equal texts have equal keys, and other texts hardly ever."""

import functools

import numpy as np

from eqstream.pipelines.checks.bulk.columns import Texts
from eqstream.pipelines.checks.bulk.evaluation import mix

# An odd number, so that it has an inverse modulo 2**64.
_BASE = 0x9E3779B97F4A7C15


def text_keys(texts: Texts) -> np.ndarray:
    """Returns the key of each text, uint64 (n,): its bytes are the digits of a number modulo 2**64, which is mixed."""
    powers, inverses = _powers(1 << len(texts.data).bit_length())
    sums = np.zeros(len(texts.data) + 1, np.uint64)
    np.cumsum(texts.data * powers[: len(texts.data)], out=sums[1:])
    starts, ends = texts.offsets[:-1], texts.offsets[1:]
    return mix((sums[ends] - sums[starts]) * inverses[starts] + (ends - starts).astype(np.uint64))


@functools.lru_cache(maxsize=4)
def _powers(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the powers of the base and of its inverse from 0 on, uint64 (count,) each."""
    inverse = pow(_BASE, -1, 1 << 64)
    powers, inverses = np.ones(count + 1, np.uint64), np.ones(count + 1, np.uint64)
    for base, result in ((_BASE, powers), (inverse, inverses)):
        np.cumprod(np.full(count, base, np.uint64), out=result[1:])
    return powers, inverses
