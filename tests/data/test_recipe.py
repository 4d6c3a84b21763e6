"""Recipes: what is refused and in which words, what is understood, and what their fingerprint depends on."""

import copy
import json
import os
from datetime import date
from fractions import Fraction
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from eqstream.data.configuration import apply_override, from_mapping, parse_yaml, to_mapping
from eqstream.data.errors import UserError
from eqstream.data.recipe import Recipe
from eqstream.data.recipe_files import load_recipe, shipped_recipes
from eqstream.data.recipe_values import Range, exact
from eqstream.data.split_recipe import SplitRecipe
from tests.examples import examples

FULL = {
    "name": "all-keys",
    "version": "2.10.3",
    "description": "every key given",
    "seed": 7,
    "space": {
        "operands": {"min": -9, "max": 99, "decimals": 1},
        "operators": "+-*/",
        "terms": {"min": 2, "max": 3},
        "brackets": True,
        "division": "decimal",
        "places": 3,
        "answer": {"min": -5.5, "max": 1000},
        "spacing": False,
    },
    "commuted": "drop",
    "sampling": "balanced",
    "hash_salt": "pepper",
    "splits": [
        {"name": "train", "count": 10, "where": {"contains": [3, 0.5], "digits": {"max": 2}}},
        {"name": "test", "fraction": 0.25, "where": {"excludes": [3, 0.5], "terms": 2}},
    ],
    "storage": {"formats": ["parquet"], "compression": "gzip", "shard_size": 50},
    "codec": {"reverse_answer": True},
    "model": {"kind": "transformer", "layers": [1, 2]},
    "training": {"epochs": 3},
}
SMALL = {"name": "small", "space": {"operands": {"min": 0, "max": 9}}, "splits": [{"name": "train", "rest": True}]}
RECURSIVE: list = []
RECURSIVE.append(RECURSIVE)
# Ten times itself, five times over.
BOMB = [1] * 10
for _ in range(5):
    BOMB = [BOMB] * 10
SPLIT_NAME = "`splits.0`: a split's `name` must be lower-case letters, digits and `_`, got "
FRACTION = "`splits.1`: split `test`: `fraction` must be above 0 and at most 1, got "
HASH = "`splits.0`: split `train`: `hash` must be [low, high) within 0 and 1, got "
OPERATORS = "`operators` must be some of `+-*/`, each once, got "
FORMATS = "`storage`: `formats` must name tfrecord, parquet or both, once each, got "
RANGE = "a number or a range such as {min: 2, max: 3}, got "
NO_YAML = " is not valid YAML on line 1, column 2: expected "
UPSIDE_DOWN = "`min` must not be above `max`, got "


def changed(mapping: dict, path: str, value) -> dict:
    """A copy of the mapping with the value at a dotted path, or without the key if the value is `...`."""
    result = copy.deepcopy(mapping)
    *parents, last = path.split(".")
    place = result
    for name in parents:
        place = place[int(name)] if isinstance(place, list) else place.setdefault(name, {})
    if value is ...:
        del place[last]
    else:
        place[int(last) if isinstance(place, list) else last] = value
    return result


