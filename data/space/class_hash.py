"""A salted hash of each class of twins, by which `hash` splits take their buckets."""

import hashlib
from collections.abc import Sequence

import numpy as np

from eqstream.data.recipe_values import exact
from eqstream.data.space.shapes import OVER, ShapeColumns
from eqstream.data.space.trees import Slots

_HASH_SPACE = 1 << 64
_MIX_A = np.uint64(0xBF58476D1CE4E5B9)
_MIX_B = np.uint64(0x94D049BB133111EB)
# In the order of "+-*/".
_OPERATOR_CODES = np.array(
    [0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x27D4EB2F165667C5], dtype=np.uint64
)


def in_buckets(hashes: np.ndarray, buckets: Sequence[float]) -> np.ndarray:
    """Returns whether each hash (n,), uint64, falls into the half-open range of buckets within [0, 1)."""
    low, high = (int(exact(edge) * _HASH_SPACE) for edge in buckets)
    above = hashes >= np.uint64(low)
    return above if high == _HASH_SPACE else above & (hashes < np.uint64(high))


def class_hash(columns: ShapeColumns, operands: np.ndarray, *, decimals: int, salt: str) -> np.ndarray:
    """Returns a salted hash of each equation's class, uint64 (n,).

    Twins have equal hashes, because the two sides of ``+`` and ``*`` enter as a sum. It depends on the values and the
    tree alone, so it stays put when the space grows in any direction.

    Args:
        columns: the shapes.
        operands: grid integers, of shape (num_terms, n).
        decimals: of an operand.
        salt: of the hash.
    """
    return _mix(hash_nodes(columns, operands, decimals=decimals, salt=salt))


def hash_quotients(dividends: np.ndarray, divisors: np.ndarray) -> np.ndarray:
    """Returns what `class_hash` does of quotients, given the `hash_nodes` of both sides, uint64 (n,)."""
    return _mix(_join(dividends, divisors, np.full(1, OVER)))


def hash_alone(nodes: np.ndarray) -> np.ndarray:
    """Returns what `class_hash` does of whole equations, given their `hash_nodes`, uint64 (n,)."""
    return _mix(nodes)


def hash_nodes(columns: ShapeColumns, operands: np.ndarray, *, decimals: int, salt: str) -> np.ndarray:
    """Returns the hashes of equations as sides of longer ones, uint64 (n,); arguments as of `class_hash`."""
    seed = int.from_bytes(hashlib.blake2b(salt.encode(), digest_size=8).digest(), "little")
    hashes = Slots(np.stack([_hash_number(column, decimals, seed) for column in operands]))
    operators = Slots(columns.operators)
    for node in columns.steps.nodes(operands.shape[1]):
        hashes.put(node.left, _join(hashes.get(node.left), hashes.get(node.right), operators.get(node.right)))
    return hashes.roots()


def _join(lefts: np.ndarray, rights: np.ndarray, operators: np.ndarray) -> np.ndarray:
    # The sides of `-` and `/` are told apart.
    rights = np.where(operators & 1, _mix(rights), rights)
    return _mix((lefts + rights) ^ _OPERATOR_CODES.take(operators))


def _hash_number(values: np.ndarray, decimals: int, seed: int) -> np.ndarray:
    """Hashes the number, not its grid: 1.5 hashes the same with one decimal and with three."""
    places = np.full(len(values), decimals, dtype=np.uint64)
    for _ in range(decimals):
        is_round = (values % 10 == 0).astype(bool) & (places > 0)
        values = np.where(is_round, values // 10, values)
        places = places - is_round.astype(np.uint64)
    state = _mix(places ^ np.uint64(seed))
    if values.dtype != object:
        return _mix(state + values.astype(np.uint64) * _MIX_A)
    low = np.array([value & _HASH_SPACE - 1 for value in values], dtype=np.uint64)
    high = [value >> 63 for value in values]
    state = _mix(state + low * _MIX_A)
    # Numbers that fit 64 bits with their sign have only copies of the sign above: they hash as int64 would.
    wide = [row for row, part in enumerate(high) if part not in (0, -1)]
    for row in wide:
        digest = hashlib.blake2b(str(values[row]).encode(), digest_size=8).digest()
        state[row] ^= np.uint64(int.from_bytes(digest, "little"))
    return state


def _mix(values: np.ndarray) -> np.ndarray:
    """Scrambles 64-bit values; the finaliser of SplitMix64 (Steele, Lea and Flood, 2014)."""
    values = (values ^ (values >> np.uint64(30))) * _MIX_A
    values = (values ^ (values >> np.uint64(27))) * _MIX_B
    return values ^ (values >> np.uint64(31))
