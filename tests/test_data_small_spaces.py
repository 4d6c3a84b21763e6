"""Whole small spaces of every kind against a listing by hand."""

from collections import Counter, defaultdict

import numpy as np
import pytest
from brute_force import list_equations, make_recipe, write_rows

from data.expression import canonical_key, count_carries, count_digits, count_terms
from data.space import whole_space

SPACES = {
    "sums": {"operands": {"min": 0, "max": 12}},
    "sums of one value": {"operands": {"min": 7, "max": 7}},
    "negative sums": {"operands": {"min": -6, "max": 5}},
    "differences": {"operands": {"min": 0, "max": 11}, "operators": "-"},
    "products": {"operands": {"min": -4, "max": 11}, "operators": "*"},
    "products without spaces": {"operands": {"min": -3, "max": 3}, "operators": "*", "spacing": False},
    "three sums": {"operands": {"min": 0, "max": 6}, "terms": 3},
    "three sums with brackets": {"operands": {"min": 0, "max": 5}, "terms": 3, "brackets": True},
    "one to three terms": {"operands": {"min": 0, "max": 4}, "operators": "+-*", "terms": {"min": 1, "max": 3}},
    "four terms": {"operands": {"min": 0, "max": 2}, "operators": "+*", "terms": {"min": 2, "max": 4}},
    "four with brackets": {"operands": {"min": 0, "max": 1}, "operators": "+*-", "terms": 4, "brackets": True},
    "five with brackets": {"operands": {"min": 1, "max": 2}, "operators": "+", "terms": 5, "brackets": True},
    "compact brackets": {
        "operands": {"min": -1, "max": 2},
        "operators": "-*",
        "terms": 3,
        "brackets": True,
        "spacing": False,
    },
    "decimals": {"operands": {"min": -1, "max": 1, "decimals": 1}, "operators": "+-*"},
    "two decimals": {"operands": {"min": 0, "max": 0, "decimals": 2}, "operators": "*"},
    "few decimals": {"operands": {"min": 0, "max": 1, "decimals": 2}, "operators": "+"},
    "bounded sums": {"operands": {"min": 0, "max": 12}, "answer": {"min": 5, "max": 9}},
    "bounded products": {"operands": {"min": -5, "max": 5}, "operators": "*", "answer": {"max": -3}},
    "bounded decimals": {"operands": {"min": 0, "max": 1, "decimals": 1}, "operators": "-", "answer": {"min": -0.3}},
}
for division in ("exact", "quotient", "decimal", "fraction"):
    SPACES[f"{division} division"] = {"operands": {"min": -6, "max": 7}, "operators": "/", "division": division}
    SPACES[f"{division} of three"] = {
        "operands": {"min": -2, "max": 3},
        "operators": "+*/",
        "terms": 3,
        "division": division,
        "places": 1,
    }
    SPACES[f"{division} in brackets"] = {
        "operands": {"min": -1, "max": 2},
        "operators": "+-*/",
        "terms": {"min": 2, "max": 3},
        "brackets": True,
        "division": division,
    }
    SPACES[f"{division} of decimals"] = {
        "operands": {"min": 0, "max": 1, "decimals": 1},
        "operators": "+/",
        "division": division,
        "places": 3,
    }
    SPACES[f"bounded {division}"] = {
        "operands": {"min": 0, "max": 9},
        "operators": "/",
        "division": division,
        "answer": {"min": 0.5, "max": 2},
    }

CASES = [(name, commuted) for name in SPACES for commuted in ("together", "drop", "ignore")]


