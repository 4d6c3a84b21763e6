"""Rank and unrank: exhausted where a space is small, round trips up to 10 ** 40."""

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eqstream.data.permutation import index_dtype
from eqstream.data.space.domains import Domain
from eqstream.data.space.prepared_space import prepare_space
from eqstream.data.space.section_union import SectionUnion
from eqstream.data.space.sections import Section
from eqstream.data.space.shapes import Shapes, ShapeSubset
from tests.brute_force import list_numbers, make_recipe
from tests.one_shape import count_terms, list_rows, list_shapes

# Sorted numbers in pairs are disjoint intervals.
domains = st.lists(st.integers(-30, 30), max_size=8, unique=True).map(
    lambda ends: Domain(tuple(zip(*[iter(sorted(ends))] * 2, strict=False)))
)


def members(domain: Domain) -> list[int]:
    return [value for low, high in domain.intervals for value in range(low, high + 1)]


@given(domains, domains)
def test_domains_are_sets_of_numbers(first, second):
    assert first.size == len(set(members(first)))
    assert first.bound == max(map(abs, members(first)), default=0)
    assert members(first.intersect(second)) == sorted({*members(first)} & {*members(second)})
    assert members(first.without(second)) == sorted({*members(first)} - {*members(second)})


@given(domains.filter(lambda domain: domain.size), st.sampled_from([np.int64, object]))
def test_places_in_a_domain_count_its_values_in_rising_order(domain, dtype):
    places = np.arange(domain.size).astype(dtype)
    values = domain.unrank(places)
    assert values.tolist() == members(domain)
    assert domain.rank(values).tolist() == places.tolist()


def test_value_outside_a_domain_has_no_place():
    with pytest.raises(ValueError, match=r"operand 5 \(in grid steps\) is not in the space"):
        Domain(((0, 4), (6, 9))).rank(np.array([4, 5, 6]))


def test_few_values_far_from_zero_have_places():
    far = Domain(((1, 2), (10**25, 10**25 + 1)))
    assert far.unrank(np.arange(4)).tolist() == [1, 2, 10**25, 10**25 + 1]
    assert far.rank(np.array([2, 1])).tolist() == [1, 0]
    assert far.rank(far.unrank(np.arange(4))).tolist() == [0, 1, 2, 3]


def rank(space, indices):
    """The ranks of the equations at indices."""
    ranks = np.zeros(len(indices), dtype=index_dtype(space.size))
    for candidates in space.locate(indices):
        ranks[candidates.rows] = space.rank(candidates.section.shapes, candidates.shapes, candidates.operands())
    return ranks.tolist()


@pytest.mark.parametrize(
    "mapping",
    [
        {"operands": {"min": 0, "max": 9}},
        {"operands": {"min": -2, "max": 1, "decimals": 1}, "operators": "+/"},
        {"operands": {"min": -1, "max": 1}, "operators": "+-*/", "terms": {"min": 1, "max": 3}},
        {"operands": {"min": 3, "max": 4}, "operators": "-*", "terms": {"min": 2, "max": 4}, "brackets": True},
    ],
)
def test_enumeration_is_shape_by_shape_with_the_last_operand_fastest(mapping):
    recipe = make_recipe(mapping).space
    prepared, trees = prepare_space(recipe), list_shapes(recipe)
    space = prepared.whole
    numbers = list_numbers(recipe.operands.min, recipe.operands.max, recipe.operands.decimals)
    steps = [int(number * prepared.scale) for number in numbers]
    expected = [(tree, *operands) for tree in trees for operands in itertools.product(steps, repeat=count_terms(tree))]
    indices = np.arange(space.size)
    assert list_rows(prepared.shapes, trees, space, indices) == expected
    assert rank(space, indices) == indices.tolist()
    shuffled = np.random.default_rng(0).permutation(space.size)
    assert list_rows(prepared.shapes, trees, space, shuffled) == [expected[index] for index in shuffled]
    assert rank(space, shuffled) == shuffled.tolist()


boxes_of_pairs = st.tuples(domains, domains).filter(lambda box: all(domain.size for domain in box))


@given(st.lists(boxes_of_pairs, min_size=1, max_size=4), st.booleans(), st.booleans())
def test_boxes_follow_each_other_for_each_shape_or_have_one_of_their_own(boxes, is_shared, is_huge):
    recipe = make_recipe({"operands": {"min": 0, "max": 1}, "operators": "+-*"}).space
    shapes, trees = Shapes(recipe), list_shapes(recipe)
    own = None if is_shared else np.array([number % 3 for number in range(len(boxes))])
    chosen = ShapeSubset(shapes.by_terms[2], np.array([0, 2]))
    space = SectionUnion((Section(chosen, tuple(boxes), own),))
    pairs: Any = itertools.product([0, 2], boxes) if own is None else zip(own.tolist(), boxes, strict=True)
    expected = [
        (trees[number], *operands) for number, box in pairs for operands in itertools.product(*map(members, box))
    ]
    assert space.size == len(expected)
    indices = np.arange(space.size).astype(object if is_huge else np.int64)
    assert list_rows(shapes, trees, space, indices) == expected


