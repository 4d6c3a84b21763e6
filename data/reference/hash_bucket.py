"""The hash bucket of one equation, computed on Python's integers: what `hash` in a recipe's splits refers to.

It is the definition spelled out; `eqstream.data.space.conditions` computes the same numbers for blocks of equations.

| node | hash |
| --- | --- |
| number | `mix(mix(places ^ salt) + steps * MIX_A)`, for the number `steps / 10**places` in its shortest form |
| `+`, `*` | `mix((left + right) ^ code)`: both sides enter alike, so twins have the same bucket |
| `-`, `/` | `mix((left + mix(right)) ^ code)` |

The hash of an equation is `mix` of its root; everything is modulo 2**64. `mix` is the finaliser of SplitMix64 (Steele,
Lea and Flood, 2014).
"""

import hashlib
from fractions import Fraction

from eqstream.data.reference.evaluation import COMMUTATIVE
from eqstream.data.reference.parsing import Number, Rational, Tree, decimal_places

_MASK = (1 << 64) - 1
MIX_A = 0xBF58476D1CE4E5B9
MIX_B = 0x94D049BB133111EB
OPERATOR_CODES = {"+": 0x9E3779B97F4A7C15, "-": 0xC2B2AE3D27D4EB4F, "*": 0x165667B19E3779F9, "/": 0x27D4EB2F165667C5}


def hash_bucket(tree: Tree, salt: str) -> Fraction:
    """Returns the bucket, in [0, 1), of an equation and of all its twins.

    >>> from eqstream.data.reference.parsing import parse
    >>> hash_bucket(parse("31 + 87"), "") == hash_bucket(parse("87 + 31"), "")
    True
    """
    return Fraction(hash_tree(tree, salt), 1 << 64)


def hash_tree(tree: Tree, salt: str) -> int:
    """Returns the hash, below 2**64, of an equation and of all its twins."""
    return _mix(_hash_tree(tree, salt_seed(salt)))


def salt_seed(salt: str) -> int:
    """Returns the number, below 2**64, that a salt puts into the hash of every operand."""
    return int.from_bytes(hashlib.blake2b(salt.encode(), digest_size=8).digest(), "little")


def _hash_tree(tree: Tree, seed: int) -> int:
    if isinstance(tree, Number):
        return _hash_number(tree.value, seed)
    left, right = _hash_tree(tree.left, seed), _hash_tree(tree.right, seed)
    if tree.operator not in COMMUTATIVE:
        right = _mix(right)
    return _mix((left + right & _MASK) ^ OPERATOR_CODES[tree.operator])


def _hash_number(value: Rational, seed: int) -> int:
    places = decimal_places(value)
    assert places is not None, "operands have finite decimals"
    steps = int(value * 10**places)
    state = _mix(_mix(places ^ seed) + (steps & _MASK) * MIX_A & _MASK)
    if not -(1 << 63) <= steps < 1 << 63:
        digest = hashlib.blake2b(str(steps).encode(), digest_size=8).digest()
        state ^= int.from_bytes(digest, "little")
    return state


def _mix(value: int) -> int:
    value = (value ^ value >> 30) * MIX_A & _MASK
    value = (value ^ value >> 27) * MIX_B & _MASK
    return value ^ value >> 31