def refuse(mapping: dict) -> str:
    with pytest.raises(UserError) as caught:
        Recipe.from_dict(mapping)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("sed", 1, "unknown key `sed`; did you mean `seed`?"),
        ("spase", {}, "unknown key `spase`; did you mean `space`?"),
        ("space.operand", {}, "unknown key `space.operand`; did you mean `operands`?"),
        ("space.operands.maximum", 9, "unknown key `space.operands.maximum`; did you mean `max`?"),
        ("splits.0.cuont", 9, "unknown key `splits.0.cuont`; did you mean `count`?"),
        ("splits.0.where.digit", 9, "unknown key `splits.0.where.digit`; did you mean `digits`?"),
        (
            "splits.0.where.quotient_digits",
            10,
            "`splits.0.where`: `quotient_digits` must be digits from 0 to 9, at least one, got [10]",
        ),
        (
            "splits.0.where.quotient_digits",
            [0, 9],
            "`where.quotient_digits` needs whole operands, the operator `/`, and `space.division` as `exact` or "
            "`quotient`",
        ),
        ("splits.0.where.carries.mni", 9, "unknown key `splits.0.where.carries.mni`; did you mean `min`?"),
        ("max", 9, "unknown key `max`; there are `name`, `space`, `splits`, `version`, `description`, `seed`, "
         "`commuted`, `sampling`, `hash_salt`, `steps`, `storage`, `codec`, `model`, `training`"),
        ("operators", "+", "unknown key `operators`; did you mean `space.operators`?"),
        ("space.max", 9, "unknown key `space.max`; did you mean `space.operands.max`?"),
        ("storage.zzz", 9, "unknown key `storage.zzz`; there are `formats`, `compression`, `shard_size`"),
        ("storage.compression", "gzp", "`storage.compression` is unknown: the text 'gzp'; did you mean `gzip`?"),
        ("space.division", "floor", "`space.division` is unknown: the text 'floor'; there are `exact`, `quotient`, "
         "`decimal`, `fraction`"),
        ("commuted", "togehter", "`commuted` is unknown: the text 'togehter'; did you mean `together`?"),
        ("sampling", None, "`sampling` is unknown: nothing; there are `uniform`, `balanced`"),
        ("sampling", {"balance": ["terms", "length"]}, "`sampling.balance.1` is unknown: the text 'length'; there are "
         "`terms`, `operators`, `tree`, `digits`, `longest_carry_chain`, `zero_borrows`, `equal_operands`, "
         "`repeated_digits`"),
        ("sampling", {"balance": []}, "`sampling`: `balance` must name some of terms, operators, tree, digits, "
         "longest_carry_chain, zero_borrows, equal_operands, repeated_digits, each once, got []"),
        ("sampling", {"balance": ["zero_borrows", "longest_carry_chain"]},
         "`sampling`: `balance` must name one of longest_carry_chain and zero_borrows, got both"),
        ("sampling", {"balance": ["equal_operands"], "weights": {"equal_operands": {True: 2}}},
         "`sampling`: `weights.equal_operands` must name kinds such as `equal`, got `True`"),
        ("sampling", {"balance": ["terms"], "weights": {"digits": {1: 2}}},
         "`sampling`: `weights` must be of keys in `balance` other than `tree`, got `digits`"),
        ("sampling", {"balance": ["operators"], "weights": {"operators": {"*+": 2}}},
         "`sampling`: `weights.operators` must name kinds such as `++*`, got `*+`"),
        ("sampling", {"balance": ["terms"], "weights": {"terms": {2: 0}}},
         "`sampling`: `weights.terms.2` must be above 0, got 0"),
        ("sampling", {"balance": ["terms"], "weights": {"terms": {2: "x"}}},
         "`sampling.weights.terms.2` must be a number, got the text 'x'"),
        ("storage.formats.0", "csv", "`storage.formats.0` is unknown: the text 'csv'; there are `tfrecord`, `parquet`"),
    ],
)  # fmt: skip
def test_misspelt_word_is_refused_with_the_nearest_or_with_all(path, value, message):
    base = changed(changed(FULL, "splits.0.where.carries", {"min": 0}), "storage.formats", ["parquet"])
    assert refuse(changed(base, path, value)) == message


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("name", 7, "`name` must be a text, got 7; put quotes around it"),
        ("seed", "0", "`seed` must be a whole number, got the text '0'"),
        ("seed", 1.5, "`seed` must be a whole number, got 1.5"),
        ("seed", True, "`seed` must be a whole number, got true"),
        ("seed", None, "`seed` must be a whole number, got nothing"),
        ("space", [], "`space` must be a mapping, got a list"),
        ("space.operands", 9, "`space.operands` must be a range such as {min: 0, max: 999}, got 9"),
        ("space.operands.min", "a", "`space.operands.min` must be a whole number, got the text 'a'"),
        ("splits.0.count", 2.5, "`splits.0.count` must be a whole number, got 2.5"),
        ("space.terms", "two", "`space.terms` must be " + RANGE + "the text 'two'"),
        ("space.terms", True, "`space.terms` must be " + RANGE + "true"),
        ("space.brackets", 1, "`space.brackets` must be true or false, got 1"),
        ("space.spacing", "yes", "`space.spacing` must be true or false, got the text 'yes'"),
        ("space.operators", 3, "`space.operators` must be a text, got 3; put quotes around it"),
        ("space.answer", True, "`space.answer` must be " + RANGE + "true"),
        ("space.answer.min", "1e6", "`space.answer.min` must be a number, got the text '1e6'; write 1.0e+6"),
        ("splits.0.where.terms", [2, 3], "`splits.0.where.terms` must be " + RANGE + "a list"),
        ("space.answer.min", False, "`space.answer.min` must be a number, got false"),
        ("space.answer.max", float("inf"), "`space.answer.max` must be a number, got inf"),
        ("space.answer.max", float("nan"), "`space.answer.max` must be a number, got nan"),
        ("splits", {"train": 1}, "`splits` must be a list, got a mapping"),
        ("splits.0", "train", "`splits.0` must be a mapping, got the text 'train'"),
        ("splits.0.count", 1.0, "`splits.0.count` must be a whole number, got 1.0"),
        ("splits.1.fraction", "half", "`splits.1.fraction` must be a number, got the text 'half'"),
        ("splits.1.fraction", "1e-9", "`splits.1.fraction` must be a number, got the text '1e-9'; write 1.0e-9"),
        ("splits.1.fraction", "2.5E9", "`splits.1.fraction` must be a number, got the text '2.5E9'; write 2.5e+9"),
        ("splits.0.count", "1e99", "`splits.0.count` must be a whole number, got the text '1e99'"),
        ("splits.0.count", "1e-9", "`splits.0.count` must be a whole number, got the text '1e-9'"),
        ("splits.0.where", [], "`splits.0.where` must be a mapping, got a list"),
        ("splits.0.where.contains", "x", "`splits.0.where.contains` must be a list, got the text 'x'"),
        ("splits.0.where.contains", [True], "`splits.0.where.contains.0` must be a number, got true"),
        ("splits.0.where.contains", [float("-inf")], "`splits.0.where.contains.0` must be a number, got -inf"),
        ("splits.0.hash", 0.5, "`splits.0.hash` must be a list, got 0.5"),
        ("description", "\ud800", "`description` holds a character that UTF-8 cannot encode: the text '\\ud800'"),
        ("hash_salt", "\ud800", "`hash_salt` holds a character that UTF-8 cannot encode: the text '\\ud800'"),
        ("model.kind", "\ud800", "`model.kind` holds a character that UTF-8 cannot encode: the text '\\ud800'"),
        ("model", {"\ud800": 1}, "`model` holds a character that UTF-8 cannot encode: the text '\\ud800'"),
        ("model", {1: 2, "a": 3}, "a key of `model` must be a text, got 1"),
        ("training.epochs", date(2026, 1, 1), "`training.epochs` must be a text, a number, true, false, a list or a "
         "mapping, got the date 2026-01-01; put quotes around it"),
        ("training.epochs", RECURSIVE, "`training` must hold at most 100,000 values, nested at most 64 deep"),
        ("training.epochs", BOMB, "`training` must hold at most 100,000 values, nested at most 64 deep"),
        ("space.operands.max", "1e6", "`space.operands.max` must be a whole number, got the text '1e6'; write 1000000"),
        ("splits.0.count", "1,000", "`splits.0.count` must be a whole number, got the text '1,000'; write 1000"),
        ("splits.0.hash", [0, "1"], "`splits.0.hash.1` must be a number, got the text '1'"),
        ("storage.formats", "parquet", "`storage.formats` must be a list, got the text 'parquet'"),
        ("model", "transformer", "`model` must be a mapping, got the text 'transformer'"),
    ],
)  # fmt: skip
def test_value_of_another_type_is_refused_with_its_place(path, value, message):
    assert refuse(changed(FULL, path, value)) == message


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("name", "Sums", "`name` must be lower-case letters, digits, `-` and `_`, got 'Sums'"),
        ("version", "1.0", "`version` must be three numbers such as 1.0.0, got '1.0'"),
        ("version", 1, "`version` must be three numbers such as 1.0.0, got 1"),
        ("version", "1.0.\u0663", "`version` must be three numbers such as 1.0.0, got '1.0.\u0663'"),
        ("space.operators", [None], "`operators` must be texts, got a list of something else; put quotes around each: "
         '"+-"'),
        ("splits.0.name", "a" * 101, "`splits.0`: a split's `name` must have at most 100 characters, as it is part of "
         "the names of files, got 101"),
        ("version", "1.02.0", "`version` must be three numbers such as 1.0.0, got '1.02.0'"),
        ("space", ..., "`space` is missing"),
        ("space.operands", ..., "`space.operands` is missing"),
        ("space.operands.max", ..., "`space.operands.max` is missing"),
        ("space.operands.min", 100, "`space.operands`: the range is empty: `min` 100 is above `max` 99"),
        ("space.operands.min", 0.5, "`space.operands.min` must be a whole number, got 0.5; write 0, and give each "
         "split `where: {operands: {min: 0.5}}`"),
        ("space.operands.max", 2.5, "`space.operands.max` must be a whole number, got 2.5; write 3, and give each "
         "split `where: {operands: {max: 2.5}}`"),
        ("space.operands.max", 99.0, "`space.operands.max` must be a whole number, got 99.0"),
        ("space.operands.max", float("inf"), "`space.operands.max` must be a whole number, got inf"),
        ("space.operands.decimals", -1, "`space.operands`: `decimals` must be from 0 to 12, got -1"),
        ("space.operands.decimals", 13, "`space.operands`: `decimals` must be from 0 to 12, got 13"),
        ("space.places", 13, "`space`: `places` must be from 0 to 12, got 13"),
        ("space.operators", "", "`space`: " + OPERATORS + "''"),
        ("space.operators", "+%", "`space`: " + OPERATORS + "'+%'"),
        ("space.operators", ["+", "+"], "`space`: " + OPERATORS + "'++'"),
        ("space.terms", 0, "`space.terms`: terms must satisfy 1 <= `min` <= `max` <= 32, got 0 and 0"),
        ("space.terms", 33, "`space.terms`: terms must satisfy 1 <= `min` <= `max` <= 32, got 33 and 33"),
        ("space.terms.min", 4, "`space.terms`: terms must satisfy 1 <= `min` <= `max` <= 32, got 4 and 3"),
        ("space.answer.max", -6, "`space.answer`: " + UPSIDE_DOWN + "-5.5 and -6"),
        ("splits", [], "`splits` must name at least one split"),
        ("splits.1.name", "train", "two splits have the name `train`"),
        ("splits.0.name", "Train", SPLIT_NAME + "'Train'"),
        ("splits.0.name", "a-b", SPLIT_NAME + "'a-b'"),
        ("splits.0.count", ..., "`splits.0`: split `train` must have one of `count`, `fraction` and `rest: true`"),
        ("splits.0.rest", True, "`splits.0`: split `train` must have one of `count`, `fraction` and `rest: true`"),
        ("splits.0.count", 0, "`splits.0`: split `train`: `count` must be at least 1, got 0"),
        ("splits.1.fraction", 0, FRACTION + "0.0"),
        ("splits.1.fraction", 1.01, FRACTION + "1.01"),
        ("splits.1.fraction", float("nan"), FRACTION + "nan"),
        ("splits.0.hash", [0.5], HASH + "[0.5]"),
        ("splits.0.hash", [0.5, 0.5], HASH + "[0.5, 0.5]"),
        ("splits.0.hash", [0, 1.5], HASH + "[0.0, 1.5]"),
        ("splits.0.where", {}, "`splits.0.where`: a `where` must name at least one condition"),
        ("splits.0.where", {"terms": None}, "`splits.0.where`: a `where` must name at least one condition"),
        ("splits.0.where", {"digits": {"min": 3, "max": 2}}, "`splits.0.where.digits`: " + UPSIDE_DOWN + "3 and 2"),
        ("splits.0.where", {"operators": "x"}, "`splits.0.where`: " + OPERATORS + "'x'"),
        ("storage.formats", [], FORMATS + "[]"),
        ("storage.formats", ["parquet", "parquet"], FORMATS + "['parquet', 'parquet']"),
        ("storage.shard_size", 0, "`storage`: `shard_size` must be at least 1, got 0"),
    ],
)  # fmt: skip
def test_broken_rule_is_refused_with_its_place(path, value, message):
    assert refuse(changed(FULL, path, value)) == message


