"""Bounds on the values of a space, against those of each of its shapes."""

import itertools

import pytest

from eqstream.data.space.value_bounds import Bounds, bound_space
from tests.brute_force import make_recipe
from tests.one_shape import list_shapes

OPERANDS = [(0, 99, 0), (0, 0, 0), (-3, 10, 1), (0, 1, 12), (-1000, 7, 3), (0, 10**30, 0)]


def bound_tree(tree, leaf, space, magnitudes):
    """The bounds of one tree; `magnitudes` gets every number on the way."""
    if isinstance(tree, int):
        return leaf
    left, right = (bound_tree(side, leaf, space, magnitudes) for side in tree[1:])
    on_grid, grid = left.is_on_grid and right.is_on_grid, leaf.denominator
    if tree[0] == "*":
        result = Bounds(left.numerator * right.numerator, left.denominator * right.denominator, on_grid)
    elif tree[0] == "/":
        numerator, denominator = left.numerator * right.denominator, right.numerator * left.denominator
        result = Bounds(numerator, denominator, False)
        if space.division in ("exact", "quotient"):
            magnitudes += [numerator * grid, denominator * grid]
            result = Bounds(numerator * grid, grid if space.division == "exact" else 1, True)
    elif on_grid:
        larger = max(left.denominator, right.denominator)
        result = Bounds(sum(side.numerator * (larger // side.denominator) for side in (left, right)), larger, True)
    else:
        numerator = left.numerator * right.denominator + right.numerator * left.denominator
        result = Bounds(numerator, left.denominator * right.denominator, False)
    magnitudes += result[:2]
    return result


def count_decimals(tree, space):
    if isinstance(tree, int):
        return space.operands.decimals
    if tree[0] == "/":
        return space.operands.decimals if space.division == "exact" else 0
    sides = [count_decimals(side, space) for side in tree[1:]]
    return sum(sides) if tree[0] == "*" else max(sides)


@pytest.mark.parametrize("division", ["exact", "quotient", "decimal", "fraction"])
@pytest.mark.parametrize("operators", ["+", "-*", "/", "+/", "*/", "+-*/"])
@pytest.mark.parametrize("brackets", [False, True])
def test_bounds_of_a_space_are_the_largest_of_its_shapes(operators, division, brackets):
    for (low, high, decimals), terms in itertools.product(OPERANDS, [1, 2, {"min": 2, "max": 4}]):
        mapping = {"operands": {"min": low, "max": high, "decimals": decimals}, "operators": operators, "terms": terms}
        space = make_recipe(mapping | {"brackets": brackets, "division": division, "places": 3}).space
        bound, divides = max(abs(low), abs(high)) * 10**decimals, "/" in operators
        rounds = divides and division == "decimal"
        trees = list_shapes(space)
        places = 3 if rounds else max(count_decimals(tree, space) for tree in trees)
        magnitudes, answers = [0], []
        for tree in trees:
            found = bound_tree(tree, Bounds(max(bound, 1), 10**decimals, True), space, magnitudes)
            magnitudes.append(2 * (found.numerator * 10**places + found.denominator))
            if divides and division == "fraction":
                answers.append(max(found[:2]))
            elif found.is_on_grid and not rounds:
                answers.append(found.numerator * (10**places // found.denominator))
            else:
                answers.append(found.numerator * 10**places + 1)
        assert bound_space(space, bound) == (places, max(answers), max(magnitudes))
