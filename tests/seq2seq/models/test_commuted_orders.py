"""The orders of a question are its twins, by an independent enumeration, each once."""

import contextlib
import itertools
import re
from itertools import islice

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from eqstream.data.reference.evaluation import evaluate, twins
from eqstream.data.reference.parsing import Number, Operation, parse, render
from eqstream.seq2seq.models.commuted_orders import iterate_orders

# Few numbers, so that sides are often alike.
numbers = st.integers(1, 3).map(Number)
trees = st.recursive(numbers, lambda sides: st.builds(Operation, st.sampled_from("+-*/"), sides, sides), max_leaves=6)


@given(trees)
def test_they_are_all_twins_each_once_and_the_question_first(tree):
    orders = list(iterate_orders(render(tree)))
    assert orders[0] == render(tree)
    assert sorted(orders) == sorted(map(render, twins(tree)))


def turn(tree):
    """Yields a tree with its sums and products swapped or not, and differences that are taken away turned or not."""
    if isinstance(tree, Number):
        yield tree
        return
    for left, right in itertools.product(turn(tree.left), turn(tree.right)):
        yield Operation(tree.operator, left, right)
        if tree.operator in "+*":
            yield Operation(tree.operator, right, left)
        if tree.operator == "-" and isinstance(right, Operation) and right.operator == "-":
            yield Operation("+", left, Operation("-", right.right, right.left))
            yield Operation("+", Operation("-", right.right, right.left), left)


@given(trees)
@example(parse("3 - (1 - (2 - 3))"))
@example(parse("1 + 1 - (2 - 1) * 3"))
def test_turned_ones_are_there_too_each_once_and_the_question_first(tree):
    orders = list(iterate_orders(render(tree), turned=True))
    assert orders[0] == render(tree)
    assert sorted(orders) == sorted(set(map(render, turn(tree))))
    with contextlib.suppress(ZeroDivisionError):
        assert {evaluate(parse(order), "fraction") for order in orders} == {evaluate(tree, "fraction")}


@given(trees)
def test_without_brackets_they_are_the_twins_that_need_none(tree):
    without = [text for text in map(render, twins(tree)) if "(" not in text]
    if "(" not in render(tree):
        assert sorted(iterate_orders(render(tree), brackets=False)) == sorted(without)


def test_the_first_ones_of_many_are_found_at_once_and_are_not_alike():
    question = " + ".join(map(str, range(1, 33)))
    orders = list(islice(iterate_orders(question), 64))
    assert len(set(orders)) == 64
    # Each sum has its sides swapped in about half of them: `9 + (1 + … + 8)`.
    for number in range(3, 33):
        assert 16 <= sum(bool(re.search(rf"\b{number} \+ \(", order)) for order in orders) <= 48


@pytest.mark.parametrize("question", ["5", "7 - 2", "6 / 3 - 1", "4 + 4", "1 - 2 - (2 - 1)"])
def test_where_nothing_can_be_swapped_there_is_one(question):
    assert list(iterate_orders(question)) == [question]


def test_texts_are_spaced_as_asked():
    assert list(iterate_orders("1+2", spacing=False)) == ["1+2", "2+1"]
    assert [render(parse(text), spacing=False) for text in iterate_orders("1 + 2")] == ["1+2", "2+1"]
