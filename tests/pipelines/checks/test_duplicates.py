"""Repeated equations and forbidden twins are found over all shards; two texts with one key are not taken for one."""

import itertools
import random

import numpy as np
import pytest

from eqstream.data.reference.evaluation import canonical_key
from eqstream.data.reference.parsing import parse
from eqstream.pipelines.checks.bulk.keys import text_keys
from eqstream.pipelines.checks.duplicates import (
    KEYS,
    Pair,
    Place,
    choose_partitions,
    confirm_pairs,
    find_pairs,
    sort_into_partitions,
)
from tests.pipelines.checks.bulk.texts import join_texts

SPLITS = np.array([0, 0, 1])


def class_key(question):
    return canonical_key(parse(question))


def to_keys(questions):
    keys = np.empty(len(questions), KEYS)
    keys["twins"] = text_keys(join_texts(map(class_key, questions)))
    keys["question"] = text_keys(join_texts(questions))
    keys["record"] = range(len(questions))
    return keys


def all_pairs(shards, commuted, num_partitions=1):
    sorted_shards = [sort_into_partitions(to_keys(questions), num_partitions) for questions in shards]
    pairs = []
    for partition in range(num_partitions):
        parts = [keys[edges[partition] : edges[partition + 1]] for keys, edges in sorted_shards]
        pairs += find_pairs(parts, SPLITS[: len(shards)], commuted)
    return sorted(pairs)


SHARDS = [["1 + 2", "3 + 4", "5 + 5"], ["2 + 1", "3 + 4"], ["4 + 3", "7 + 7"]]
REPEATED = Pair(Place(0, 1), Place(1, 1), True)


def test_together_forbids_twins_in_two_splits_alone():
    pairs = all_pairs(SHARDS, "together")
    assert REPEATED in pairs
    assert [pair for pair in pairs if not pair.is_repeated] == [Pair(Place(1, 1), Place(2, 0), False)]


def test_drop_forbids_any_twin():
    twins = [pair for pair in all_pairs(SHARDS, "drop") if not pair.is_repeated]
    assert len(twins) == 2
    for first, second, _ in twins:
        texts = SHARDS[first.shard][first.record], SHARDS[second.shard][second.record]
        assert texts[0] != texts[1]
        assert class_key(texts[0]) == class_key(texts[1])


def test_ignore_forbids_the_same_text_alone():
    assert all_pairs(SHARDS, "ignore") == [REPEATED]


@pytest.mark.parametrize("num_partitions", [2, 16, 4096])
def test_partitions_change_nothing(num_partitions):
    generator = random.Random(5)
    shards = [[f"{generator.randrange(30)} + {generator.randrange(30)}" for _ in range(150)] for _ in range(3)]
    for commuted in ("together", "drop", "ignore"):
        assert all_pairs(shards, commuted, num_partitions) == all_pairs(shards, commuted)


def test_a_repeated_text_is_found_however_often_it_stands():
    pairs = all_pairs([["1 + 2"] * 4], "ignore")
    assert pairs == [Pair(Place(0, first), Place(0, second), True) for first, second in itertools.pairwise(range(4))]


def test_no_equations_make_no_pairs():
    assert all_pairs([[], []], "together") == []
    assert all_pairs([[], ["1 + 2"]], "together") == []


def test_candidates_whose_texts_differ_are_dropped():
    texts = {0: ["1 + 2", "3 + 4"], 2: ["2 + 1", "3 + 4"]}

    def read_questions(shard, records):
        return {record: texts[shard][record] for record in records}

    candidates = [
        Pair(Place(0, 1), Place(2, 1), True),
        Pair(Place(0, 0), Place(2, 1), True),
        Pair(Place(0, 0), Place(2, 0), False),
        Pair(Place(0, 0), Place(2, 1), False),
    ]
    confirmed = confirm_pairs(candidates, read_questions, class_key)
    assert confirmed == [(candidates[2], "1 + 2", "2 + 1"), (candidates[0], "3 + 4", "3 + 4")]


def test_the_number_of_partitions_bounds_what_is_held_at_once():
    for num_equations in (0, 1, 10**6, 10**7, 10**8):
        assert num_equations / choose_partitions(num_equations) <= 1 << 21
