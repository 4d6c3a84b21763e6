"""What the space cannot have is refused before anything is counted for long."""

import pytest

from eqstream.data.errors import UserError
from eqstream.data.splits.equation_counts import EquationCounts
from eqstream.data.splits.prepared_sources import PreparedSources
from eqstream.data.splits.requests import check_requests
from tests.brute_force import make_recipe

SPACE = {"operands": {"min": 0, "max": 99}, "operators": "+-", "terms": {"min": 2, "max": 4}}


def explain(space, splits, **changes):
    with pytest.raises(UserError) as caught:
        check_requests(EquationCounts(PreparedSources(make_recipe(space, splits, **changes))))
    return str(caught.value)


def test_count_above_the_number_of_candidates_is_refused():
    space = {**SPACE, "terms": {"min": 2, "max": 12}}
    splits = [{"name": "train", "count": 7}, {"name": "huge", "count": 10**40}]
    size = sum(100**terms * 2 ** (terms - 1) for terms in range(2, 13))
    assert explain(space, splits) == (
        f"split `huge` asks for {10**40:,} equations, but at most {size - 7:,} are left; give it a smaller `count`, or "
        "use a larger `space`"
    )


def test_count_of_few_candidates_is_refused_as_by_a_plan():
    splits = [{"name": "train", "count": 9}, {"name": "two", "count": 50_000, "where": {"terms": 2}}]
    assert explain({**SPACE, "operands": {"min": 0, "max": 9}}, splits, commuted="drop") == (
        "split `two` asks for 50,000 equations, but only 155 are left; the largest possible count is 155"
    )


@pytest.mark.parametrize(
    ("key", "kind", "expected"),
    [
        ("terms", "7", "a number of terms from 2 to 4"),
        ("terms", "02", "a number of terms from 2 to 4"),
        ("digits", "3", "a number of digits from 1 to 2"),
        ("operators", "*", "1 to 3 of the operators `+-`"),
        ("operators", "++++", "1 to 3 of the operators `+-`"),
    ],
)
def test_weights_of_kinds_that_the_space_lacks_are_refused(key, kind, expected):
    sampling = {"balance": ["terms", "operators", "digits"], "weights": {key: {kind: 3}}}
    assert explain(SPACE, [{"name": "train", "count": 7}], sampling=sampling) == (
        f"`sampling.weights.{key}` must name {expected}, as the space has them, got `{kind}`"
    )


@pytest.mark.parametrize(
    ("key", "kind", "expected"),
    [
        ("longest_carry_chain", "3", "a number from 0 to 2"),
        ("longest_carry_chain", "02", "a number from 0 to 2"),
        ("repeated_digits", "7", "a number from 0 to 2"),
    ],
)
def test_weights_of_hard_cases_that_the_space_lacks_are_refused(key, kind, expected):
    space = {"operands": {"min": 0, "max": 99}, "operators": "+"}
    sampling = {"balance": [key], "weights": {key: {kind: 3}}}
    assert explain(space, [{"name": "train", "count": 7}], sampling=sampling) == (
        f"`sampling.weights.{key}` must name {expected}, as the space has them, got `{kind}`"
    )


def test_what_can_be_is_not_refused():
    sampling = {"balance": ["terms", "operators"], "weights": {"terms": {"4": 3}, "operators": {"++-": 2}}}
    counts = EquationCounts(PreparedSources(make_recipe(SPACE, [{"name": "train", "count": 7}], sampling=sampling)))
    check_requests(counts)
    assert not counts.num_positions_counted
