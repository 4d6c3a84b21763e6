"""An equation's facts, and where a recipe lets it stand, against conditions spelled out by hand."""

from fractions import Fraction

import numpy as np
import pytest

from eqstream.data.errors import UserError
from eqstream.data.recipe import Recipe
from eqstream.data.reference.evaluation import Number, parse
from eqstream.data.reference.hash_bucket import hash_bucket
from eqstream.data.space.class_hash import class_hash
from eqstream.data.space.shapes import Shape
from eqstream.pipelines.checks.split_membership import Judge


def make_judge(space, splits=None, split="train", **others):
    splits = splits or [{"name": "train", "rest": True}]
    recipe = {"name": "sums", "space": space, "splits": splits, **others}
    return Judge(Recipe.from_dict(recipe), split)


def test_facts_are_recomputed_from_the_text():
    judge = make_judge({"operands": {"min": 0, "max": 999}, "operators": "+-*/", "terms": 5, "brackets": True})
    facts = judge.judge("(131 + 83) * 7 - 744 / 31")
    assert facts[:5] == ("(131 + 83) * 7 - 744 / 31", "1474", 5, 3, 1)
    assert facts.operands == [131, 83, 7, 744, 31]
    assert facts.operators == "+*-/"
    assert facts.class_key == "(((131+83)*7)-(744/31))"


@pytest.mark.parametrize(
    ("division", "places", "question", "answer"),
    [
        ("exact", 2, "6 / 3", "2"),
        ("quotient", 2, "-7 / 2", "-4"),
        ("decimal", 2, "2 / 3", "0.67"),
        ("decimal", 0, "5 / 2", "2"),
        ("decimal", 1, "-1 / 99", "0"),
        ("fraction", 2, "-4 / 6", "-2/3"),
        ("fraction", 2, "1 - 3", "-2"),
    ],
)
def test_answers_are_written_as_the_recipes_division_asks(division, places, question, answer):
    space = {"operands": {"min": -99, "max": 99}, "operators": "-/", "division": division, "places": places}
    assert make_judge(space).judge(question).answer == answer


@pytest.mark.parametrize("division", ["decimal", "fraction"])
def test_a_space_that_never_divides_has_exact_decimals_for_answers(division):
    space = {"operands": {"min": 0, "max": 9, "decimals": 2}, "operators": "*", "division": division, "places": 1}
    assert make_judge(space).judge("0.25 * 0.5").answer == "0.125"


@pytest.mark.parametrize(
    ("question", "reason"),
    [
        ("5 / 0", "`5 / 0` is not in the recipe's space: 5 is divided by zero"),
        ("5 / 2", r"`5 / 2` is not in the recipe's space: 5 / 2 is no multiple of 10\*\*-0"),
        ("1 + 1", r"it has an operator other than -/"),
        ("9 - 1 - 1", "it has 3 terms, not 2 to 2"),
        ("10 - 9", "it has an operand outside 0 to 9"),
        ("0 - 9", "it has an answer outside -5 to 5"),
        ("9-1", "is not how this equation is written"),
    ],
)
def test_an_equation_outside_the_space_is_refused(question, reason):
    space = {"operands": {"min": 0, "max": 9}, "operators": "-/", "answer": {"min": -5, "max": 5}}
    with pytest.raises(UserError, match=reason):
        make_judge(space).judge(question)


def test_brackets_are_refused_where_the_space_has_none():
    space = {"operands": {"min": 0, "max": 9}, "operators": "+*", "terms": 3}
    with pytest.raises(UserError, match="it has brackets"):
        make_judge(space).judge("(1 + 2) * 3")
    assert make_judge({**space, "brackets": True}).judge("(1 + 2) * 3").answer == "9"


def test_bounds_on_the_answer_are_bounds_on_the_number_that_is_written():
    space = {"operands": {"min": 0, "max": 99}, "operators": "/", "division": "decimal", "places": 1}
    judge = make_judge({**space, "answer": {"max": 0.3}})
    assert judge.judge("1 / 3").answer == "0.3"
    with pytest.raises(UserError, match=r"outside None to 0\.3"):
        judge.judge("4 / 10")


