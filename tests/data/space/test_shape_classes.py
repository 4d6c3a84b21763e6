"""Classes of bracketed shapes, against the twins of all shapes one at a time."""

from collections import defaultdict

import numpy as np
import pytest

from eqstream.data.reference.evaluation import canonical_key
from eqstream.data.space.shape_classes import ClassShapes, ShapeClasses, find_classes
from eqstream.data.space.shapes import ShapeSubset, TermShapes
from eqstream.data.space.twins import classify_nodes
from tests.brute_force import make_recipe, plant
from tests.one_shape import list_operators, list_shapes


@pytest.mark.parametrize(("operators", "terms"), [("+-*/", 3), ("+-*", 4), ("+*", 5), ("+", 6), ("-", 4), ("*/", 1)])
def test_every_class_has_its_canonical_shape_in_the_family_that_it_belongs_to(operators, terms):
    space = {"operands": {"min": 0, "max": 9}, "operators": operators, "terms": terms, "brackets": True}
    trees = list_shapes(make_recipe(space).space)
    shapes, classes = TermShapes(terms, operators, brackets=True), ShapeClasses(terms, operators)
    members = defaultdict(set)
    for place, tree in enumerate(trees):
        members[canonical_key(plant(tree, [0] * terms))].add(place)
    key_of = {place: key for key, places in members.items() for place in places}
    found = []
    for family in classes.families(terms):
        subset = ClassShapes(shapes, classes, [family])
        places = subset.places(np.arange(subset.count))
        assert subset.num_twins == sum(len(members[key_of[place]]) for place in places.tolist())
        for place in places.tolist():
            counts = tuple(list_operators(trees[place]).count(operator) for operator in "+-*/")
            assert counts == family.operators
            assert len(members[key_of[place]]) == 2**family.num_swaps
        # All of them are canonical where operands decide no more.
        nodes = classify_nodes(shapes.columns(places), brackets=True)
        assert nodes[0].all()
        assert (np.bitwise_count(nodes[2]) == family.num_alike).all()
        found += places.tolist()
    assert sorted(key_of[place] for place in found) == sorted(members)


def test_shapes_of_several_families_are_counted_by_their_operators():
    shapes, classes = TermShapes(4, "+-*", brackets=True), ShapeClasses(5, "+-*")
    families = classes.families(4)
    everything = ClassShapes(shapes, classes, families)
    assert everything.operators == "+-*"
    assert everything.count_by_operators() == ShapeSubset(shapes).count_by_operators()
    sums = ClassShapes(shapes, classes, [family for family in families if family.operators == (3, 0, 0, 0)])
    assert (sums.operators, sums.count_by_operators()) == ("+", {1: 5})


def test_classes_of_many_terms_are_counted_and_unranked():
    shapes, classes = TermShapes(12, "+-*", brackets=True), find_classes(12, "+-*")
    everything = ClassShapes(shapes, classes, classes.families(12))
    assert everything.num_twins == shapes.count == 58_786 * 3**11
    places = everything.places(np.array([0, 1, everything.count // 2, everything.count - 1]))
    assert len(np.unique(places)) == 4
    assert classify_nodes(shapes.columns(places), brackets=True)[0].all()
    # No table for these, and no numbers of 61 bits.
    assert find_classes(20, "+-*/") is find_classes(32, "+-") is None