def test_numbers_are_bounded_so_that_every_answer_can_be_written():
    space = {"operands": {"min": 0, "max": 10**200 - 1}, "operators": "+*", "terms": 20}
    assert Recipe.from_dict({**SMALL, "space": space})
    assert Recipe.from_dict({**SMALL, "space": {**space, "terms": 32, "operators": "+-"}})
    message = (
        "`space`: 21 operands of 200 digits can give a number of 4,200 digits, at most 4,000 are supported; use "
        "shorter `operands` or fewer `terms`"
    )
    assert refuse({**SMALL, "space": {**space, "terms": 21}}) == message
    assert refuse({**SMALL, "space": {**space, "terms": 21, "operators": "/"}}) == message


@pytest.mark.parametrize(
    "path", ["seed", "space.operands.max", "splits.0.count", "storage.shard_size", "space.answer.max", "training.steps"]
)
def test_number_of_thousands_of_digits_is_refused_by_its_name(path):
    base = changed(changed(FULL, "splits.0.where", None), "space.operands.min", 0)
    assert refuse(changed(base, path, 16**5000)) == f"`{path}` must have at most 300 digits, got more"


def test_number_that_a_float_would_round_is_exact_as_a_text():
    precise = changed(SMALL, "splits.0.where", {"contains": "1234567.1234567890120", "answer": {"min": "-0.50"}})
    where = Recipe.from_dict(precise).splits[0].where
    assert where.contains == ("1234567.123456789012",)
    assert where.answer == Range(min=-0.5)
    assert Range(max="1234567.123456789012").contains(Fraction(1234567_123456789012, 10**12))
    assert not Range(max="1234567.123456789012").contains(Fraction(1234567_123456789013, 10**12))
    again = Recipe.from_dict(json.loads(json.dumps(Recipe.from_dict(precise).to_dict())))
    assert again == Recipe.from_dict(precise)


