"""Datasets of many shapes: right, and byte for byte what they were when they were first possible."""

import hashlib
import io
import json
from collections import Counter

import pytest

from eqstream.data.dataset.manifest_maker import describe_space
from eqstream.data.dataset.shard_writer import ShardWriter
from eqstream.data.recipe import Recipe
from eqstream.data.reference.evaluation import answer_text, canonical_key, count_carries, evaluate, twins
from eqstream.data.reference.parsing import parse, render
from eqstream.data.splits.counting_policy import count_for_plan
from eqstream.data.splits.plan import plan_splits
from tests.brute_force import write

TRAIN = [{"name": "train", "count": 1500}, {"name": "test", "count": 500}]
CONDITIONS = [
    {"name": "held", "count": 100, "where": {"contains": [7, 99], "operators": "+*"}},
    {
        "name": "plain",
        "count": 300,
        "where": {
            "excludes": [7, 99],
            "brackets": False,
            "answer": {"min": 0, "max": 90},
            "carries": {"min": 1},
        },
    },
    {"name": "train", "count": 1000, "where": {"excludes": [7, 99], "brackets": True}},
]
HASHED = [{"name": "train", "hash": [0, 0.6], "count": 1500}, {"name": "test", "hash": [0.6, 1], "count": 400}]
SHORT = [{"name": "train", "count": 1500}, {"name": "held", "count": 200, "where": {"digits": {"max": 1}}}]


def count_split(*counts):
    return [{"name": name, "count": count} for name, count in zip(("train", "test"), counts, strict=False)]


def recipe_of(name, operators, terms, high, *, low=0, decimals=0, splits=TRAIN, space=None, **more):
    operands = {"min": low, "max": high, "decimals": decimals}
    return {
        "name": name,
        "seed": 7,
        "splits": splits,
        "space": {"operands": operands, "operators": operators, "terms": terms, "brackets": True, **(space or {})},
        "storage": {"shard_size": 1000},
        **more,
    }


QUOTIENT = {"division": "quotient", "brackets": False, "answer": {"min": -500, "max": 500}, "spacing": False}
# What was written then: the records, the histograms of each shard, and what the manifest says of the space.
DIGESTS = [
    (
        recipe_of("six-terms", "+-*", 6, 99, splits=count_split(3000)),
        "905c2b880f3a4de0ac690b4dc2be1a3252cf6020aa161bcfe9976f9725cead9a",
    ),
    (
        recipe_of("six-terms-fractions", "+-*/", 6, 999, space={"division": "fraction"}, splits=count_split(1200)),
        "becbe87df14a740fe04fd601ebdf644eed65137008ac66dc4473d2fe83e19627",
    ),
    (
        recipe_of("five-terms-fractions", "+-*/", {"min": 2, "max": 5}, 999, space={"division": "fraction"}),
        "45cbf1aa86fc5f012557830b56fe99b10fb2cc58ec7a25ed475a76bad5bb59d3",
    ),
    (
        recipe_of(
            "five-terms-decimal", "+-*/", 5, 99, low=-9, space={"division": "decimal", "places": 3}, splits=SHORT
        ),
        "39eb847d9c290687093917486259f9cfbc12ab738caf93285d3eb15daf693af1",
    ),
    (
        recipe_of(
            "four-terms-exact",
            "-/*",
            {"min": 3, "max": 4},
            20,
            low=-20,
            decimals=1,
            commuted="drop",
            splits=count_split(300, 60),
        ),
        "cd9e9821d93bc90c0c7d1e743295f5850613151dcca73350a7e08d5d8062102d",
    ),
    (
        recipe_of("chains-quotient", "+-*/", {"min": 1, "max": 7}, 60, space=QUOTIENT, commuted="ignore"),
        "f9ec1f0270616b7be9920dd83a6c388075c49959104a8c0dc7708be8cc0cf66c",
    ),
    (
        recipe_of("chains-decimals", "+*", {"min": 2, "max": 9}, 30, low=-30, decimals=2, space={"brackets": False}),
        "7c98211a356d1c3a06601eb53b7afb7c8d1f31a9754f766cf456161a73eb4c26",
    ),
    (
        recipe_of("hashed", "+-*", 5, 99, splits=HASHED, hash_salt="s"),
        "7158ff422ed3f9be00ed2bf8c43d4835d5b3429b397f69380268064b622bf7a0",
    ),
    (
        recipe_of("hashed-decimals", "+-*", 4, 99, low=-9, decimals=2, commuted="drop", splits=HASHED),
        "66f6a0e1308ee534001ad4f6da9e279df147c9f96735010b43ccbf7389188fdc",
    ),
    (
        recipe_of(
            "conditions",
            "+-*/",
            {"min": 2, "max": 4},
            120,
            low=-12,
            commuted="drop",
            space={"division": "quotient"},
            splits=CONDITIONS,
        ),
        "8377f6490817e3705cfba29d9d0c2bb2ca3d5ac7ce21b8851f22f59099199a21",
    ),
    (
        recipe_of("huge-operands", "+-*", 3, 10**25, low=-(10**24), splits=count_split(1200)),
        "97aad6140342491846cfc9d6ec883220484841fc7adad93b4b3e6215a638183a",
    ),
    (
        recipe_of(
            "balanced-division", "*/", 3, 120, low=-3, decimals=1, sampling="balanced", space={"division": "fraction"}
        ),
        "3f0a60beeb584854603fa3b5074a08439a521748024e133bc23e996c1a3bd6bc",
    ),
    (
        recipe_of(
            "wide-chains",
            "+-*",
            {"min": 7, "max": 9},
            9,
            space={"brackets": False, "division": "decimal"},
            splits=count_split(1200),
        ),
        "38a32d69618890e97ae1d51d6c174ed53a96114e4ba13d6db3dba05e01e25b7f",
    ),
    # These have more shapes than the first release could list: their bytes are those of the release that added them.
    (
        recipe_of("eight-terms", "+-*", 8, 99, splits=count_split(600)),
        "7a062b9d70ff4e48ad8397f064e12204bfadeafd805410a587744a568fea25d1",
    ),
    (
        recipe_of(
            "twelve-terms", "+-*/", {"min": 10, "max": 12}, 9, space={"division": "decimal"}, splits=count_split(300)
        ),
        "5fda35938ce5c9201594fa4713cc748239484c8e14c5ada6fcbf85989271b38b",
    ),
]


