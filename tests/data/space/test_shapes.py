"""Shapes that are numbers, against shapes that are listed one at a time."""

import numpy as np
import pytest

from eqstream.data.recipe_values import OPERATORS
from eqstream.data.reference.parsing import render
from eqstream.data.space.shapes import MOST_LISTED, OPERAND, Shapes, ShapeSubset, TermShapes
from tests.brute_force import list_chains, list_trees, make_recipe, plant, skeleton
from tests.one_shape import count_terms, list_operators, list_shapes, list_steps

GRID = [
    (operators, terms, brackets)
    for operators in ("+", "-", "+*", "+-/", "+-*/")
    for terms in (1, 2, 3, 4)
    for brackets in (False, True)
] + [("+*", 5, True), ("-", 6, True), ("+*", 6, False)]
all_shapes = pytest.mark.parametrize(("operators", "terms", "brackets"), GRID)


def space_of(operators, terms, brackets=True):
    space = {"operands": {"min": 0, "max": 9}, "operators": operators, "terms": terms, "brackets": brackets}
    return make_recipe(space).space


def describe(columns, row):
    """Operators and steps of one row."""
    operators = columns.operators[:, row].tolist()
    steps = [
        tuple(int(column[-1 if column.shape[0] == 1 else row]) for column in (starts, middles, ends))
        for starts, middles, ends in zip(columns.steps.starts, columns.steps.middles, columns.steps.ends, strict=True)
    ]
    return operators, steps


@all_shapes
def test_shapes_are_all_trees_of_the_space_each_once(operators, terms, brackets):
    space = space_of(operators, terms, brackets)
    found = [skeleton(plant(tree, [0] * terms)) for tree in list_shapes(space)]
    list_all = list_trees if brackets else list_chains
    assert Shapes(space).count == len(found) == len(set(found))
    assert set(found) == {skeleton(tree) for tree in list_all([0], operators, terms)}


@all_shapes
@pytest.mark.parametrize("is_listed", [True, False])
def test_columns_of_a_number_are_those_of_its_tree(operators, terms, brackets, is_listed, monkeypatch):
    monkeypatch.setattr("eqstream.data.space.shapes.MOST_LISTED", MOST_LISTED if is_listed else 0)
    trees = list_shapes(space_of(operators, terms, brackets))
    shapes = TermShapes(terms, operators, brackets=brackets)
    columns = shapes.columns(np.arange(shapes.count).astype(shapes.dtype))
    for row, tree in enumerate(trees):
        codes = [OPERAND, *map(OPERATORS.index, list_operators(tree))]
        assert describe(columns, row) == (codes, list_steps(tree))


def test_shapes_come_in_the_order_of_terms_then_trees_then_operators():
    texts = [
        render(plant(tree, [1, 2, 3]), spacing=False) for tree in list_shapes(space_of("+*", {"min": 1, "max": 3}))
    ]
    two_terms = ["1+2", "1*2"]
    right_first = ["1+(2+3)", "1+2*3", "1*(2+3)", "1*(2*3)"]
    left_first = ["1+2+3", "(1+2)*3", "1*2+3", "1*2*3"]
    assert texts == ["1", *two_terms, *right_first, *left_first]


@pytest.mark.parametrize("brackets", [False, True])
def test_numbers_of_all_terms_are_split_and_joined(brackets):
    space = space_of("+-", {"min": 1, "max": 4}, brackets)
    shapes, trees = Shapes(space), list_shapes(space)
    numbers = np.random.default_rng(1).permutation(shapes.count).astype(shapes.dtype)
    seen = np.zeros(len(numbers), dtype=int)
    for own, rows, places in shapes.split(numbers):
        seen[rows] += 1
        assert {count_terms(trees[number]) for number in numbers[rows].tolist()} == {own.num_terms}
        assert shapes.numbers(own, places).tolist() == numbers[rows].tolist()
    assert (seen == 1).all()


@pytest.mark.parametrize("brackets", [False, True])
@pytest.mark.parametrize("terms", [1, 2, 4])
def test_subset_of_operators_has_the_shapes_that_hold_no_others(brackets, terms):
    trees = list_shapes(space_of("+-*/", terms, brackets))
    shapes = TermShapes(terms, "+-*/", brackets=brackets)
    for operators in ("-", "+*", "*/", "+-*/"):
        expected = [place for place, tree in enumerate(trees) if set(list_operators(tree)) <= set(operators)]
        subset = ShapeSubset(shapes, operators=operators)
        assert subset.places(np.arange(subset.count)).tolist() == expected
        numbers = {place: number for number, place in enumerate(expected)}
        assert subset.numbers(np.arange(shapes.count)).tolist() == [
            numbers.get(place, -1) for place in range(len(trees))
        ]
        assert subset.has_division == any("/" in list_operators(trees[place]) for place in expected)
        listed = ShapeSubset(shapes, np.array(expected))
        assert listed.numbers(np.arange(shapes.count)).tolist() == subset.numbers(np.arange(shapes.count)).tolist()
        assert listed.has_division == subset.has_division


def test_shapes_too_many_to_list_are_numbers_all_the_same():
    shapes = TermShapes(32, "+-*/", brackets=True)
    places = np.array([0, shapes.count // 3, shapes.count - 1], dtype=object)
    columns = shapes.columns(places)
    assert columns.operators[1:, 0].tolist() == [0] * 31
    assert columns.operators[1:, 2].tolist() == [3] * 31
    assert [describe(columns, row)[1][-1] for row in (0, 2)] == [(0, 1, 32), (0, 31, 32)]
