"""The hash of one equation, spelled out, is the one that the writers compute for blocks."""

from fractions import Fraction

import numpy as np
import pytest

from eqstream.data.reference.hash_bucket import hash_bucket
from eqstream.data.reference.parsing import Number, parse
from eqstream.data.space.class_hash import class_hash
from tests.one_shape import columns_of


def to_shape_tree(tree, leaves):
    if isinstance(tree, Number):
        leaves.append(tree.value)
        return len(leaves) - 1
    left = to_shape_tree(tree.left, leaves)
    return (tree.operator, left, to_shape_tree(tree.right, leaves))


@pytest.mark.parametrize("salt", ["", "pepper"])
@pytest.mark.parametrize("decimals", [3, 5])
@pytest.mark.parametrize(
    "question",
    [
        "0 + 0",
        "31 + 87",
        "-31 + 87",
        "1.5 - 0.125",
        "10 * 100 - -7",
        "1 - 2 * (3 - 4) / 5",
        "12345678901234567890 + 1",
        "-9223372036854775.808 * 9223372036854775.807",
        "-99999999999999999999.001 - 100000000000000000000",
    ],
)
def test_buckets_are_those_of_the_hash_in_bulk(question, decimals, salt):
    leaves = []
    columns = columns_of([to_shape_tree(parse(question), leaves)])
    steps = [int(value * 10**decimals) for value in leaves]
    dtype = np.int64 if all(-(2**63) <= step < 2**63 for step in steps) else object
    operands = np.array(steps, dtype=dtype)[:, None]
    expected = int(class_hash(columns, operands, decimals=decimals, salt=salt)[0])
    assert hash_bucket(parse(question), salt) == Fraction(expected, 2**64)
