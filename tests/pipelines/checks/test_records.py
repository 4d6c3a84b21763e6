"""Records are found right in bulk and one at a time alike, and what is wrong with one is said whichever way it goes."""

import numpy as np
import pytest

from eqstream.data.recipe import Recipe
from eqstream.data.reference.membership import read_facts
from eqstream.pipelines.checks import records
from eqstream.pipelines.checks.example_message import Record
from eqstream.pipelines.checks.records import RecordCheck
from tests.pipelines.checks.bulk.texts import make_columns

SPACES = {
    "whole": ({"operands": {"min": -99, "max": 99}, "operators": "+-*"}, "12 - -7"),
    "exact": ({"operands": {"min": 0, "max": 99}, "operators": "*/", "terms": 3}, "6 * 7 / 14"),
    "rounded": ({"operands": {"min": 0, "max": 99}, "operators": "-/", "division": "decimal"}, "1 / 8"),
    "fraction": ({"operands": {"min": 0, "max": 99}, "operators": "-/", "division": "fraction"}, "6 / 8"),
    "long": ({"operands": {"min": 0, "max": 10**30}}, "1000000000000000000000 + 1"),
}


def make_check(space, **others):
    recipe = {"name": "sums", "space": space, "splits": [{"name": "train", "rest": True}], **others}
    return RecordCheck(Recipe.from_dict(recipe), "train")


def make_record(question, space):
    facts = read_facts(
        question, Recipe.from_dict({"name": "a", "space": space, "splits": [{"name": "b", "rest": True}]}).space
    )
    return Record(facts.answer, facts.carries, facts.digits, question, facts.terms)


@pytest.mark.parametrize("kind", SPACES)
@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("answer", lambda answer: f"{answer}0"),
        ("answer", lambda answer: f"0{answer}"),
        ("answer", lambda answer: f"{answer}.0"),
        ("answer", lambda answer: f"{answer}/1"),
        ("answer", lambda answer: f"-{answer}"),
        ("answer", lambda answer: ""),
        ("carries", lambda number: number + 1),
        ("digits", lambda number: number + 1),
        ("terms", lambda number: number - 1),
    ],
)
def test_every_wrong_value_is_found(kind, name, change):
    space, question = SPACES[kind]
    right = make_record(question, space)
    wrong = right._replace(**{name: change(getattr(right, name))})
    check = make_check(space)
    found = list(check.check(make_columns([right, wrong, right])))
    reason = f"the {name} of `{question}` is {getattr(right, name)}, got {getattr(wrong, name)}"
    assert found == [("contents", reason, 1)]
    assert check.tally.num_records == 3
    assert check.tally.histograms["terms"] == {str(right.terms): 3}


def test_counts_and_keys_do_not_depend_on_the_way(monkeypatch):
    space = {"operands": {"min": -9, "max": 9, "decimals": 1}, "operators": "+-*", "terms": {"min": 1, "max": 3}}
    questions = ["1.5", "2 - 3", "1.5 * -2 + 4", "0 * 0", "4 + 1.5 * -2"]
    columns = make_columns([make_record(question, space) for question in questions])
    tallies = []
    for every in (1, 1024):
        monkeypatch.setattr(records, "SAMPLE_EVERY", every)
        check = make_check(space, hash_salt="salt")
        if every == 1:
            monkeypatch.setattr(check, "_are_right", lambda facts, columns: np.zeros(columns.num_records, bool))
        assert list(check.check(columns)) == []
        tallies.append(check.tally)
    slow, fast = tallies
    assert slow.histograms == fast.histograms
    assert (slow.letters == fast.letters).all()
    assert (np.concatenate(slow.keys) == np.concatenate(fast.keys)).all()
    keys = np.concatenate(fast.keys)
    assert keys["twins"][2] == keys["twins"][4]
    assert len(set(keys["question"].tolist())) == len(questions)


def test_an_error_of_the_bulk_way_is_found_by_the_sample(monkeypatch):
    space = SPACES["whole"][0]
    wrong = make_record("1 + 1", space)._replace(answer="3")
    check = make_check(space)
    monkeypatch.setattr(check, "_are_right", lambda facts, columns: np.ones(columns.num_records, bool))
    found = list(check.check(make_columns([wrong, *[make_record("1 + 2", space)] * 5, wrong])))
    assert found == [("contents", "the answer of `1 + 1` is 2, got 3", 0)]
