"""Shapes and their twins against trees that are built, printed and commuted one at a time."""

import itertools

import pytest

from eqstream.data.errors import UserError
from eqstream.data.reference.evaluation import canonical_key, has_brackets, list_operators, parse, render, twins
from eqstream.data.space.shapes import MAX_SHAPES, Shape, count_leaves, count_shapes, list_shapes
from tests.brute_force import list_chains, list_trees, make_recipe, plant, skeleton

GRID = [
    (operators, terms, brackets)
    for operators in ("+", "-", "+*", "+-/", "+-*/")
    for terms in (1, 2, 3, 4)
    for brackets in (False, True)
] + [("+*", 5, True), ("-", 6, True), ("+*", 6, False)]
all_shapes = pytest.mark.parametrize(("operators", "terms", "brackets"), GRID)


def shapes_of(operators, terms, brackets):
    space = {"operands": {"min": 0, "max": 9}, "operators": operators, "terms": terms, "brackets": brackets}
    return list_shapes(make_recipe(space).space)


@all_shapes
def test_shapes_are_all_trees_of_the_space_each_once(operators, terms, brackets):
    shapes = shapes_of(operators, terms, brackets)
    found = [skeleton(plant(shape.tree, [0] * terms)) for shape in shapes]
    list_all = list_trees if brackets else list_chains
    assert len(set(found)) == len(found)
    assert set(found) == {skeleton(tree) for tree in list_all([0], operators, terms)}
    space = make_recipe({"operands": {"min": 0, "max": 0}, "operators": operators, "brackets": brackets}).space
    assert count_shapes(terms, space) == len(shapes)


@all_shapes
def test_literals_are_what_stands_between_the_operands_of_the_printed_tree(operators, terms, brackets):
    for shape in shapes_of(operators, terms, brackets):
        tree = plant(shape.tree, range(terms))
        assert shape.num_terms == count_leaves(shape.tree) == terms
        assert shape.operators == list_operators(tree)
        assert shape.has_brackets == has_brackets(tree)
        for spacing in (True, False):
            literals = shape.literals(spacing)
            numbers = [*map(str, range(terms)), ""]
            text = "".join(itertools.chain(*zip(literals, numbers, strict=True)))
            assert text == render(tree, spacing)
            assert parse(text) == tree


@all_shapes
def test_variants_are_the_twins_that_the_space_holds(operators, terms, brackets):
    values = [3, 1, 4, 15, 92, 65][:terms]
    for shape in shapes_of(operators, terms, brackets):
        tree = plant(shape.tree, values)
        variants = shape.variants()
        assert (variants[0].swaps, variants[0].tree, variants[0].operand_order) == (0, shape.tree, tuple(range(terms)))
        made = [plant(variant.tree, [values[place] for place in variant.operand_order]) for variant in variants]
        assert len(set(made)) == len(made) == 2 ** len(shape.swaps)
        assert set(made) == {twin for twin in twins(tree) if brackets or not has_brackets(twin)}


@all_shapes
def test_each_class_has_one_shape_whose_swaps_all_stand_as_they_should(operators, terms, brackets):
    shapes = shapes_of(operators, terms, brackets)
    classes = {}
    for shape in shapes:
        key = canonical_key(plant(shape.tree, [7] * terms))
        classes.setdefault(key, []).append(all(swap.order <= 0 for swap in shape.swaps))
    assert all(sum(is_canonical) == 1 for is_canonical in classes.values())


def test_swap_says_which_operands_change_sides():
    shape = Shape(("+", ("*", 0, 1), ("-", 2, ("*", 3, 4))), brackets=True)
    assert [(swap.start, swap.middle, swap.end) for swap in shape.swaps] == [(0, 1, 2), (3, 4, 5), (0, 2, 5)]
    # Both products are alike on their sides; the sum has the shorter side first, which canonical form has last.
    assert [swap.order for swap in shape.swaps] == [0, 0, 1]


def test_nodes_are_swapped_without_brackets_only_where_none_becomes_needed():
    assert Shape(("+", ("+", 0, 1), 2), brackets=False).swaps == Shape(("+", 0, 1), brackets=False).swaps
    assert len(Shape(("+", ("*", 0, 1), ("*", 2, 3)), brackets=False).swaps) == 3
    assert Shape(("-", ("/", 0, 1), 2), brackets=False).swaps == ()


def test_shapes_come_in_the_order_of_terms_then_trees_then_operators():
    shapes = shapes_of("+*", {"min": 1, "max": 3}, True)
    texts = [render(plant(shape.tree, [1, 2, 3]), spacing=False) for shape in shapes]
    two_terms = ["1+2", "1*2"]
    right_first = ["1+(2+3)", "1+2*3", "1*(2+3)", "1*(2*3)"]
    left_first = ["1+2+3", "(1+2)*3", "1*2+3", "1*2*3"]
    assert texts == ["1", *two_terms, *right_first, *left_first]


def test_too_many_shapes_are_refused_before_they_are_listed():
    with pytest.raises(UserError, match=r"the space has [\d,]{30,} shapes, at most 65,536 are supported"):
        shapes_of("+-*/", 32, True)
    assert len(shapes_of("+-*/", 9, False)) == MAX_SHAPES
    with pytest.raises(UserError, match=r"the space has 262,144 shapes, .*; lower `space\.terms\.max` or use fewer"):
        shapes_of("+-*/", 10, False)
