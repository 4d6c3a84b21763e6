"""Classes that are held out are known by their hashes."""

import numpy as np

from eqstream.data.space.held_out_classes import HeldOut


def test_hashes_that_differ_in_their_lowest_bits_alone_are_told_apart():
    held_out = HeldOut(np.array([2**63, 5, 5], np.uint64))
    asked = np.array([4, 5, 2**63 + 1, 2**63, 2**64 - 1], np.uint64)
    assert held_out.contains(asked).tolist() == [False, True, False, True, False]
    assert HeldOut(np.zeros(0, np.uint64)).contains(asked).tolist() == [False] * 5
    assert len(held_out) == 2
