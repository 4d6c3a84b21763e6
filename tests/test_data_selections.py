"""Conditions, hash buckets and sizes of splits, against plain Python."""

import pytest
from brute_force import list_equations, make_recipe, write_rows

from data.errors import UserError
from data.expression import canonical, canonical_key, count_carries, count_digits, list_operands, parse

MIXED = {"operands": {"min": -3, "max": 11}, "operators": "+-*", "terms": {"min": 2, "max": 2}}
DEEP = {"operands": {"min": 0, "max": 3}, "operators": "+-*", "terms": {"min": 2, "max": 3}, "brackets": True}

CONDITIONS = {
    "terms": ({"terms": 3}, lambda q, t, a: len(list_operands(t)) == 3),
    "digits": ({"digits": 2}, lambda q, t, a: count_digits(t) == 2),
    "few digits": ({"digits": {"max": 1}}, lambda q, t, a: count_digits(t) == 1),
    "operands": (
        {"operands": {"min": 2, "max": 10}},
        lambda q, t, a: all(2 <= operand <= 10 for operand in list_operands(t)),
    ),
    "contains": ({"contains": [3, -2]}, lambda q, t, a: any(operand in (3, -2) for operand in list_operands(t))),
    "contains one": ({"contains": 3}, lambda q, t, a: 3 in list_operands(t)),
    "excludes": ({"excludes": [3]}, lambda q, t, a: 3 not in list_operands(t)),
    "carries": ({"carries": {"min": 1}}, lambda q, t, a: count_carries(t) >= 1),
    "operators": ({"operators": "+*"}, lambda q, t, a: " - " not in q),
    "answer": ({"answer": {"min": -2, "max": 3}}, lambda q, t, a: -2 <= int(a) <= 3),
    "two at once": (
        {"contains": [3], "digits": {"min": 1, "max": 1}, "answer": {"min": 1}},
        lambda q, t, a: 3 in list_operands(t) and count_digits(t) == 1 and int(a) >= 1,
    ),
    "two decompositions": (
        {"contains": [3], "digits": {"min": 2}},
        lambda q, t, a: 3 in list_operands(t) and count_digits(t) == 2,
    ),
}


@pytest.mark.parametrize("commuted", ["together", "drop", "ignore"])
@pytest.mark.parametrize("space", [MIXED, DEEP], ids=["mixed", "deep"])
@pytest.mark.parametrize("name", CONDITIONS)
def test_condition_takes_exactly_what_it_says_and_leaves_the_rest(name, space, commuted):
    where, predicate = CONDITIONS[name]
    splits = [{"name": "chosen", "rest": True, "where": where}, {"name": "others", "rest": True}]
    recipe = make_recipe(space, splits, commuted=commuted)
    expected = list_equations(recipe.space)
    chosen = {question for question, (answer, tree) in expected.items() if predicate(question, tree, answer)}
    if not chosen or len(chosen) == len(expected):
        with pytest.raises(UserError, match="would be empty"):
            write_rows(recipe)
        return
    _, rows = write_rows(recipe)
    found = {split: [row["question"] for row in rows[split]] for split in rows}
    if commuted == "drop":
        keys = {canonical_key(expected[question][1]) for question in chosen}
        assert {canonical_key(parse(question)) for question in found["chosen"]} == keys
        assert len(found["chosen"]) == len(keys)
        assert not {canonical_key(parse(question)) for question in found["others"]} & keys
    else:
        assert sorted(found["chosen"]) == sorted(chosen)
        assert sorted(found["others"]) == sorted(set(expected) - chosen)


@pytest.mark.parametrize("wanted", [True, False])
def test_bracketed_equations_and_their_twins_are_never_in_two_splits(wanted):
    splits = [{"name": "chosen", "rest": True, "where": {"brackets": wanted}}, {"name": "others", "rest": True}]
    recipe = make_recipe(DEEP, splits)
    expected = list_equations(recipe.space)
    _, rows = write_rows(recipe)
    for split, has_brackets in (("chosen", wanted), ("others", not wanted)):
        assert all(("(" in row["question"]) == has_brackets for row in rows[split])
    keys = [{canonical_key(expected[row["question"]][1]) for row in found} for found in rows.values()]
    assert not keys[0] & keys[1]
    assert {row["question"] for row in rows["chosen"]} == {text for text in expected if ("(" in text) == wanted}


def test_rare_condition_in_a_huge_space_is_found_at_once():
    splits = [
        {"name": "train", "count": 500, "where": {"digits": {"max": 2}}},
        {"name": "long", "count": 500, "where": {"digits": {"min": 11, "max": 12}}},
        {"name": "test_527", "count": 500, "where": {"contains": [527], "digits": {"min": 3, "max": 3}}},
    ]
    _, rows = write_rows(make_recipe({"operands": {"min": 0, "max": 10**12 - 1}}, splits))
    operands = {split: [list_operands(parse(row["question"])) for row in found] for split, found in rows.items()}
    assert {split: len(found) for split, found in operands.items()} == {"train": 500, "long": 500, "test_527": 500}
    assert max(max(pair) for pair in operands["train"]) < 100
    assert min(max(pair) for pair in operands["long"]) >= 10**10
    assert all(527 in pair for pair in operands["test_527"])