CONDITIONS = {
    "terms": ({"terms": 3}, {"1 + 2 - 3", "1 - (2 + 3)"}),
    "digits": ({"digits": {"min": 2}}, {"12 + 3", "4 * 30", "12.5 + 3"}),
    "operands": ({"operands": {"min": 2, "max": 30}}, {"12 + 3", "4 * 30", "12.5 + 3", "7 + 3"}),
    "contains": ({"contains": [12.5, 30]}, {"4 * 30", "12.5 + 3"}),
    "excludes": ({"excludes": [3]}, {"1 + 2", "9 - 1", "4 * 30"}),
    "carries": ({"carries": {"min": 1}}, {"7 + 3"}),
    "operators": ({"operators": "-*"}, {"9 - 1", "4 * 30"}),
    "brackets": ({"brackets": True}, {"1 - (2 + 3)"}),
    "answer": ({"answer": {"min": -4, "max": 8}}, {"1 + 2", "9 - 1", "1 + 2 - 3", "1 - (2 + 3)"}),
    "two keys": ({"digits": 1, "operators": "+"}, {"1 + 2", "7 + 3"}),
}
QUESTIONS = {"1 + 2", "12 + 3", "9 - 1", "4 * 30", "12.5 + 3", "1 + 2 - 3", "1 - (2 + 3)", "7 + 3"}


@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_condition_lets_its_own_equations_in_and_keeps_them_out_of_the_rest(condition):
    where, selected = CONDITIONS[condition]
    space = {"operands": {"min": 0, "max": 99, "decimals": 1}, "operators": "+-*", "terms": {"min": 2, "max": 3}}
    splits = [{"name": "train", "rest": True}, {"name": "held", "where": where, "count": 1}]
    inside = make_judge({**space, "brackets": True}, splits, "held")
    outside = make_judge({**space, "brackets": True}, splits, "train")
    for question in QUESTIONS:
        if question in selected:
            assert inside.judge(question).question == question
            with pytest.raises(UserError, match="meets the conditions of split `held` and belongs there"):
                outside.judge(question)
        else:
            assert outside.judge(question).question == question
            with pytest.raises(UserError, match="does not meet the conditions of split `held`"):
                inside.judge(question)


def test_hash_buckets_part_the_space():
    splits = [{"name": "train", "hash": [0, 0.7]}, {"name": "test", "hash": [0.7, 1]}]
    space = {"operands": {"min": 0, "max": 30}}
    judges = [make_judge(space, splits, name, hash_salt="pepper") for name in ("train", "test")]
    counts = [0, 0]
    for left in range(31):
        for right in range(31):
            accepted = [is_accepted(judge, f"{left} + {right}") for judge in judges]
            assert accepted == [is_accepted(judge, f"{right} + {left}") for judge in judges]
            assert sum(accepted) == 1
            counts[accepted.index(True)] += 1
    assert 0.6 < counts[0] / sum(counts) < 0.8


def is_accepted(judge, question):
    try:
        judge.judge(question)
    except UserError:
        return False
    return True


def to_shape_tree(tree, leaves):
    if isinstance(tree, Number):
        leaves.append(tree.value)
        return len(leaves) - 1
    left = to_shape_tree(tree.left, leaves)
    return (tree.operator, left, to_shape_tree(tree.right, leaves))


@pytest.mark.parametrize("salt", ["", "pepper"])
@pytest.mark.parametrize("decimals", [3, 5])
@pytest.mark.parametrize(
    "question",
    [
        "0 + 0",
        "31 + 87",
        "-31 + 87",
        "1.5 - 0.125",
        "10 * 100 - -7",
        "1 - 2 * (3 - 4) / 5",
        "12345678901234567890 + 1",
        "-9223372036854775.808 * 9223372036854775.807",
        "-99999999999999999999.001 - 100000000000000000000",
    ],
)
def test_buckets_are_those_of_the_hash_in_bulk(question, decimals, salt):
    leaves = []
    shape = Shape(to_shape_tree(parse(question), leaves), brackets=True)
    steps = [int(value * 10**decimals) for value in leaves]
    dtype = np.int64 if all(-(2**63) <= step < 2**63 for step in steps) else object
    operands = [np.array([step], dtype=dtype) for step in steps]
    expected = int(class_hash(shape, operands, decimals, salt)[0])
    assert hash_bucket(parse(question), salt) == Fraction(expected, 2**64)
