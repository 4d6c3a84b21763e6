"""Where a recipe lets an equation stand, against conditions spelled out by hand, one at a time and in bulk."""

from fractions import Fraction

import pytest

from eqstream.data.errors import UserError
from eqstream.data.recipe import Recipe
from eqstream.pipelines.checks import split_membership
from eqstream.pipelines.checks.bulk.facts import find_facts
from eqstream.pipelines.checks.bulk.membership import are_selected
from eqstream.pipelines.checks.split_membership import SplitMembership, list_claims
from tests.pipelines.checks.bulk.texts import join_texts


class BothWays:
    """The reference, which the bulk way must agree with."""

    def __init__(self, space, splits, split, **others):
        self._recipe = Recipe.from_dict({"name": "sums", "space": space, "splits": splits, **others})
        self._reference = SplitMembership(self._recipe, split)
        self._claims = list_claims(self._recipe, split)

    def check(self, question):
        facts = find_facts(join_texts([question]), self._recipe.space, self._recipe.hash_salt, with_written=True)
        assert facts.is_known.all()
        is_wanted = self._claims.own is None or are_selected(facts, self._claims.own)[0]
        is_wanted = is_wanted and not any(are_selected(facts, rival)[0] for rival in self._claims.rivals)
        try:
            return self._reference.check(question)
        except UserError:
            assert not is_wanted
            raise
        else:
            assert is_wanted


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
    inside = BothWays({**space, "brackets": True}, splits, "held")
    outside = BothWays({**space, "brackets": True}, splits, "train")
    for question in QUESTIONS:
        if question in selected:
            assert inside.check(question).question == question
            with pytest.raises(UserError, match="meets the conditions of split `held` and belongs there"):
                outside.check(question)
        else:
            assert outside.check(question).question == question
            with pytest.raises(UserError, match="does not meet the conditions of split `held`"):
                inside.check(question)


def test_hash_buckets_part_the_space():
    splits = [{"name": "train", "hash": [0, 0.7]}, {"name": "test", "hash": [0.7, 1]}]
    space = {"operands": {"min": 0, "max": 15}}
    checks = [BothWays(space, splits, name, hash_salt="pepper") for name in ("train", "test")]
    counts = [0, 0]
    for left in range(16):
        for right in range(0, left + 1, 3):
            accepted = [is_accepted(check, f"{left} + {right}") for check in checks]
            assert accepted == [is_accepted(check, f"{right} + {left}") for check in checks]
            assert sum(accepted) == 1
            counts[accepted.index(True)] += 1
    assert 0.6 < counts[0] / sum(counts) < 0.8


@pytest.mark.parametrize(
    ("bucket", "split"), [(Fraction(7, 10), "test"), (Fraction(7, 10) - Fraction(1, 1 << 64), "train")]
)
def test_a_bucket_on_the_edge_is_of_the_split_that_begins_there(bucket, split, monkeypatch):
    monkeypatch.setattr(split_membership, "hash_bucket", lambda *_: bucket)
    splits = [{"name": "train", "hash": [0, 0.7]}, {"name": "test", "hash": [0.7, 1]}]
    recipe = Recipe.from_dict({"name": "sums", "space": {"operands": {"min": 0, "max": 15}}, "splits": splits})
    names = [name for name in ("train", "test") if is_accepted(SplitMembership(recipe, name), "1 + 2")]
    assert names == [split]


def is_accepted(check, question):
    try:
        check.check(question)
    except UserError:
        return False
    return True
