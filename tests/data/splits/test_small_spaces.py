"""Small spaces of every kind, written whole and compared with what brute force lists."""

import functools
import itertools
from collections import Counter

import pytest

from eqstream.data.dataset.histograms import add_histograms
from tests.brute_force import by_question, examine_space, make_recipe, write


def space(low, high, operators="+", **rest):
    decimals = rest.pop("decimals", 0)
    return {"operands": {"min": low, "max": high, "decimals": decimals}, "operators": operators, **rest}


def name_space(mapping) -> str:
    operands = mapping["operands"]
    decimals = f".{operands['decimals']}" if operands["decimals"] else ""
    rest = {key: value for key, value in mapping.items() if key not in ("operands", "operators")}
    words = [f"{key} {list(value.values()) if isinstance(value, dict) else value}" for key, value in rest.items()]
    return ", ".join([f"{operands['min']}..{operands['max']}{decimals} {mapping['operators']}", *words])


UP_TO_3 = {"min": 1, "max": 3}
SPACES = [
    # Two terms, each operator and each division.
    space(0, 9),
    space(0, 9, "-"),
    space(0, 9, "*"),
    space(0, 15, "/"),
    space(0, 12, "/", division="quotient"),
    space(0, 12, "/", division="decimal"),
    space(0, 12, "/", division="decimal", places=0),
    space(0, 12, "/", division="fraction"),
    # Negative operands.
    space(-6, 6),
    space(-6, 6, "-"),
    space(-6, 6, "*"),
    space(-8, 8, "/"),
    space(-6, 6, "/", division="quotient"),
    space(-6, 6, "/", division="decimal", places=1),
    space(-6, 6, "/", division="fraction"),
    space(-12, -8, "+-*"),
    space(-3, -1, "+-*/", division="fraction"),
    # Odd ranges: one number, one number but zero, lengths that change, the edge of a group of four digits.
    space(0, 0),
    space(5, 5, "+-*/", terms=UP_TO_3),
    space(1, 10),
    space(95, 105, "+-"),
    space(-101, -97, "+*"),
    space(998, 1002, "*-"),
    space(9_998, 10_001, "+-*"),
    space(99_999_998, 100_000_001, "*/", division="quotient"),
    # One term; numbers of terms mixed.
    space(-3, 12, "+", terms=1),
    space(0, 1, "+-*", terms=UP_TO_3),
    space(-1, 2, "+-", terms={"min": 1, "max": 2}),
    space(9, 11, "+-*", terms={"min": 2, "max": 3}),
    # Decimals.
    space(0, 2, decimals=1),
    space(-1, 1, "-", decimals=1),
    space(-1, 0, "*", decimals=1),
    space(0, 1, "+", decimals=2, answer={"min": 1.8}),
    space(0, 1, "*", decimals=2, answer={"min": 0.002, "max": 0.0625}),
    space(0, 1, "/", decimals=1),
    space(-1, 1, "/", decimals=1, division="quotient"),
    space(0, 1, "/", decimals=1, division="decimal", places=0),
    space(0, 1, "+/", decimals=1, division="decimal", places=3),
    space(-1, 1, "-/", decimals=1, division="fraction"),
    space(9, 10, "*-/", decimals=1, division="decimal", places=1),
    # Three and more terms by precedence.
    space(0, 3, "+", terms=3),
    space(0, 3, "+-", terms=3),
    space(0, 2, "+-*", terms=3),
    space(0, 2, "+-*/", terms=3),
    space(0, 2, "+-*/", terms=3, division="quotient"),
    space(0, 2, "+-*/", terms=3, division="decimal"),
    space(0, 2, "+-*/", terms=3, division="fraction"),
    space(-1, 1, "*/", terms=3),
    space(0, 1, "+*", terms=4),
    space(2, 3, "*/", terms=4, division="fraction"),
    space(0, 1, "+*", terms=5),
    # Brackets.
    space(0, 2, "+", terms=3, brackets=True),
    space(0, 2, "+*", terms=3, brackets=True),
    space(0, 2, "-*", terms=3, brackets=True),
    space(0, 1, "+-*/", terms=3, brackets=True),
    space(-1, 1, "+-/", terms=3, brackets=True, division="fraction"),
    space(1, 3, "+/", terms=3, brackets=True, division="quotient"),
    space(1, 3, "-/", terms=3, brackets=True, division="decimal", places=1),
    space(0, 1, "+", terms=4, brackets=True),
    space(0, 1, "+*", terms=4, brackets=True),
    space(1, 2, "+-", terms=4, brackets=True),
    space(1, 2, "+", terms=5, brackets=True),
    space(0, 1, "+-", terms=UP_TO_3, brackets=True),
    space(0, 1, "+/", terms=2, brackets=True, decimals=1),
    # Bounds on the answer.
    space(0, 20, answer={"min": 10, "max": 20}),
    space(0, 9, "-", answer={"min": 0}),
    space(-9, 9, "*", answer={"min": -10, "max": 10}),
    space(0, 30, "/", answer={"min": 2, "max": 5}),
    space(0, 12, "/", division="decimal", answer={"min": 0.33, "max": 0.67}),
    space(0, 12, "/", division="fraction", answer={"min": 0.25, "max": 1.5}),
    space(0, 2, "+-*", terms=3, answer={"min": 3, "max": 3}),
    # Without spaces.
    space(0, 9, spacing=False),
    space(-2, 2, "+-", terms=3, spacing=False),
    space(-1, 1, "-*", terms=3, brackets=True, spacing=False),
    space(0, 1, "-/", decimals=1, division="decimal", spacing=False),
    # Numbers beyond 31 and 63 bits.
    space(5_000_000_000, 5_000_000_004, "+-*"),
    space(10**18 - 2, 10**18 + 1, "+*"),
    space(-(10**20) - 2, -(10**20), "+-*/", division="fraction"),
]
NAMED = {name_space(mapping): mapping for mapping in SPACES}
COMMUTED = ["together", "drop", "ignore"]