def test_defaults_are_spelled_out():
    recipe = Recipe.from_dict(SMALL).to_dict()
    assert recipe == {
        "name": "small",
        "version": "1.0.0",
        "description": "",
        "seed": 0,
        "space": {
            "operands": {"min": 0, "max": 9, "decimals": 0},
            "operators": "+",
            "terms": {"min": 2, "max": 2},
            "brackets": False,
            "division": "exact",
            "places": 2,
            "answer": {"min": None, "max": None},
            "spacing": True,
        },
        "commuted": "together",
        "sampling": "uniform",
        "hash_salt": "",
        "steps": None,
        "splits": [{"name": "train", "count": None, "fraction": None, "rest": True, "where": None, "hash": None}],
        "storage": {"formats": ["tfrecord", "parquet"], "compression": "none", "shard_size": 250_000},
        "codec": None,
        "model": None,
        "training": None,
    }


@pytest.mark.parametrize(
    ("path", "short", "long"),
    [
        ("space.terms", 3, {"min": 3, "max": 3}),
        ("space.terms", {"max": 4}, {"min": 2, "max": 4}),
        ("space.operators", ["/", "+"], "+/"),
        ("space.operators", "-+", "+-"),
        ("space.answer", 7, {"min": 7, "max": 7}),
        ("splits.0.where", {"digits": 3}, {"digits": {"min": 3, "max": 3}}),
        ("splits.0.where", {"contains": 527}, {"contains": [527]}),
        ("splits.0.where", {"excludes": 0.5}, {"excludes": [0.5]}),
        ("splits.0.where", {"operators": ["*", "+"]}, {"operators": "+*"}),
        ("storage.formats", ["parquet", "tfrecord"], ["tfrecord", "parquet"]),
        ("splits.0", {"name": "a", "hash": [0, 1]}, {"name": "a", "hash": [0.0, 1.0], "rest": True}),
    ],
)
def test_short_and_long_spelling_are_one_recipe(path, short, long):
    assert Recipe.from_dict(changed(SMALL, path, short)) == Recipe.from_dict(changed(SMALL, path, long))
    assert (
        Recipe.from_dict(changed(SMALL, path, short)).fingerprint()
        == Recipe.from_dict(changed(SMALL, path, long)).fingerprint()
    )


