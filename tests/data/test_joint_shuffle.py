"""Shuffles that are computed together are those that are computed alone."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from eqstream.data.joint_shuffle import JointShuffle
from eqstream.data.permutation import index_dtype, make_permutation
from tests.examples import examples

SIZES = st.one_of(
    st.integers(1, 300),
    # On both sides of where the number of rounds, the type of digits, and the type of numbers change.
    st.sampled_from([2**16, 2**16 + 1, 2**32 - 1, 2**32 + 5, 2**62, 2**62 + 1, 2**100, 2**124, 2**124 + 1]),
)


@examples(60)
@given(st.lists(st.tuples(SIZES, st.integers(0, 9), st.booleans()), min_size=1, max_size=6), st.data())
def test_joint_shuffles_are_those_that_are_computed_alone(kinds, data):
    shuffles = [make_permutation(size, seed, is_wide=is_wide) for size, seed, is_wide in kinds]
    numbers = data.draw(st.lists(st.integers(0, len(kinds) - 1), max_size=30))
    positions = [data.draw(st.integers(0, kinds[number][0] - 1)) for number in numbers]
    dtype = index_dtype(max(size for size, _, _ in kinds))
    found = JointShuffle(shuffles).forward(np.array(numbers, dtype=np.int64), np.array(positions, dtype=dtype))
    expected = [
        int(shuffles[number].forward(np.array([position], dtype=index_dtype(kinds[number][0])))[0])
        for number, position in zip(numbers, positions, strict=True)
    ]
    assert found.dtype == dtype
    assert found.tolist() == expected
