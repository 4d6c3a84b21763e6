"""Shapes with given operators, against a list of all shapes."""

import numpy as np
import pytest

from eqstream.data.space.operator_counts import OperatorShapes, list_operator_counts
from eqstream.data.space.shapes import ShapeSubset, TermShapes


@pytest.mark.parametrize("brackets", [True, False])
@pytest.mark.parametrize(("operators", "terms"), [("+-*/", 4), ("-", 3), ("+*", 5), ("*/", 1)])
def test_every_shape_is_found_once_with_its_operators(operators, terms, brackets):
    shapes = TermShapes(terms, operators, brackets=brackets)
    places = []
    for counts in list_operator_counts(terms - 1, operators):
        subset = OperatorShapes(shapes, counts)
        own = subset.places(np.arange(subset.count))
        for code, count in enumerate(counts):
            assert ((shapes.columns(own).operators[1:] == code).sum(axis=0) == count).all()
        assert subset.count_by_operators() == ShapeSubset(shapes, np.sort(own)).count_by_operators()
        places += own.tolist()
    assert sorted(places) == list(range(shapes.count))


def test_shapes_of_32_terms_are_unranked():
    shapes = TermShapes(32, "+-*/", brackets=True)
    subset = OperatorShapes(shapes, (8, 8, 8, 7))
    places = subset.places(np.array([0, subset.count // 3, subset.count - 1], dtype=object))
    operators = shapes.columns(places).operators[1:]
    assert [(operators == code).sum(axis=0).tolist() for code in range(4)] == [[8] * 3, [8] * 3, [8] * 3, [7] * 3]
    assert "".join("+-*/"[code] for code in operators[:, 0]) == "+" * 8 + "-" * 8 + "*" * 8 + "/" * 7


@pytest.mark.parametrize("brackets", [True, False])
@pytest.mark.parametrize(("operators", "terms"), [("+-*/", 4), ("*", 3), ("-/", 1)])
def test_shapes_are_counted_by_operators_without_a_list(operators, terms, brackets):
    shapes = TermShapes(terms, operators, brackets=brackets)
    listed = ShapeSubset(shapes, np.arange(shapes.count)).count_by_operators()
    assert ShapeSubset(shapes).count_by_operators() == listed