# Chains and trees, most ways of dividing, and all that splits and operands may ask for.
QUICK = {"five-terms-fractions", "five-terms-decimal", "chains-quotient", "conditions", "huge-operands"}


@pytest.mark.parametrize(
    ("mapping", "expected"),
    [
        pytest.param(*case, marks=() if case[0]["name"] in QUICK else pytest.mark.slow, id=case[0]["name"])
        for case in DIGESTS
    ],
)
def test_bytes_stay_what_they_were(mapping, expected):
    recipe = Recipe.from_dict(mapping)
    writer, digest = ShardWriter(recipe), hashlib.sha256()
    for task in plan_splits(count_for_plan(recipe)).shards:
        sink = io.BytesIO()
        receipt = writer.write(task, {"tfrecord": sink})
        digest.update(sink.getvalue())
        digest.update(json.dumps(receipt.histograms, sort_keys=True).encode())
    facts = describe_space(recipe)
    # As they stand in a manifest: `line_length` is of datasets of steps alone.
    space = {**vars(facts), "size": str(facts.size)}
    assert space.pop("line_length") is None
    digest.update(json.dumps(space, sort_keys=True).encode())
    assert digest.hexdigest() == expected


@pytest.mark.parametrize(
    ("operators", "division", "commuted"),
    [
        ("+-*/", "fraction", "together"),
        pytest.param("+-*", "exact", "drop", marks=pytest.mark.slow),
        pytest.param("+-*/", "fraction", "drop", marks=pytest.mark.slow),
        pytest.param("+-*", "exact", "together", marks=pytest.mark.slow),
    ],
)
def test_shapes_too_many_to_list_give_right_answers_and_whole_classes(operators, division, commuted):
    mapping = recipe_of("eight", operators, 8, 99, space={"division": division}, splits=count_split(400))
    rows = write(Recipe.from_dict(mapping | {"commuted": commuted})).records["train"]
    classes = Counter()
    for row in rows:
        tree = parse(row["question"])
        assert row["answer"] == answer_text(evaluate(tree, division), division, 2)
        assert (row["terms"], row["carries"]) == (8, count_carries(tree, division))
        assert render(tree) == row["question"]
        classes[canonical_key(tree)] += 1
    assert len({row["question"] for row in rows}) == len(rows) == 400
    if commuted == "drop":
        assert set(classes.values()) == {1}
    else:
        # The last class may be cut off.
        sizes = {canonical_key(parse(row["question"])): len(twins(parse(row["question"]))) for row in rows}
        assert sum(classes[key] < size for key, size in sizes.items()) <= 1
