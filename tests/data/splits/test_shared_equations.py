"""Equations that two datasets share: found in files and kept out of streams, against texts compared one by one."""

from eqstream.data.space.held_out_classes import HeldOut
from eqstream.data.splits.shared_equations import find_held_out_records, hold_out
from eqstream.data.streams.equation_stream import EquationStream
from tests.brute_force import by_question, examine_space, make_recipe, write_rows
from tests.covering import cover_values
from tests.data.streams.test_equation_stream import COMMUTED, KEPT, SAMPLING, questions_of, space

SUMS = make_recipe(space(0, 12), [{"name": "test", "count": 40}, {"name": "train", "rest": True}])
MIXED = {
    "sums and differences": space(-3, 15, "+-"),
    "three terms": space(0, 9, "+", terms={"min": 2, "max": 3}),
    "decimals": {"operands": {"min": 0, "max": 4, "decimals": 1}, "operators": "+-"},
}


def key_of(question: str) -> object:
    """Twins of two terms are the only ones that the sums have."""
    first, operator, second = (*question.split(" "), "", "")[:3]
    return frozenset((first, second)) if operator == "+" and question.count(" ") == 2 else question


HELD_OUT_KEYS = {key_of(row["question"]) for row in write_rows(SUMS)[1]["test"]}


@cover_values("some_space, commuted, sampling", MIXED, COMMUTED, SAMPLING)
def test_records_of_a_split_that_another_dataset_holds_out_are_found(some_space, commuted, sampling):
    splits = [{"name": "train", "fraction": 0.9}, {"name": "test", "count": 9}]
    recipe = make_recipe(some_space, splits, commuted=commuted, sampling=sampling, storage={"shard_size": 50})
    rows = write_rows(recipe)[1]["train"]
    expected = [record for record, row in enumerate(rows) if key_of(row["question"]) in HELD_OUT_KEYS]
    assert expected
    held_out = HeldOut(hold_out(SUMS, ["test"]))
    assert find_held_out_records(recipe, "train", held_out).tolist() == expected
    assert find_held_out_records(recipe, "train", HeldOut(hold_out(SUMS, []))).tolist() == []


@cover_values("some_space, commuted, sampling, most_listed", MIXED, COMMUTED, SAMPLING, KEPT)
def test_stream_gives_all_but_what_another_dataset_holds_out(some_space, commuted, sampling, most_listed):
    recipe = make_recipe(some_space, [{"name": "train", "rest": True}], commuted=commuted, sampling=sampling)
    known = by_question(examine_space(recipe.space))
    if commuted == "drop":
        known = dict.fromkeys(row["question"] for row in write_rows(recipe)[1]["train"])
    expected = {question for question in known if key_of(question) not in HELD_OUT_KEYS}
    assert len(expected) < len(known)
    held_out = HeldOut(hold_out(SUMS, ["test"]))
    stream = EquationStream(recipe, num_examples=10**6, held_out=held_out, most_listed=most_listed)
    assert stream.num_examples == len(expected)
    questions = questions_of(recipe, stream, 1)
    assert set(questions) <= expected
    if most_listed or sampling == "uniform":
        assert sorted(questions) == sorted(expected)
