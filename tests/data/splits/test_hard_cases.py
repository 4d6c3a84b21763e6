"""Sampling that balances hard cases: each kind told exactly, filled evenly, and in one split alone."""

import re
from collections import Counter

import pytest

from eqstream.data.errors import UserError
from eqstream.data.reference.parsing import parse
from eqstream.data.reference.written_digits import count_repeated, find_written_digits, has_equal_operands
from eqstream.data.splits.counting_policy import count_for_plan
from tests.brute_force import by_question, examine_space, make_recipe, pick
from tests.covering import cover_values
from tests.data.splits.test_plan import fill_kinds


def kind_of(equation, keys) -> tuple:
    """What `sampling.balance` takes for the kind of an equation."""
    written = find_written_digits(equation.tree)
    kinds = {
        "operators": equation.operators,
        "digits": equation.digits,
        "longest_carry_chain": written.longest_carry_chain,
        "zero_borrows": written.zero_borrows,
        "equal_operands": "equal" if has_equal_operands(equation.tree) else "unequal",
        "repeated_digits": count_repeated(equation.tree),
    }
    return tuple(kinds[key] for key in keys)


HARD = {"operands": {"min": 0, "max": 104}, "operators": "+-"}


@cover_values(
    "kinds, commuted",
    {
        "chains": (["digits", "longest_carry_chain", "equal_operands"], {}),
        "borrows": (["operators", "zero_borrows"], {"zero_borrows": {0: 3}}),
        "repeated": (["equal_operands", "repeated_digits"], {"equal_operands": {"equal": 2}}),
    },
    ["together", "drop"],
)
def test_hard_cases_are_kinds_that_no_sample_has_to_look_for(kinds, commuted):
    keys, weights = kinds
    sampling = {"balance": keys, "weights": weights}
    splits = [{"name": "a", "count": 1500}, {"name": "b", "count": 500}]
    recipe = make_recipe(HARD, splits, commuted=commuted, sampling=sampling)
    known = by_question(examine_space(recipe.space))
    classes = {each.class_key: each for each in known.values()}.values() if commuted == "drop" else known.values()
    capacities = Counter(kind_of(each, keys) for each in classes)
    expected = fill_kinds(2000, capacities, weights, keys)
    counts = count_for_plan(recipe)
    assert sum(each.num_available for each in counts.by_source) <= len(classes)
    found = pick(recipe)
    assert not {known[question].class_key for question in found["a"]} & {
        known[question].class_key for question in found["b"]
    }
    for split, share in (("a", 0.75), ("b", 0.25)):
        amounts = Counter(kind_of(known[question], keys) for question in found[split])
        assert len(set(found[split])) == amounts.total() == 2000 * share
        for kind, amount in expected.items():
            assert abs(amounts[kind] - amount * share) <= 8, (split, kind)
    assert found == pick(recipe)


def test_whole_space_in_kinds_of_hard_cases_is_everything_once():
    sampling = {"balance": ["longest_carry_chain", "equal_operands", "repeated_digits"]}
    space = {"operands": {"min": -12, "max": 25}, "operators": "+-*"}
    found = pick(make_recipe(space, sampling=sampling))["train"]
    assert sorted(found) == sorted(by_question(examine_space(make_recipe(space).space)))


@pytest.mark.parametrize(
    ("space", "keys", "message"),
    [
        (
            {**HARD, "terms": 3},
            ["longest_carry_chain", "equal_operands"],
            "`sampling.balance` by `longest_carry_chain` and `equal_operands` needs equations of two terms: set "
            "`space.terms: 2`",
        ),
        (
            {**HARD, "terms": 12},
            ["repeated_digits"],
            "`sampling.balance` by `repeated_digits` finds too many parts of 12 operands; leave it out, or use fewer "
            "terms",
        ),
        (
            {"operands": {"min": 0, "max": 10**9}},
            ["longest_carry_chain", "repeated_digits"],
            "`sampling.balance` by `repeated_digits` and `longest_carry_chain` finds too many parts of the operands; "
            "leave one out, or use shorter operands",
        ),
    ],
)
def test_hard_cases_that_cannot_be_told_apart_exactly_are_refused(space, keys, message):
    recipe = make_recipe(space, [{"name": "a", "count": 60}], sampling={"balance": keys})
    with pytest.raises(UserError, match=f"^{re.escape(message)}$"):
        count_for_plan(recipe)


def test_long_chains_of_a_huge_space_are_as_many_as_short_ones():
    space = {"operands": {"min": 0, "max": 10**10 - 1}, "operators": "+-"}
    recipe = make_recipe(space, [{"name": "a", "count": 220}], sampling={"balance": ["longest_carry_chain"]})
    chains = [find_written_digits(parse(question)).longest_carry_chain for question in pick(recipe)["a"]]
    assert Counter(chains) == dict.fromkeys(range(11), 20)
