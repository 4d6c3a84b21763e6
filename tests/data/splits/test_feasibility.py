"""What is said to keep nothing keeps nothing, and what cannot be met is refused without a count."""

import itertools

import numpy as np
import pytest

from eqstream.data.errors import UserError
from eqstream.data.space.conditions import selection_of
from eqstream.data.space.prepared_space import prepare_space
from eqstream.data.space.section_union import SectionUnion
from eqstream.data.space.sections import Section
from eqstream.data.splits.class_filter import ClassFilter
from eqstream.data.splits.counting_policy import count_for_plan
from eqstream.data.splits.enumeration import Enumeration
from eqstream.data.splits.feasibility import Feasibility
from eqstream.data.splits.plan import plan_splits
from eqstream.data.splits.twin_classes import TwinFinder
from tests.brute_force import make_recipe, pick

SPACES = {
    "signed": {"operands": {"min": -3, "max": 11}, "operators": "+-*"},
    "terms": {"operands": {"min": 8, "max": 10}, "operators": "+*", "terms": {"min": 1, "max": 3}},
    "brackets": {"operands": {"min": 0, "max": 2}, "operators": "-*", "terms": 3, "brackets": True},
    "decimals": {"operands": {"min": 9, "max": 10, "decimals": 1}, "operators": "+-"},
    "fractions": {"operands": {"min": 1, "max": 4}, "operators": "+/", "terms": 3, "division": "fraction"},
    "rounded": {"operands": {"min": 1, "max": 9}, "operators": "-/", "division": "decimal", "places": 0},
    "floored": {"operands": {"min": -5, "max": 4}, "operators": "+/", "terms": 3, "division": "quotient"},
    "exact": {"operands": {"min": 2, "max": 9}, "operators": "*/", "terms": 3, "answer": {"max": 5}},
}
WHERES = [
    *({"answer": {"min": low, "max": low + size}} for low in (-121, -30, -4, 0, 0.5, 21, 82) for size in (0, 0.4, 9)),
    *({"carries": {"min": number}} for number in range(5)),
    *({"carries": 0, "operators": operators} for operators in "+-*"),
    *({"longest_carry_chain": {"min": number}} for number in range(3)),
    {"zero_borrows": {"min": 2}},
    {"equal_operands": True},
    {"repeated_digits": 0},
    {"digits": 2},
    {"digits": {"min": 1.5}},
    {"operators": "+*"},
]


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_box_that_is_said_to_keep_nothing_keeps_nothing(space):
    num_proven = 0
    prepared = prepare_space(make_recipe(space).space)
    everything, *selections = (
        selection_of(make_recipe(space, [{"name": "a", "rest": True, "where": where}]).splits[0])
        for where in [None, *WHERES]
    )
    for selection, others in [*((each, ()) for each in selections), *((everything, (each,)) for each in selections)]:
        feasibility = Feasibility(prepared, selection, others)
        for section in prepared.whole.sections:
            for place, box in section.list_boxes():
                part = Section(section.subset, (box,), np.array([place]))
                if feasibility.keeps_nothing(part):
                    num_proven += 1
                    kept = ClassFilter(prepared, selection, others, hash_salt="")
                    candidates, twins = SectionUnion((part,)), TwinFinder(prepared, "ignore")
                    enumeration = Enumeration(prepared, candidates, twins, kept, seed=0, scope="test")
                    assert enumeration.count(0, enumeration.size) == 0, (selection, others, place, box)
    assert num_proven >= prepared.shapes.count


BIG = {"operands": {"min": 0, "max": 10**19}, "operators": "+"}
FIVE = {"operands": {"min": 0, "max": 99_999}}
IMPOSSIBLE = {
    "carries of products": (FIVE | {"operators": "*"}, [{"carries": {"min": 2}}], "a"),
    "more carries than digits": (FIVE, [{"carries": {"min": 6}}], "a"),
    "digits": (FIVE, [{"digits": 6}], "a"),
    "negative sums": (FIVE, [{"answer": {"max": -1}}], "a"),
    "operators take all": (BIG, [{"operators": "+"}, None], "b"),
    "numbers take all": (BIG, [{"digits": {"max": 20}}, None], "b"),
    "carries take all": (FIVE, [{"carries": 0}, {"carries": {"min": 1}}, None], "c"),
    "borrows of sums": (FIVE, [{"zero_borrows": {"min": 1}}], "a"),
    "chains take all": (FIVE, [{"longest_carry_chain": 0}, {"longest_carry_chain": {"min": 1}}, None], "c"),
}


@pytest.mark.parametrize(
    ("case", "sampling"),
    [
        # Each case with one kind of sampling, in turn; with the other it is slow, as are the many strata of two.
        pytest.param(
            case,
            sampling,
            marks=()
            if number % 2 * (case != "numbers take all") == place and case != "chains take all"
            else pytest.mark.slow,
        )
        for number, case in enumerate(IMPOSSIBLE)
        for place, sampling in enumerate(["uniform", "balanced"])
    ],
)
def test_split_that_can_have_nothing_is_refused_at_once(case, sampling):
    space, wheres, empty = IMPOSSIBLE[case]
    splits = [
        {"name": name, "count": 1, **({} if where is None else {"where": where})}
        for name, where in zip("abc", wheres, strict=False)
    ]
    counts = count_for_plan(make_recipe(space, splits, sampling=sampling))
    numbers = [
        number
        for number, source in enumerate(counts.sources.sources)
        if source.selection == selection_of(counts.sources.recipe.splits[-1])
    ]
    assert sum(counts.by_source[number].num_positions_counted for number in numbers) == 0
    with pytest.raises(UserError, match=f"split `{empty}` would be empty: "):
        plan_splits(counts)


def test_buckets_that_take_everything_leave_nothing():
    buckets = [{"name": "a", "hash": [0, 0.5]}, {"name": "b", "hash": [0.5, 1]}, {"name": "c", "count": 1}]
    counts = count_for_plan(make_recipe(SPACES["signed"], buckets))
    assert counts.by_source[-1].enumeration.size == 0
    with pytest.raises(UserError, match="split `c` would be empty: the space has no valid equation, or none that no"):
        plan_splits(counts)


def test_strata_that_another_split_takes_whole_are_not_counted():
    splits = [{"name": "train", "count": 60}, {"name": "held", "count": 60, "where": {"operators": "-"}}]
    recipe = make_recipe({"operands": {"min": 0, "max": 99}, "operators": "+-"}, splits, sampling="balanced")
    counts = count_for_plan(recipe)
    sizes = [source.enumeration.size for source in counts.by_source]
    # The lengths of sums make three strata with those of their twins, the held differences four.
    assert [size > 0 for size in sizes].count(True) == 3 + 4
    found = pick(recipe)
    assert all("+" in question for question in found["train"])
    assert len(list(itertools.chain(*found.values()))) == 120
