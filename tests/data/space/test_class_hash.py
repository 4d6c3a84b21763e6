"""Class hashes: equal for twins, of the numbers and not of how they are stored, and the same everywhere."""

import itertools
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eqstream.data.reference.evaluation import canonical_key
from eqstream.data.reference.parsing import parse, render
from eqstream.data.space.class_hash import class_hash, in_buckets
from eqstream.data.space.prepared_space import prepare_space
from tests.brute_force import make_recipe, plant
from tests.one_shape import columns_of, list_shapes


def hash_everything(mapping: dict, dtype: type = np.int64, salt: str = "") -> dict[str, int]:
    """Each question of a space with the hash of its class."""
    recipe = make_recipe(mapping).space
    space, trees = prepare_space(recipe), list_shapes(recipe)
    result = {}
    for candidates in space.whole.locate(np.arange(space.whole.size)):
        operands = candidates.operands()
        hashes = class_hash(candidates.columns(), operands.astype(dtype), decimals=space.decimals, salt=salt)
        numbers = space.shapes.numbers(candidates.section.shapes, candidates.shapes)
        for number, row, value in zip(numbers.tolist(), operands.T, hashes.tolist(), strict=True):
            result[render(plant(trees[number], row, space.scale))] = value
    return result


@pytest.mark.parametrize(
    "mapping",
    [
        {"operands": {"min": -1, "max": 2}, "operators": "+-*/", "terms": {"min": 1, "max": 3}, "brackets": True},
        {"operands": {"min": 0, "max": 1}, "operators": "+-*", "terms": 4, "brackets": True},
        {"operands": {"min": 0, "max": 2}, "operators": "+", "terms": {"min": 1, "max": 5}, "brackets": True},
        {"operands": {"min": -2, "max": 2, "decimals": 1}, "operators": "+*"},
    ],
)
def test_twins_have_one_hash_and_other_equations_another(mapping):
    hashes = hash_everything(mapping)
    class_to_hashes, hash_to_classes = defaultdict(set), defaultdict(set)
    for question, value in hashes.items():
        key = canonical_key(parse(question))
        class_to_hashes[key].add(value)
        hash_to_classes[value].add(key)
    assert {len(values) for values in class_to_hashes.values()} == {1}
    assert {len(keys) for keys in hash_to_classes.values()} == {1}
    assert hash_everything(mapping, object) == hashes


def test_hash_is_of_the_number_and_not_of_its_grid():
    coarse = hash_everything({"operands": {"min": -3, "max": 3}, "operators": "-"})
    fine = hash_everything({"operands": {"min": -3, "max": 3, "decimals": 1}, "operators": "-"})
    assert coarse == {question: fine[question] for question in coarse}
    grids = {decimals: np.array([[-25 * 10**decimals // 10, 0, 7 * 10**decimals]] * 2) for decimals in (1, 2, 12)}
    hashes = {
        decimals: class_hash(columns_of([("+", 0, 1)] * 3), operands, decimals=decimals, salt="s").tolist()
        for decimals, operands in grids.items()
    }
    assert hashes[1] == hashes[2] == hashes[12]


def test_hash_of_a_number_beyond_64_bits_depends_on_all_of_it():
    numbers = [5, 5 + 2**64, 5 - 2**64, 5 + 2**65, 5 + 2**128, 2**63, -(2**63), -(2**63) - 1, -1, 2**64 - 1, 10**30]
    columns = columns_of([("+", 0, 1)] * len(numbers))
    hashes = class_hash(columns, np.array([numbers, [0] * len(numbers)], dtype=object), decimals=0, salt="")
    assert len(set(hashes.tolist())) == len(numbers)
    native = class_hash(columns_of([("+", 0, 1)] * 3), np.array([[5, -(2**63), -1], [0] * 3]), decimals=0, salt="")
    assert native.tolist() == [hashes.tolist()[numbers.index(number)] for number in (5, -(2**63), -1)]


def test_hash_is_the_same_everywhere():
    # A change of these numbers moves equations between buckets: it needs a new format version.
    shape = columns_of([("-", ("+", 0, 1), ("*", 2, 3))])
    operands = np.array([[31], [87], [-5], [250]])
    assert class_hash(shape, operands, decimals=0, salt="").tolist() == [7732649477542714276]
    assert class_hash(shape, operands, decimals=2, salt="pepper").tolist() == [8934013828460778226]
    huge = np.array([[10**30]] * 4, dtype=object)
    assert class_hash(shape, huge, decimals=0, salt="").tolist() == [16628120282826259155]


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1), st.lists(st.floats(0, 1), max_size=6, unique=True))
def test_adjoining_buckets_take_every_hash_once(hashes, edges):
    array = np.array([0, 2**64 - 1, *hashes], dtype=np.uint64)
    edges = sorted({0.0, 1.0, *edges})
    taken = np.sum([in_buckets(array, pair) for pair in itertools.pairwise(edges)], axis=0)
    assert (taken == 1).all()
