"""Canonical members and twins of many equations at once, against the twins of one at a time."""

import itertools
from collections import defaultdict

import numpy as np
import pytest

from eqstream.data.reference.evaluation import canonical_key, has_brackets, twins
from eqstream.data.space.shapes import MOST_LISTED, TermShapes
from eqstream.data.space.twins import (
    TwinRules,
    choose_nodes,
    classify_nodes,
    find_canonical,
    most_free_nodes,
    swap_sides,
)
from tests.brute_force import make_recipe, plant
from tests.one_shape import list_shapes

GRID = [
    ("+", 4, True, 2),
    ("+-*", 3, True, 3),
    ("*/", 4, True, 2),
    ("+*", 5, False, 2),
    ("+-*/", 4, False, 2),
    ("+", 2, False, 4),
    ("-/", 3, True, 2),
    ("*", 1, True, 2),
]
all_spaces = pytest.mark.parametrize(("operators", "terms", "brackets", "high"), GRID)


def trees_of(operators, terms, brackets):
    space = {"operands": {"min": 0, "max": 9}, "operators": operators, "terms": terms, "brackets": brackets}
    return list_shapes(make_recipe(space).space)


def list_everything(shapes, high):
    """The places of shapes and the operands of all equations with numbers below `high`."""
    rows = itertools.product(range(shapes.count), *[range(high)] * shapes.num_terms)
    places, *operands = map(np.array, zip(*rows, strict=True))
    return places, np.array(operands)


@all_spaces
@pytest.mark.parametrize("is_listed", [True, False])
def test_each_class_has_one_canonical_member_from_which_all_others_are_made(
    operators, terms, brackets, high, is_listed, monkeypatch
):
    monkeypatch.setattr("eqstream.data.space.shapes.MOST_LISTED", MOST_LISTED if is_listed else 0)
    shapes, trees = TermShapes(terms, operators, brackets=brackets), trees_of(operators, terms, brackets)
    places, operands = list_everything(shapes, high)
    planted = [plant(trees[place], row) for place, row in zip(places.tolist(), operands.T, strict=True)]
    classes = defaultdict(set)
    for tree in planted:
        classes[canonical_key(tree)].add(tree)
    found = TwinRules(shapes).find_shapes(places)
    is_canonical, free = find_canonical(found.columns, operands[:, found.rows], found.free, found.undecided)
    kept = np.flatnonzero(is_canonical)
    assert len(kept) == len(classes)
    assert {canonical_key(planted[row]) for row in found.rows[kept].tolist()} == classes.keys()
    counts = 1 << np.bitwise_count(free[kept]).astype(int)
    rows = np.repeat(kept, counts)
    numbers = np.concatenate([np.arange(count) for count in counts])
    chosen = choose_nodes(free[rows], numbers, terms - 1)
    twin_places, twin_operands = swap_sides(shapes, found.columns.take(rows), operands[:, found.rows[rows]], chosen)
    made = defaultdict(list)
    for row, place, own in zip(rows.tolist(), twin_places.tolist(), twin_operands.T, strict=True):
        made[canonical_key(planted[found.rows[row]])].append(plant(trees[place], own))
    assert {key: set(members) for key, members in made.items()} == classes
    assert all(len(members) == len(set(members)) for members in made.values())


@all_spaces
def test_nodes_that_can_be_swapped_lead_to_all_twins(operators, terms, brackets, high):
    shapes, trees = TermShapes(terms, operators, brackets=brackets), trees_of(operators, terms, brackets)
    nodes = classify_nodes(shapes.all_columns(), brackets=brackets)[3]
    values = [3, 1, 4, 15, 92][:terms]
    most = 0
    for place, tree in enumerate(trees):
        expected = {twin for twin in twins(plant(tree, values)) if brackets or not has_brackets(twin)}
        count = int(np.bitwise_count(nodes[place]))
        assert len(expected) == 1 << count
        most = max(most, count)
    assert most_free_nodes(terms, operators, brackets=brackets) == most


@pytest.mark.parametrize("operators", ["+", "*", "-", "/", "+-", "+*", "-*", "+/", "*/", "-/", "+-*", "-*/", "+-*/"])
def test_most_free_nodes_are_those_of_some_shape_and_of_no_shape_more(operators):
    for terms, brackets in itertools.product(range(1, 6), (False, True)):
        columns = TermShapes(terms, operators, brackets=brackets).all_columns()
        counts = np.bitwise_count(classify_nodes(columns, brackets=brackets)[3])
        assert most_free_nodes(terms, operators, brackets=brackets) == counts.max()


def test_structures_of_many_operands_are_compared_exactly():
    """The texts of the sides of 32 operands are numbers of more than 64 bits."""
    shapes = TermShapes(32, "+-*/", brackets=True)
    places = np.array([shapes.count // 7 * number for number in range(7)], dtype=object)
    columns = shapes.columns(places)
    nodes = classify_nodes(columns, brackets=True)
    # The first shape, with the whole rest on the right at each node, has its larger sides last.
    assert nodes[:, 0].tolist() == [0, 0, 1, (1 << 31) - 1]