def test_range_knows_its_numbers_as_they_are_written():
    tenth = Range(min=0.1, max=0.3)
    # 3 * 0.1 is 0.30000000000000004 in binary.
    assert tenth.contains(exact(0.3))
    assert tenth.overlaps(Range(min=0.3))
    assert not tenth.overlaps(Range(min=0.30001))
    assert Range().overlaps(tenth)
    assert Range(max=0).overlaps(Range(max=-5))
    assert not Range(max=0).overlaps(Range(min=1))


ends: st.SearchStrategy[Any] = st.one_of(st.none(), st.integers(-50, 50), st.floats(-50, 50, allow_nan=False))
ranges = st.tuples(ends, ends).map(
    lambda pair: (
        {"min": pair[0], "max": pair[1]} if None in pair or pair[0] <= pair[1] else {"min": pair[1], "max": pair[0]}
    )
)
operators = st.lists(st.sampled_from("+-*/"), min_size=1, unique=True).map("".join)
wheres = st.fixed_dictionaries(
    {"terms": ranges},
    optional={
        "digits": ranges,
        "operands": ranges,
        "contains": st.lists(st.one_of(st.integers(), st.floats(-9, 9)), max_size=3),
        "excludes": st.integers(),
        "carries": ranges,
        "longest_carry_chain": ranges,
        "equal_operands": st.booleans(),
        "operators": operators,
        "brackets": st.booleans(),
        "answer": ranges,
    },
)
sizes = st.one_of(
    st.builds(lambda count: {"count": count}, st.integers(1, 10**20)),
    st.builds(lambda fraction: {"fraction": fraction}, st.floats(0.001, 1)),
    st.just({"rest": True}),
    st.just({"hash": [0.25, 1]}),
)
splits = st.lists(st.tuples(sizes, st.one_of(st.none(), wheres)), min_size=1, max_size=4).map(
    lambda parts: [{"name": f"s_{place}", **size, "where": where} for place, (size, where) in enumerate(parts)]
)
texts = st.text(st.characters(blacklist_categories=["Cs"]), max_size=20)
sections = st.one_of(st.none(), st.dictionaries(texts, st.one_of(st.integers(), texts, st.lists(st.booleans()))))
recipes = st.fixed_dictionaries(
    {
        "name": st.from_regex(r"[a-z][a-z0-9_-]{0,9}", fullmatch=True),
        "space": st.builds(
            lambda low, width, rest: {"operands": {"min": low, "max": low + width}, **rest},
            st.integers(),
            st.integers(0, 10**30),
            st.fixed_dictionaries(
                {},
                optional={
                    "operators": operators,
                    "terms": st.one_of(st.integers(1, 32), st.just({"min": 2, "max": 5})),
                    "brackets": st.booleans(),
                    "division": st.sampled_from(["exact", "quotient", "decimal", "fraction"]),
                    "places": st.integers(0, 12),
                    "answer": ranges,
                    "spacing": st.booleans(),
                },
            ),
        ),
        "splits": splits,
    },
    optional={
        "version": st.just("10.0.3"),
        "description": texts,
        "seed": st.integers(),
        "commuted": st.sampled_from(["together", "drop", "ignore"]),
        "sampling": st.sampled_from(
            [
                "uniform",
                "balanced",
                {"balance": ["digits", "terms"]},
                {"balance": ["terms"], "weights": {"terms": {2: 3}}},
                {"balance": ["equal_operands"], "weights": {"equal_operands": {"equal": 3}}},
            ]
        ),
        "hash_salt": texts,
        "storage": st.fixed_dictionaries({"shard_size": st.integers(1)}, optional={"compression": st.just("gzip")}),
        "codec": sections,
        "model": sections,
        "training": sections,
    },
)