huge_spaces = st.builds(
    lambda low, width, operators, terms, brackets, decimals: {
        "operands": {"min": low, "max": low + width, "decimals": decimals},
        "operators": operators,
        "terms": terms,
        "brackets": brackets,
    },
    st.one_of(st.integers(-1000, 1000), st.integers(-(10**22), 10**22)),
    st.one_of(st.integers(0, 1000), st.integers(0, 10**12)),
    st.sampled_from(["+", "-*", "+-*/"]),
    st.one_of(st.integers(1, 3), st.just({"min": 1, "max": 3}), st.just({"min": 2, "max": 4})),
    st.booleans(),
    st.integers(0, 4),
)


@settings(deadline=None)
@given(huge_spaces, st.data())
def test_rank_undoes_unrank_in_spaces_of_every_size(mapping, data):
    recipe = make_recipe(mapping).space
    space = prepare_space(recipe).whole
    num_numbers = (recipe.operands.max - recipe.operands.min) * 10**recipe.operands.decimals + 1
    assert space.size == sum(num_numbers ** count_terms(tree) for tree in list_shapes(recipe))
    inside = st.integers(0, space.size - 1)
    places = [0, space.size - 1, *data.draw(st.lists(inside, max_size=20))]
    indices = np.array(places, dtype=index_dtype(space.size))
    assert rank(space, indices) == places
    domain = prepare_space(recipe).operand_domain
    for candidates in space.locate(indices):
        for operand in candidates.operands():
            assert all(domain.intervals[0][0] <= value <= domain.intervals[0][1] for value in operand)


@pytest.mark.parametrize(
    ("high", "terms", "size"),
    [
        (10**20 - 1, 2, 10**40),
        (10**10 - 1, 4, 10**40),
        (10**40 - 1, 1, 10**40),
        (2**31 - 1, 2, 2**62),
        (2**62, 1, 2**62 + 1),
        (9, 32, 10**32),
    ],
)
def test_rank_undoes_unrank_at_the_sizes_where_types_change(high, terms, size):
    space = prepare_space(make_recipe({"operands": {"min": 0, "max": high}, "terms": terms}).space).whole
    assert space.size == size
    places = [0, 1, high, size // 3, size // 2, math.isqrt(size), size - 2, size - 1]
    indices = np.array(places, dtype=index_dtype(size))
    assert rank(space, indices) == places
    (candidates,) = space.locate(indices)
    digits = candidates.operands().T.tolist()
    assert [sum(digit * (high + 1) ** place for place, digit in enumerate(reversed(row))) for row in digits] == places


def test_no_index_gives_no_equation():
    space = prepare_space(make_recipe({"operands": {"min": 0, "max": 9}}).space).whole
    assert space.locate(np.array([], dtype=np.int64)) == []


def test_equation_outside_the_space_has_no_rank():
    prepared = prepare_space(make_recipe({"operands": {"min": 0, "max": 9}}).space)
    operands = np.array([[1, 9, 11], [2, 3, 4]])
    with pytest.raises(ValueError, match="the equation in row 2 is not in the space"):
        prepared.whole.rank(prepared.shapes.by_terms[2], np.zeros(3, dtype=np.int64), operands)


@pytest.mark.parametrize("operands", [{"min": 0, "max": 9}, {"min": 0, "max": 10**10 - 1}], ids=["small", "huge"])
@pytest.mark.parametrize("operators", ["+", "+-"], ids=["one box", "two boxes"])
def test_index_out_of_range_is_refused(operands, operators):
    space = prepare_space(make_recipe({"operands": operands, "operators": operators}).space).whole
    for indices in ([-1], [0, space.size], [space.size + 5, 0]):
        wrong = next(index for index in indices if not 0 <= index < space.size)
        with pytest.raises(ValueError, match=rf"index {wrong} is not in \[0, {space.size}\)"):
            space.locate(np.array(indices, dtype=index_dtype(space.size)))
    assert space.locate(np.zeros(0, dtype=np.int64)) == []


@pytest.mark.parametrize("operators", ["+", "+-"], ids=["one box", "two boxes"])
@pytest.mark.parametrize("dtype", [np.int8, np.int64, np.uint64, object])
def test_indices_of_any_width_are_places_in_a_space_of_any_size(operators, dtype):
    for largest in (9, 10**10 - 1, 10**40):
        recipe = make_recipe({"operands": {"min": 0, "max": largest}, "operators": operators}).space
        prepared, trees = prepare_space(recipe), list_shapes(recipe)
        indices = np.array([0, 99, 57], dtype=dtype)
        rows = [(trees[0], *divmod(int(index), largest + 1)) for index in indices]
        assert list_rows(prepared.shapes, trees, prepared.whole, indices) == rows
        assert rank(prepared.whole, indices) == indices.tolist()