SPLIT_BY_HASH = [{"name": "train", "hash": [0, 0.8]}, {"name": "test", "hash": [0.8, 1]}]
GROWN = {
    "more numbers": {"operands": {"min": -5, "max": 15}},
    "finer numbers": {"operands": {"min": 0, "max": 9, "decimals": 1}},
    "more operators": {"operands": {"min": 0, "max": 9}, "operators": "+-*"},
    "more terms": {"operands": {"min": 0, "max": 9}, "terms": {"min": 2, "max": 3}},
    "brackets": {"operands": {"min": 0, "max": 9}, "terms": {"min": 2, "max": 3}, "brackets": True},
}


def find_splits(space: dict, **changes) -> dict[str, str]:
    _, rows = write_rows(make_recipe(space, SPLIT_BY_HASH, **changes))
    return {row["question"]: split for split, found in rows.items() for row in found}


@pytest.mark.parametrize("name", GROWN)
def test_hash_buckets_stay_put_when_the_space_grows(name):
    before = find_splits({"operands": {"min": 0, "max": 9}})
    after = find_splits(GROWN[name])
    assert len(before) == 100
    assert len(after) > 100
    assert before == {question: after[question] for question in before}
    # All questions are in one of the two, and about a fifth in the smaller one.
    assert after == find_splits(GROWN[name], seed=5)
    assert 0.1 < list(after.values()).count("test") / len(after) < 0.3


def test_another_salt_deals_the_buckets_out_anew():
    space = {"operands": {"min": 0, "max": 9}}
    assert find_splits(space) != find_splits(space, hash_salt="pepper")


def test_twins_have_equal_hashes():
    space = {"operands": {"min": 0, "max": 4}, "operators": "+-*", "terms": {"min": 2, "max": 3}, "brackets": True}
    found = find_splits(space, commuted="ignore")
    classes: dict[str, set[str]] = {}
    for question, split in found.items():
        classes.setdefault(canonical_key(parse(question)), set()).add(split)
    assert {len(splits) for splits in classes.values()} == {1}
    assert canonical(parse("1 + 2")) == canonical(parse("2 + 1"))


SHARING = {
    "different conditions": [{"where": {"digits": 1}}, {"where": {"carries": 1}}],
    "overlapping ranges": [{"where": {"digits": {"max": 2}}}, {"where": {"digits": {"min": 2}}}],
    "overlapping buckets": [{"hash": [0, 0.6]}, {"hash": [0.5, 1]}],
    "bucket and condition": [{"hash": [0, 0.6]}, {"where": {"digits": 1}}],
    "shared operators": [{"where": {"operators": "+-"}}, {"where": {"operators": "+*"}}],
}


@pytest.mark.parametrize("name", SHARING)
def test_splits_that_could_share_an_equation_are_refused(name):
    splits = [{"name": f"s{place}", "rest": True, **split} for place, split in enumerate(SHARING[name])]
    with pytest.raises(UserError, match="splits `s0` and `s1` could share an equation"):
        write_rows(make_recipe(MIXED | {"terms": {"min": 1, "max": 2}}, splits))


def test_count_may_take_everything_and_not_one_more():
    space = {"operands": {"min": 0, "max": 9}}
    _, rows = write_rows(make_recipe(space, [{"name": "train", "count": 100}]))
    assert len(rows["train"]) == 100
    with pytest.raises(UserError, match="the largest possible count is 100"):
        write_rows(make_recipe(space, [{"name": "train", "count": 101}]))


@pytest.mark.parametrize("sampling", ["uniform", "balanced"])
def test_largest_possible_count_is_possible(sampling):
    space = {"operands": {"min": 0, "max": 9}, "operators": "+*"}
    splits = [{"name": "train", "count": 71}, {"name": "test", "count": 1000}]
    with pytest.raises(UserError, match="largest possible count is") as caught:
        write_rows(make_recipe(space, splits, sampling=sampling))
    largest = int(str(caught.value).rpartition(" ")[2])
    splits[1]["count"] = largest
    _, rows = write_rows(make_recipe(space, splits, sampling=sampling))
    assert len(rows["test"]) == largest


def test_fractions_of_the_whole_share_it_out():
    splits = [{"name": "train", "fraction": 0.7}, {"name": "dev", "fraction": 0.2}, {"name": "test", "fraction": 0.1}]
    plan, rows = write_rows(make_recipe({"operands": {"min": 0, "max": 36}}, splits))
    left_out = sum(split.num_left_out for split in plan.splits)
    assert sum(map(len, rows.values())) + left_out == 37 * 37
    assert len(rows["train"]) == 958
    assert left_out <= 2


def test_impossible_where_is_told_by_the_name_of_its_split():
    splits = [{"name": "train", "rest": True}, {"name": "none", "count": 5, "where": {"digits": 7}}]
    with pytest.raises(UserError, match="split `none` would be empty: its where"):
        write_rows(make_recipe(MIXED, splits))