@examples(8)
@given(recipes)
def test_recipe_survives_json_and_yaml(mapping):
    recipe = Recipe.from_dict(mapping)
    plain = recipe.to_dict()
    for again in (json.loads(json.dumps(plain)), parse_yaml(yaml.safe_dump(plain), "it")):
        assert Recipe.from_dict(again) == recipe
        assert Recipe.from_dict(again).to_dict() == plain
        assert Recipe.from_dict(again).fingerprint() == recipe.fingerprint()
    assert to_mapping(recipe) == plain
    assert recipe.sections == {name: mapping.get(name) or {} for name in ("codec", "model", "training")}


SAME_DATASET = [
    ("storage.formats", ["tfrecord"]),
    ("codec", {"reverse_answer": False}),
    ("model", None),
    ("training", {"epochs": 4}),
]
OTHER_DATASET = [
    ("name", "other"),
    ("version", "2.10.4"),
    ("description", "other"),
    ("seed", 8),
    ("space.operands.min", -8),
    ("space.operands.max", 98),
    ("space.operands.decimals", 2),
    ("space.operators", "+-*"),
    ("space.terms.min", 1),
    ("space.terms.max", 4),
    ("space.brackets", False),
    ("space.division", "fraction"),
    ("space.places", 2),
    ("space.answer.min", None),
    ("space.answer.max", 999),
    ("space.spacing", True),
    ("commuted", "ignore"),
    ("sampling", "uniform"),
    ("hash_salt", ""),
    ("splits.0.name", "dev"),
    ("splits.0.count", 11),
    ("splits.0.where.contains", [3]),
    ("splits.0.where.digits.max", 3),
    ("splits.0.where.longest_carry_chain", 3),
    ("splits.0.where.zero_borrows", 3),
    ("splits.0.where.equal_operands", False),
    ("splits.0.where.repeated_digits", 1),
    ("splits.1.fraction", 0.26),
    ("splits.1.hash", [0, 0.5]),
    ("storage.compression", "none"),
    ("storage.shard_size", 51),
]


@pytest.mark.parametrize(("path", "value"), SAME_DATASET)
def test_fingerprint_does_not_depend_on_models_and_choice_of_formats(path, value):
    recipe = Recipe.from_dict(changed(FULL, path, value))
    assert recipe != Recipe.from_dict(FULL)
    assert recipe.fingerprint() == Recipe.from_dict(FULL).fingerprint()


