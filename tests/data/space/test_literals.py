"""What stands around operands, against the texts of trees printed one at a time."""

import itertools

import numpy as np
import pytest

from eqstream.data.reference.evaluation import has_brackets
from eqstream.data.reference.parsing import parse, render
from eqstream.data.space import literals
from eqstream.data.space.prepared_space import prepare_space
from tests.brute_force import make_recipe, plant
from tests.one_shape import columns_of, count_terms, list_shapes

GRID = [
    (operators, terms, brackets)
    for operators in ("+", "-", "+*", "-/", "+-*/")
    for terms in (1, 2, 3, 4, {"min": 1, "max": 3})
    for brackets in (False, True)
] + [("+*", 5, True), ("*", 5, True), ("-", 6, True)]


@pytest.mark.parametrize(("operators", "terms", "brackets"), GRID)
def test_literals_are_what_stands_between_the_operands_of_the_printed_tree(operators, terms, brackets):
    space = {"operands": {"min": 0, "max": 9}, "operators": operators, "terms": terms, "brackets": brackets}
    recipe = make_recipe(space).space
    known, most = set(literals.list_literals(recipe)), 0
    prepared = prepare_space(recipe)
    for number, tree in enumerate(list_shapes(recipe)):
        planted = plant(tree, range(count_terms(tree)))
        (found,) = prepared.literals.of(np.array([number])).T.tolist()
        assert set(found) <= known
        assert found[count_terms(tree) + 1 :] == [literals.ABSENT] * (recipe.terms.max - count_terms(tree))
        assert literals.has_brackets(columns_of([tree])).tolist() == [has_brackets(planted)]
        for spacing in (True, False):
            texts = [literals.literal_text(literal, spacing=spacing) for literal in found]
            numbers = [*map(str, range(count_terms(tree))), *[""] * len(texts)]
            text = "".join(itertools.chain(*zip(texts, numbers, strict=False)))
            assert text == render(planted, spacing)
            assert parse(text) == planted
        if count_terms(tree) == recipe.terms.max:
            most = max(most, render(planted).count("("))
    assert literals.most_brackets(recipe)[-1] == most