@pytest.mark.slow
def test_there_are_dozens_of_spaces_and_none_is_empty_or_listed_twice():
    listed = [examine_space(make_recipe(mapping).space) for mapping in SPACES]
    assert len(SPACES) >= 60
    assert all(listed)
    assert len({name_space(mapping) for mapping in SPACES}) == len(SPACES)


@functools.cache
def list_class_keys(space_recipe) -> dict[str, int]:
    """Each class of commuted twins with the number of its members."""
    return Counter(equation.class_key for equation in examine_space(space_recipe))


@pytest.mark.parametrize(
    ("mapping", "commuted"),
    [
        # Every other space in one mode, as the next test has the rest of them; the others are slow.
        pytest.param(
            mapping,
            commuted,
            marks=() if number % 2 and number % 3 == place else pytest.mark.slow,
            id=f"{name}-{commuted}",
        )
        for number, (name, mapping) in enumerate(NAMED.items())
        for place, commuted in enumerate(COMMUTED)
    ],
)
def test_the_rest_is_the_whole_space(mapping, commuted):
    recipe = make_recipe(mapping, commuted=commuted)
    known = by_question(examine_space(recipe.space))
    written = write(recipe)
    found = written.records["train"]
    assert [record for record in found if record != known[record["question"]].record] == []
    questions = [record["question"] for record in found]
    assert len(set(questions)) == len(questions) == written.plan.num_equations
    if commuted == "drop":
        assert Counter(known[question].class_key for question in questions) == dict.fromkeys(
            list_class_keys(recipe.space), 1
        )
    else:
        assert set(questions) == set(known)