@pytest.mark.parametrize(("path", "value"), OTHER_DATASET)
def test_fingerprint_depends_on_all_that_makes_the_dataset(path, value):
    assert Recipe.from_dict(changed(FULL, path, value)).fingerprint() != Recipe.from_dict(FULL).fingerprint()


def test_every_key_of_a_dataset_is_tried_against_the_fingerprint():
    def keys(mapping, path=""):
        for key, value in mapping.items():
            yield from keys(value, f"{path}{key}.") if isinstance(value, dict) else [f"{path}{key}"]

    tried = {path for path, _ in SAME_DATASET + OTHER_DATASET}
    assert {key for key in keys(FULL) if key.partition(".")[0] not in ("codec", "model", "training", "splits")} <= tried


def test_fingerprint_is_the_same_everywhere():
    # A change of it means that no dataset built before is recognised: it needs a new format version.
    assert Recipe.from_dict(SMALL).fingerprint() == "f60300ce08c97f23d056f10e031a279776c2d7097c25b7715dad316833d30f9f"
    assert Recipe.from_dict(FULL).fingerprint() == "f695d3d122611dba0916ce15fb3a3fa9ea5d64913017933e32e7efdc24a51a2e"


def write_yaml(tmp_path, text) -> str:
    path = tmp_path / "recipe.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: a\nname: b\n", "key `name` is given twice, the second time on line 2"),
        ("space:\n  operands: {min: 0, max: 3, min: 1}\n", "key `min` is given twice, the second time on line 2"),
        ("name: [a\n", "is not valid YAML on line 2, column 1: expected ',' or ']', but got '<stream end>'"),
        ("a: b: c\n", "is not valid YAML on line 1, column 5: mapping values are not allowed here"),
        ("- a\n", "must hold a mapping of keys to values, got a list"),
        ("", "must hold a mapping of keys to values, got nothing"),
        ("? [a]\n: b\n", "a key must not be a list or mapping, as on line 1"),
        ("? {a: 1}\n: b\n", "a key must not be a list or mapping, as on line 1"),
        ("version: 2026-02-30\n", "is not valid YAML: day is out of range for month"),
        ("name: !!python/name:os.system\n", "is not valid YAML on line 1, column 7: could not determine a constructor"),
        ("name: \0\n", "is not valid YAML: unacceptable character #x0000"),
        (b"name: \xff\n", "cannot be read: 'utf-8' codec can't decode byte 0xff in position 6: invalid start byte"),
    ],
)
def test_file_that_is_no_recipe_is_refused_in_one_line(tmp_path, text, message):
    with pytest.raises(UserError) as caught:
        load_recipe(write_yaml(tmp_path, text))
    assert message in str(caught.value)
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_recipe_that_is_not_there_is_refused_with_the_nearest_shipped_one(tmp_path):
    with pytest.raises(
        UserError, match=r"no recipe file or shipped recipe `addition-11`; did you mean `addition-10`\?"
    ):
        load_recipe("addition-11")
    with pytest.raises(UserError, match=r"there is no recipe file or shipped recipe `.*none\.yaml`$"):
        load_recipe(tmp_path / "none.yaml")


def test_directory_or_pipe_in_the_place_of_a_recipe_is_called_so(tmp_path):
    os.mkfifo(tmp_path / "pipe.yaml")
    for path, kind in ((tmp_path, "a directory"), (tmp_path / "pipe.yaml", "a named pipe")):
        with pytest.raises(UserError) as caught:
            load_recipe(path)
        assert str(caught.value) == f"{path} is {kind}, and a recipe is a YAML file"


def test_every_shipped_recipe_has_its_name_and_a_description():
    assert set(shipped_recipes()) >= {
        "addition-3digit", "addition-3digit-drop", "addition-10", "mixed-4", "division-exact", "brackets", "decimals",
        "length",
    }  # fmt: skip
    for name, path in shipped_recipes().items():
        recipe = load_recipe(name)
        assert recipe.name == path.stem == name
        assert recipe.description.endswith(".")
        assert load_recipe(path) == recipe


def test_file_of_a_shipped_name_comes_before_the_shipped_recipe(tmp_path, monkeypatch):
    (tmp_path / "addition-10").write_text(yaml.safe_dump(SMALL))
    monkeypatch.chdir(tmp_path)
    assert load_recipe("addition-10").name == "small"