@pytest.mark.parametrize(("name", "commuted"), CASES)
def test_everything_is_written_once_and_right(name, commuted):
    recipe = make_recipe(SPACES[name], commuted=commuted)
    expected = list_equations(recipe.space)
    _, rows = write_rows(recipe)
    questions = [row["question"] for row in rows["train"]]
    assert len(set(questions)) == len(questions)
    assert set(questions) <= set(expected)
    classes = Counter(canonical_key(tree) for _, tree in expected.values())
    if commuted == "drop":
        assert Counter(canonical_key(expected[question][1]) for question in questions) == dict.fromkeys(classes, 1)
    else:
        assert set(questions) == set(expected)
    division = recipe.space.division if "/" in recipe.space.operators else "exact"
    for row in rows["train"]:
        answer, tree = expected[row["question"]]
        facts = (answer, count_terms(tree), count_digits(tree), count_carries(tree, division))
        assert (row["answer"], row["terms"], row["digits"], row["carries"]) == facts, row


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize("sampling", ["uniform", "balanced"])
def test_splits_share_no_class_and_lose_no_more_than_torn_ones(name, sampling):
    recipe = make_recipe(SPACES[name])
    expected = list_equations(recipe.space)
    if len(expected) < 12:
        splits = [{"name": "train", "rest": True}]
    else:
        splits = [
            {"name": "train", "count": len(expected) // 3},
            {"name": "test", "count": len(expected) // 5},
            {"name": "unseen", "rest": True},
        ]
    plan, rows = write_rows(make_recipe(SPACES[name], splits, sampling=sampling, storage={"shard_size": 37}))
    class_to_split = {}
    for split, found in rows.items():
        for row in found:
            key = canonical_key(expected[row["question"]][1])
            assert class_to_split.setdefault(key, split) == split, row
    questions = [row["question"] for found in rows.values() for row in found]
    assert len(set(questions)) == len(questions)
    assert len(questions) + sum(split.num_left_out for split in plan.splits) == len(expected)
    for split, asked in zip(plan.splits, splits, strict=True):
        assert len(rows[split.name]) == split.num_equations == asked.get("count", split.num_equations)


@pytest.mark.parametrize("name", SPACES)
def test_rank_undoes_unrank_everywhere(name):
    space = whole_space(make_recipe(SPACES[name]).space)
    indices = np.arange(space.size)
    assert (space.rank(space.unrank(indices)) == indices).all()


@pytest.mark.parametrize("size", [10**18, 10**19, 10**40])
def test_rank_undoes_unrank_in_huge_spaces(size):
    high = size - 1 if size < 10**30 else 10**20 - 1
    terms = 1 if size < 10**30 else 2
    space = whole_space(make_recipe({"operands": {"min": 0, "max": high}, "terms": terms}).space)
    assert space.size == size
    indices = np.array([0, 1, size // 3, size // 2 + 7, size - 1], dtype=object)
    if size <= 1 << 62:
        indices = indices.astype(np.int64)
    assert (space.rank(space.unrank(indices)) == indices).all()


def test_equation_outside_the_space_has_no_rank():
    space = whole_space(make_recipe({"operands": {"min": 0, "max": 9}}).space)
    group = space.unrank(np.array([5]))[0]
    group.operands[1][:] = 10
    with pytest.raises(ValueError, match="row 0 is not in the space"):
        space.rank([group])


def lengths_of(question: str) -> tuple[int, ...]:
    return tuple(len(part) for part in question.split(" + "))


@pytest.mark.parametrize("commuted", ["together", "drop", "ignore"])
def test_balanced_sampling_fills_combinations_of_lengths_evenly_as_far_as_they_reach(commuted):
    splits = [{"name": "train", "count": 1500}, {"name": "test", "count": 300}]
    recipe = make_recipe({"operands": {"min": 0, "max": 299}}, splits, sampling="balanced", commuted=commuted)
    _, rows = write_rows(recipe)
    total = Counter(lengths_of(row["question"]) for found in rows.values() for row in found)
    # Pairs of digits: 100 of them, 55 up to order; all other combinations reach as far as is asked.
    smallest = total.pop((1, 1))
    assert smallest >= (55 if commuted == "drop" else 100) - 4
    assert max(total.values()) - min(total.values()) <= 4
    for split, count in (("train", 1500), ("test", 300)):
        found = Counter(lengths_of(row["question"]) for row in rows[split])
        assert len(rows[split]) == count
        for combination, number in total.items():
            assert found[combination] == pytest.approx(number * count / 1800, abs=3)


def test_balanced_rest_is_what_the_quotas_leave():
    splits = [{"name": "train", "count": 400}, {"name": "rest", "rest": True}]
    recipe = make_recipe({"operands": {"min": 0, "max": 59}}, splits, sampling="balanced")
    plan, rows = write_rows(recipe)
    questions = [row["question"] for found in rows.values() for row in found]
    assert len(set(questions)) == len(questions) == 3600 - plan.splits[1].num_left_out


def test_twins_do_not_stand_side_by_side():
    _, rows = write_rows(make_recipe({"operands": {"min": 0, "max": 199}}))
    places = defaultdict(list)
    for place, row in enumerate(rows["train"]):
        places[frozenset(row["question"].split(" + "))].append(place)
    distances = [second - first for first, second in (pair for pair in places.values() if len(pair) == 2)]
    assert len(distances) == 199 * 200 // 2
    assert min(distances) > 1000


def test_first_twins_are_as_often_the_canonical_as_the_other_one():
    _, rows = write_rows(make_recipe({"operands": {"min": 0, "max": 199}}))
    seen, canonical_first = set(), 0
    for row in rows["train"]:
        left, right = map(int, row["question"].split(" + "))
        if left != right and frozenset((left, right)) not in seen:
            seen.add(frozenset((left, right)))
            canonical_first += left < right
    # A fair coin thrown 19,900 times is off by more than 400 once in 10 million runs.
    assert abs(canonical_first - len(seen) / 2) < 400