@pytest.mark.parametrize(
    ("mapping", "commuted", "sampling"),
    [
        # The spaces that the test before leaves out, and each mode with both kinds of sampling.
        pytest.param(
            mapping,
            commuted,
            sampling,
            marks=() if number % 2 == 0 and (number + 1) % 3 == place and number // 6 % 2 == kind else pytest.mark.slow,
            id=f"{name}-{commuted}-{sampling}",
        )
        for number, (name, mapping) in enumerate(NAMED.items())
        for place, commuted in enumerate(COMMUTED)
        for kind, sampling in enumerate(["uniform", "balanced"])
    ],
)
def test_several_splits_share_nothing_and_leave_out_only_cut_classes(mapping, commuted, sampling):
    base = make_recipe(mapping, commuted=commuted, sampling=sampling)
    known = by_question(examine_space(base.space))
    keys = list_class_keys(base.space)
    total = len(keys) if commuted == "drop" else len(known)
    splits = [{"name": "other", "rest": True}]
    if total >= 12:
        splits = [{"name": "first", "count": total // 3}, {"name": "second", "fraction": 0.25}, *splits]
    storage = {"shard_size": max(3, total // 5)}
    written = write(make_recipe(mapping, splits, commuted=commuted, sampling=sampling, storage=storage, seed=7))
    records = itertools.chain(*written.records.values())
    assert [record for record in records if record != known[record["question"]].record] == []
    sizes = {split.name: split.num_equations for split in written.plan.splits}
    assert sizes == Counter(written.split_of.values())
    assert total < 12 or (sizes["first"], sizes["second"]) == (total // 3, total // 4)
    check_shards(written, storage["shard_size"])
    check_classes(written, known, keys, commuted)


def check_shards(written, shard_size):
    """Shards of a split are nearly equal, none too large, and tell what they hold."""
    for split in written.plan.splits:
        tasks = [task for task in written.plan.shards if task.split == split.name]
        assert [task.shard_index for task in tasks] == list(range(-(-split.num_equations // shard_size)))
        assert {task.num_shards for task in tasks} == {len(tasks)}
        counts = [task.num_equations for task in tasks]
        assert max(counts) - min(counts) <= 1
        assert max(counts) <= shard_size
        assert [task.first_ordinal for task in tasks] == [sum(counts[:place]) for place in range(len(counts))]
        assert [written.receipts[task.name].num_records for task in tasks] == counts
        histograms = add_histograms(written.receipts[task.name].histograms for task in tasks)
        assert histograms == recount(written.records[split.name])


def recount(records) -> dict:
    """The histograms of records, from their texts."""
    signs = Counter(
        "zero" if record["answer"] == "0" else "negative" * record["answer"].startswith("-") or "positive"
        for record in records
    )
    columns = {
        "answer_length": [len(record["answer"]) for record in records],
        "question_length": [len(record["question"]) for record in records],
        "digits": [record["digits"] for record in records],
        "carries": [record["carries"] for record in records],
        "terms": [record["terms"] for record in records],
    }
    result = {name: {str(value): count for value, count in Counter(column).items()} for name, column in columns.items()}
    return result | {
        "answer_sign": {sign: signs[sign] for sign in ("negative", "zero", "positive")},
        "operators": Counter(operator for record in records for operator in set(binary_operators(record["question"]))),
    }


def binary_operators(question: str) -> list[str]:
    """The operators of a question: signs that follow a number or a closing bracket."""
    packed = question.replace(" ", "")
    pairs = itertools.pairwise(packed)
    return [sign for before, sign in pairs if sign in "+-*/" and (before.isdigit() or before == ")")]


def check_classes(written, known, keys, commuted):
    split_of = written.split_of
    left_out = {split.name: split.num_left_out for split in written.plan.splits}
    if commuted != "together":
        assert set(left_out.values()) == {0}
    if commuted == "ignore":
        assert set(split_of) == set(known)
        return
    splits_of_class = {}
    for question, split in split_of.items():
        splits_of_class.setdefault(known[question].class_key, set()).add(split)
    assert splits_of_class.keys() == keys.keys()
    assert all(len(splits) == 1 for splits in splits_of_class.values()), "a class is in two splits"
    if commuted == "drop":
        assert len(split_of) == len(keys)
        return
    # What is in no split is what was cut at the end of a split, and is counted by the split that follows.
    cut = Counter(min(splits_of_class[known[question].class_key]) for question in known.keys() - split_of.keys())
    names = list(left_out)
    assert list(left_out.values()) == [0, *(cut[name] for name in names[:-1])]
    assert cut[names[-1]] == 0