@pytest.mark.parametrize(
    ("override", "path", "value"),
    [
        ("seed=5", "seed", 5),
        ("space.operands.max=99", "space.operands.max", 99),
        ("space.operators=+-", "space.operators", "+-"),
        ("space.operators=['-', '*']", "space.operators", "-*"),
        ("space.terms.max=4", "space.terms", {"min": 2, "max": 4}),
        ("space.answer={min: 0}", "space.answer", {"min": 0}),
        ("splits.0.name=everything", "splits.0.name", "everything"),
        ("splits.0.where.digits.max=1", "splits.0.where", {"digits": {"max": 1}}),
        ("splits=[{name: a, count: 3}]", "splits", [{"name": "a", "count": 3}]),
        ("description=a=b", "description", "a=b"),
        ("training.epochs=3", "training", {"epochs": 3}),
    ],
)
def test_override_sets_one_value(tmp_path, override, path, value):
    file = write_yaml(tmp_path, yaml.safe_dump(changed(SMALL, "space.terms", 3)))
    assert load_recipe(file, [override]) == Recipe.from_dict(changed(changed(SMALL, "space.terms", 3), path, value))


def test_overrides_are_applied_in_order(tmp_path):
    recipe = load_recipe(
        write_yaml(tmp_path, yaml.safe_dump(SMALL)), ["seed=5", "space.terms=3", "seed=6", "space.terms.max=9"]
    )
    assert (recipe.seed, recipe.space.terms.min, recipe.space.terms.max) == (6, 2, 9)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("seed", "an override must look like `key=value`, got `seed`"),
        ("=5", "an override must look like `key=value`, got `=5`"),
        ("sede=5", "unknown key `sede`; did you mean `seed`?"),
        ("space.opernads.max=5", "unknown key `space.opernads`; did you mean `operands`?"),
        ("seed=five", "`seed` must be a whole number, got the text 'five'"),
        ("seed=", "`seed` must be a whole number, got nothing"),
        ("seed=[", "the value of override `seed=[`" + NO_YAML + "the node content, but found "
         "'<stream end>'; if a text is meant, write \"seed='['\""),
        ("space.operators=%", "the value of override `space.operators=%`" + NO_YAML +
         "alphabetic or numeric character, but found '\\x00'; if a text is meant, write \"space.operators='%'\""),
        ("version=2026-02-30", "the value of override `version=2026-02-30` is not valid YAML: day is out of range for "
         "month; if a text is meant, write \"version='2026-02-30'\""),
        ("space.answer={min: 1, min: 2}",
         "the value of override `space.answer={min: 1, min: 2}`: key `min` is given twice, the second time on line 1"),
        ("splits.1.count=3", "override of `splits.1`: expected a number from 0 to 0, got `1`"),
        ("splits.train.count=3", "override of `splits.train`: expected a number from 0 to 0, got `train`"),
        ("splits.-1.count=3", "override of `splits.-1`: expected a number from 0 to 0, got `-1`"),
        ("splits.\u00b2.count=3", "override of `splits.\u00b2`: expected a number from 0 to 0, got `\u00b2`"),
        ("splits.1={}", "override of `splits.1`: expected a number from 0 to 0, got `1`"),
        ("space..max=3", "unknown key `space.`; there are `operands`, `operators`, `terms`, `brackets`, `division`, "
         "`places`, `answer`, `spacing`"),
    ],
)  # fmt: skip
def test_override_that_makes_no_sense_is_refused(tmp_path, override, message):
    with pytest.raises(UserError) as caught:
        load_recipe(write_yaml(tmp_path, yaml.safe_dump(SMALL)), [override])
    assert str(caught.value) == message


def test_override_through_a_value_without_keys_is_refused():
    with pytest.raises(UserError, match=r"override `a\.0\.b=1`: `a\.0` has no keys, it is 3"):
        apply_override({"a": [3]}, "a.0.b=1")
    with pytest.raises(UserError, match=r"override of `a\.0\.b`: there is no such key"):
        apply_override({"a": [3]}, "a.0.b.c=1")


def test_mapping_of_a_whole_recipe_must_be_one():
    with pytest.raises(UserError, match=r"^the top level must be a mapping, got a list$"):
        from_mapping(Recipe, [])


@given(st.text(alphabet="abc:[]{}'\"#-&*!|>%@`? \n\t0.=,\\~", max_size=30))
def test_any_text_is_a_mapping_or_refused_in_one_line(text):
    try:
        result = parse_yaml(text, "it")
    except UserError as error:
        result = str(error)
    assert isinstance(result, dict) or (result.startswith("it") and "\n" not in result)


def test_split_must_not_have_the_name_by_which_readers_call_all_splits():
    with pytest.raises(UserError, match="a split's `name` must not be `all`"):
        SplitRecipe(name="all", rest=True)
