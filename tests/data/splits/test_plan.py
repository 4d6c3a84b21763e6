"""Plans: exact sizes or a refusal with the largest, nothing shared, nothing lost but cut classes, lengths balanced."""

import base64
import json
import re
import sys
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest

from eqstream.data.errors import UserError
from eqstream.data.reference.evaluation import canonical_key
from eqstream.data.reference.parsing import parse
from eqstream.data.splits.counting_policy import count_for_plan
from eqstream.data.splits.plan import MAX_SHARDS, ShardTask, plan_splits
from eqstream.data.splits.prepared_sources import PreparedSources
from tests.brute_force import by_question, examine_space, fill_one_by_one, make_plan, make_recipe, pick, write
from tests.covering import cover_pairs, cover_values

SUMS = {"operands": {"min": 0, "max": 9}}
MIXED = {"operands": {"min": 8, "max": 11}, "operators": "+-*", "terms": {"min": 2, "max": 3}}
DIVISION = {"operands": {"min": 0, "max": 30}, "operators": "/"}
SPACES = {"sums": SUMS, "mixed": MIXED, "division": DIVISION}
COMMUTED, SAMPLING = ["together", "drop", "ignore"], ["uniform", "balanced"]
all_modes = cover_pairs("commuted, sampling", COMMUTED, SAMPLING)


def plan_of(space, splits, **changes):
    return make_plan(make_recipe(space, splits, **changes))


def refuse(space, splits, **changes) -> str:
    with pytest.raises(UserError) as caught:
        plan_of(space, splits, **changes)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def count_space(space, commuted) -> int:
    equations = examine_space(make_recipe(space).space)
    return len({equation.class_key for equation in equations}) if commuted == "drop" else len(equations)


@cover_pairs("space, commuted, sampling", SPACES, COMMUTED, SAMPLING)
def test_count_may_be_everything_and_not_one_more(space, commuted, sampling):
    total = count_space(space, commuted)
    written = write(make_recipe(space, [{"name": "one", "count": total}], commuted=commuted, sampling=sampling))
    assert len(set(written.questions("one"))) == total
    message = refuse(space, [{"name": "one", "count": total + 1}], commuted=commuted, sampling=sampling)
    assert message == (
        f"split `one` asks for {total + 1:,} equations, but only {total:,} are left; "
        f"the largest possible count is {total:,}"
    )


@cover_pairs("space, commuted, sampling, first", SPACES, COMMUTED, SAMPLING, [1, 2, 7, 38, 51])
def test_count_that_is_called_the_largest_possible_is_possible(space, commuted, sampling, first):
    def splits(count):
        return [{"name": "a", "count": first}, {"name": "b", "count": count}]

    modes = {"commuted": commuted, "sampling": sampling}
    largest = int(refuse(space, splits(10**6), **modes).rpartition(" ")[2])
    plan = plan_of(space, splits(largest), **modes)
    assert [split.num_equations for split in plan.splits] == [first, largest]
    if (commuted, sampling) != ("together", "balanced"):
        # Another count tears other classes of every stratum, so one more may happen to be possible there.
        assert f"the largest possible count is {largest:,}" in refuse(space, splits(largest + 1), **modes)
    total = count_space(space, commuted)
    # Nothing is kept back but what is cut: nothing of a class, or all members but one of it for each source.
    sources = len(PreparedSources(make_recipe(space, **modes)))
    assert total - first - (3 * sources if commuted == "together" else 0) <= largest <= total - first


@all_modes
def test_rest_is_what_the_others_leave_wherever_it_stands(commuted, sampling):
    splits = [{"name": "b", "rest": True}, {"name": "a", "count": 15}, {"name": "c", "fraction": 0.2}]
    written = write(make_recipe(SUMS, splits, commuted=commuted, sampling=sampling))
    total = count_space(SUMS, commuted)
    assert [split.name for split in written.plan.splits] == ["b", "a", "c"]
    assert (len(written.records["a"]), len(written.records["c"])) == (15, total // 5)
    left_out = sum(split.num_left_out for split in written.plan.splits)
    assert len(written.split_of) + left_out == total == len(written.records["b"]) + 15 + total // 5 + left_out


@cover_values(
    "space, commuted, sampling, fractions",
    SPACES,
    COMMUTED,
    SAMPLING,
    [[1], [0.5, 0.5], [0.7, 0.2, 0.1], [0.25] * 4, [0.3, 0.3]],
)
def test_fractions_take_their_share_of_the_whole(space, commuted, sampling, fractions):
    splits = [{"name": f"s{place}", "fraction": fraction} for place, fraction in enumerate(fractions)]
    total = count_space(space, commuted)
    written = write(make_recipe(space, splits, commuted=commuted, sampling=sampling))
    sizes = [split.num_equations for split in written.plan.splits]
    wanted = [int(Fraction(str(fraction)) * total) for fraction in fractions]
    assert sizes[:-1] == wanted[:-1]
    left_out = sum(split.num_left_out for split in written.plan.splits)
    # The last is short of what cut classes cost, if the fractions add up to 1.
    assert wanted[-1] - left_out <= sizes[-1] <= wanted[-1]
    assert len(written.split_of) == sum(sizes)


@all_modes
@pytest.mark.parametrize(
    "splits",
    [
        [{"name": "a", "fraction": 0.8}, {"name": "b", "fraction": 0.8}],
        [{"name": "a", "count": 50}, {"name": "b", "fraction": 0.9}],
        [{"name": "a", "fraction": 1}, {"name": "b", "fraction": 0.1}],
    ],
)
def test_fractions_of_more_than_there_is_are_refused_and_not_cut_short(splits, commuted, sampling):
    message = refuse(SUMS, splits, commuted=commuted, sampling=sampling)
    assert message.startswith("split `b` asks for ")


@all_modes
def test_fraction_of_less_than_one_equation_is_refused_with_the_reason(commuted, sampling):
    message = refuse(SUMS, [{"name": "a", "fraction": 0.001}], commuted=commuted, sampling=sampling)
    total = count_space(SUMS, commuted)
    assert message == f"split `a` would be empty: its `fraction` 0.001 of {total} equations is less than one"


@all_modes
def test_rest_of_nothing_is_refused(commuted, sampling):
    total = count_space(SUMS, commuted)
    splits = [{"name": "a", "count": total}, {"name": "b", "rest": True}]
    message = refuse(SUMS, splits, commuted=commuted, sampling=sampling)
    assert message == "split `b` would be empty: the splits before it take all equations"
    splits = [{"name": "a", "rest": True}, {"name": "b", "rest": True}]
    assert refuse(SUMS, splits, commuted=commuted, sampling=sampling) == message


@pytest.mark.parametrize("sampling", ["uniform", "balanced"])
@pytest.mark.parametrize(
    "space",
    [
        {"operands": {"min": 0, "max": 0}, "operators": "/"},
        {"operands": {"min": 0, "max": 9}, "answer": {"min": 100}},
        {"operands": {"min": 1, "max": 1}, "operators": "-", "answer": {"max": -0.5}},
    ],
)
def test_space_without_an_equation_is_refused(space, sampling):
    message = "split `one` would be empty: the space has no valid equation, or none that no other split selects"
    assert refuse(space, [{"name": "one", "rest": True}], sampling=sampling) == message
    assert refuse(space, [{"name": "one", "count": 1}], sampling=sampling) == message


def test_class_that_is_cut_at_the_end_of_a_split_is_left_out_and_counted():
    everything = {equation.question for equation in examine_space(make_recipe(SUMS).space)}
    for count in range(1, 98, 3):
        written = write(make_recipe(SUMS, [{"name": "a", "count": count}, {"name": "b", "rest": True}]))
        missing = everything - written.split_of.keys()
        assert [split.num_left_out for split in written.plan.splits] == [0, len(missing)]
        assert written.plan.splits[1].first_ordinal == count + len(missing)
        twins = {" + ".join(reversed(question.split(" + "))) for question in missing}
        assert {written.split_of[twin] for twin in twins} <= {"a"}


def test_twin_that_is_cut_off_behind_the_last_split_is_counted():
    space = {"operands": {"min": 0, "max": 1}}
    for seed, expected in ((1, 1), (4, 1)):
        (split,) = plan_of(space, [{"name": "one", "count": 1}], seed=seed).splits
        assert (split.num_left_out, split.num_cut_off_behind) == (expected, expected)


@pytest.mark.parametrize("sampling", ["uniform", "balanced"])
@pytest.mark.parametrize("brackets", [False, True])
def test_what_splits_leave_out_is_every_twin_that_no_split_has(brackets, sampling):
    space = {"operands": {"min": 9, "max": 10}, "operators": "+*", "terms": 3, "brackets": brackets}
    num_cut_off, where = 0, {"operators": "+"}
    for seed in range(4):
        splits = [
            {"name": "a", "count": 3 + seed},
            {"name": "b", "count": 5},
            {"name": "c", "count": 1 + seed, "where": where},
        ]
        recipe = make_recipe(space, splits, sampling=sampling, seed=seed)
        known = by_question(examine_space(recipe.space))
        found = [question for questions in pick(recipe).values() for question in questions]
        classes = {known[question].class_key for question in found}
        missing = [one for one in known.values() if one.class_key in classes and one.question not in found]
        counts = make_plan(recipe).splits
        assert sum(split.num_left_out for split in counts) == len(missing)
        assert counts[0].num_cut_off_behind == 0
        num_cut_off += sum(split.num_cut_off_behind for split in counts)
    assert num_cut_off


def test_split_of_one_equation_after_another_never_shares_a_class():
    splits = [{"name": f"s{place}", "count": 1} for place in range(55)]
    written = write(make_recipe(SUMS, splits))
    pairs = {frozenset(question.split(" + ")) for question in written.split_of}
    assert len(pairs) == len(written.split_of) == 55
    message = refuse(SUMS, [*splits, {"name": "one_more", "count": 1}])
    assert message.endswith("the largest possible count is 0")


@pytest.mark.parametrize("shard_size", [1, 2, 33, 99, 100, 101])
def test_shards_are_nearly_equal_and_full(shard_size):
    plan = plan_of(SUMS, [{"name": "one", "rest": True}], storage={"shard_size": shard_size})
    sizes = [task.num_equations for task in plan.shards]
    assert len(sizes) == -(-100 // shard_size)
    assert max(sizes) - min(sizes) <= 1
    assert sum(sizes) == 100
    assert [task.name for task in plan.shards][-1] == f"one-{len(sizes) - 1:05d}-of-{len(sizes):05d}"


@pytest.mark.parametrize("sampling", ["uniform", "balanced"])
def test_steps_of_planning_grow_with_the_number_of_shards_and_not_with_its_square(sampling):
    def count_steps(num_shards) -> int:
        splits, storage = [{"name": "one", "count": 20 * num_shards}], {"shard_size": 20}
        recipe = make_recipe({"operands": {"min": 0, "max": 300}}, splits, sampling=sampling, storage=storage)
        counts, num_steps = count_for_plan(recipe, block_size=16), 0

        def count_lines(frame, event, argument):
            nonlocal num_steps
            num_steps += event == "line"
            return count_lines

        tracer = sys.gettrace()
        sys.settrace(count_lines)
        try:
            plan = plan_splits(counts)
        finally:
            sys.settrace(tracer)
        assert len(plan.shards) == num_shards
        return num_steps

    assert count_steps(800) < 4.4 * count_steps(200)


def test_too_many_shards_are_refused_at_once():
    huge = {"operands": {"min": 0, "max": 10**9 - 1}}
    message = refuse(huge, [{"name": "one", "rest": True}], commuted="ignore")
    assert message == (
        f"split `one` of {10**18} equations would have 4000000000000 shards, at most {MAX_SHARDS} are supported; use a "
        "smaller `count`, or raise `storage.shard_size`"
    )
    assert "supported" in refuse(huge, [{"name": "one", "fraction": 0.5}], commuted="ignore")
    assert "supported" in refuse(huge, [{"name": "one", "count": 10**17}], commuted="ignore")
    one_more = [{"name": "one", "count": MAX_SHARDS + 1}]
    assert f"would have {MAX_SHARDS + 1} shards" in refuse(huge, one_more, commuted="ignore", storage={"shard_size": 1})


@pytest.mark.parametrize("size", [{"rest": True}, {"fraction": 0.1}])
def test_what_would_take_days_to_count_is_refused(size):
    message = refuse({"operands": {"min": 0, "max": 10**9}}, [{"name": "one", **size}])
    assert message.startswith(
        "`rest` and `fraction` need every equation to be counted, and there are 1,000,000,002,000,000,001"
    )


@all_modes
def test_tasks_survive_json(commuted, sampling):
    splits = [{"name": "a", "count": 40}, {"name": "b", "rest": True}]
    plan = plan_of(MIXED, splits, commuted=commuted, sampling=sampling, storage={"shard_size": 17})
    for task in plan.shards:
        again = ShardTask.from_dict(json.loads(json.dumps(task.to_dict())))
        assert again == task
        assert again.name == task.name


@all_modes
def test_plan_depends_on_the_recipe_alone(commuted, sampling):
    splits = [{"name": "a", "count": 40}, {"name": "b", "fraction": 0.3}, {"name": "c", "rest": True}]
    first, second = (plan_of(MIXED, splits, commuted=commuted, sampling=sampling) for _ in range(2))
    assert first == second


# Balanced sampling, by brute force.

WIDE = {"operands": {"min": 0, "max": 120}}
DEEP = {"operands": {"min": 5, "max": 11}, "operators": "+-*", "terms": {"min": 2, "max": 3}}
SIGNED = {"operands": {"min": -12, "max": 11}, "operators": "*/", "division": "exact"}
GRID = {"operands": {"min": 8, "max": 11, "decimals": 1}, "operators": "+-"}
FORKED = {"operands": {"min": 7, "max": 11}, "operators": "+*", "terms": 3, "brackets": True}


@cover_values(
    "space, commuted, part",
    {"wide": WIDE, "deep": DEEP, "signed": SIGNED, "grid": GRID, "forked": FORKED},
    COMMUTED,
    [0.1, 0.5, 0.9],
)
def test_combinations_of_lengths_are_filled_evenly_as_far_as_they_reach(space, commuted, part):
    known = by_question(examine_space(make_recipe(space).space))
    if commuted == "drop":
        # A class counts once, whatever the order in which its lengths are written.
        classes = {equation.class_key: equation.class_combination for equation in known.values()}
        capacities = Counter(classes.values())
    else:
        capacities = Counter(equation.combination for equation in known.values())
    total = int(sum(capacities.values()) * part)
    splits = [{"name": "a", "count": total * 3 // 4}, {"name": "b", "count": total // 4}]
    found = pick(make_recipe(space, splits, commuted=commuted, sampling="balanced"))

    def combination(question):
        return known[question].class_combination if commuted == "drop" else known[question].combination

    expected = fill_one_by_one(total, capacities)
    # What does not divide evenly, and cut classes of up to four members in each split.
    slack = {"together": 5, "drop": 2, "ignore": 2}[commuted]
    for split, share in (("a", 0.75), ("b", 0.25)):
        counts = Counter(combination(question) for question in found[split])
        assert sum(counts.values()) == len(found[split]) == (total * 3 // 4 if split == "a" else total // 4)
        for place, amount in expected.items():
            assert abs(counts[place] - amount * share) <= slack, (split, place)


def test_equal_capacities_are_filled_to_the_last_one():
    """Where twins are unrelated nothing is cut off: the counts are those of taking turns, give or take one."""
    splits = [{"name": "a", "count": 333}]
    found = pick(make_recipe(WIDE, splits, commuted="ignore", sampling="balanced"))["a"]
    counts = Counter(tuple(map(len, question.split(" + "))) for question in found)
    assert sorted(counts.values()) == [37] * 9


def test_uniform_sampling_takes_lengths_as_they_come():
    (found,) = pick(make_recipe(WIDE, [{"name": "a", "count": 5000}])).values()
    counts = Counter(max(map(len, question.split(" + "))) for question in found)
    for digits, pairs in ((1, 10**2), (2, 100**2 - 10**2), (3, 121**2 - 100**2)):
        assert abs(counts[digits] - 5000 * pairs / 121**2) < 5 * (5000 * pairs / 121**2) ** 0.5


def test_strata_are_dealt_out_evenly_over_a_split():
    (found,) = pick_in_order(make_recipe(WIDE, [{"name": "a", "count": 3000}], sampling="balanced")).values()
    longest = [max(map(len, question.split(" + "))) for question in found]
    for part in np.array_split(np.array(longest), 10):
        # One combination of nine has one digit, but that has only 100 equations; 300 in each part.
        assert abs(np.count_nonzero(part == 1) - 10) < 12


def pick_in_order(recipe):
    return {split: [record["question"] for record in records] for split, records in write(recipe).records.items()}


@pytest.mark.parametrize("count", [1, *(pytest.param(each, marks=pytest.mark.slow) for each in (2, 3)), 5])
def test_balanced_split_of_few_equations_is_delivered(count):
    for commuted in ("together", "drop", "ignore"):
        splits = [{"name": "a", "count": count}, {"name": "b", "count": count}, {"name": "c", "rest": True}]
        written = write(make_recipe(WIDE, splits, commuted=commuted, sampling="balanced"))
        assert (len(written.records["a"]), len(written.records["b"])) == (count, count)
        left_out = sum(split.num_left_out for split in written.plan.splits)
        assert len(written.split_of) + left_out == count_space(WIDE, commuted)


def test_small_strata_are_not_given_up_for_fear_of_cut_classes():
    """Every stratum here has fewer equations than three splits could tear apart at worst."""
    space = {"operands": {"min": 8, "max": 10}, "operators": "+*", "terms": 3}
    splits = [{"name": "a", "count": 30}, {"name": "b", "count": 30}, {"name": "c", "rest": True}]
    written = write(make_recipe(space, splits, sampling="balanced"))
    assert [split.num_equations for split in written.plan.splits[:2]] == [30, 30]
    lengths = {tuple(map(len, question.replace("*", "+").split(" + "))) for question in written.split_of}
    assert len(lengths) == 8


def kind_of(equation, keys) -> tuple:
    """What `sampling.balance` takes for the kind of an equation, without its tree."""
    kinds = {
        "terms": equation.terms,
        "operators": "".join(sorted(equation.operators, key="+-*/".index)),
        "digits": equation.digits,
    }
    return tuple(kinds[key] for key in keys)


def fill_kinds(total: int, capacities: Counter, weights: dict, keys: list) -> dict:
    """What each kind holds when the kinds of the first key take turns, and those of the next one within each."""
    if not keys:
        return {(): total}
    groups: dict = {}
    for kind, capacity in capacities.items():
        groups.setdefault(kind[0], Counter())[kind[1:]] += capacity
    # A kind of weight 3 is three that have a third each.
    places = {
        (name, turn): Fraction(kinds.total(), weight)
        for name, kinds in groups.items()
        for weight in [weights.get(keys[0], {}).get(name, 1)]
        for turn in range(weight)
    }
    amounts = fill_one_by_one(total, places)
    shares = {name: sum(amount for (one, _), amount in amounts.items() if one == name) for name in groups}
    return {
        (name, *rest): amount
        for name, kinds in groups.items()
        for rest, amount in fill_kinds(int(shares[name]), kinds, weights, keys[1:]).items()
    }


@pytest.mark.parametrize(
    ("keys", "weights"),
    [
        (["terms", "operators", "digits"], {}),
        (["operators"], {}),
        (["terms", "digits"], {"terms": {2: 3}, "digits": {1: 2}}),
    ],
    ids=["all", "operators", "weighted"],
)
@pytest.mark.parametrize("commuted", ["together", "ignore"])
def test_kinds_of_equations_are_filled_one_key_within_the_other(commuted, keys, weights):
    sampling = {"balance": list(reversed(keys)), "weights": weights}
    space = {"operands": {"min": 4, "max": 12}, "operators": "+/", "terms": {"min": 1, "max": 3}}
    splits = [{"name": "a", "count": 120}, {"name": "b", "count": 40}]
    recipe = make_recipe(space, splits, commuted=commuted, sampling=sampling)
    known = by_question(examine_space(recipe.space))
    found = pick(recipe)
    expected = fill_kinds(160, Counter(kind_of(each, keys) for each in known.values()), weights, keys)
    assert len(expected) > 3
    for split, share in (("a", 0.75), ("b", 0.25)):
        counts = Counter(kind_of(known[question], keys) for question in found[split])
        assert len(set(found[split])) == counts.total() == 160 * share
        for kind, amount in expected.items():
            # What does not divide evenly on each level, and what is cut off.
            assert abs(counts[kind] - amount * share) <= 5, (split, kind)


def test_trees_may_be_balanced_and_twins_are_of_one_tree():
    space = {"operands": {"min": 0, "max": 9}, "operators": "-*", "terms": 3, "brackets": True}
    recipe = make_recipe(space, [{"name": "a", "count": 600}], sampling={"balance": ["tree"]})
    known = by_question(examine_space(recipe.space))
    counts = Counter(canonical_key(parse(re.sub("[0-9]+", "0", question))) for question in pick(recipe)["a"])
    assert counts.keys() == {canonical_key(parse(re.sub("[0-9]+", "0", question))) for question in known}
    assert max(counts.values()) - min(counts.values()) <= 5


def test_space_of_many_terms_is_balanced_without_a_list_of_its_lengths():
    space = {"operands": {"min": 0, "max": 999_999}, "operators": "+-*", "terms": {"min": 2, "max": 4}}
    splits = [{"name": "a", "count": 1000}]
    counts = count_for_plan(make_recipe(space, splits, sampling={"balance": ["terms", "operators", "digits"]}))
    # One source for each number of terms, multiset of operators and number of digits.
    assert len(counts.sources) == 6 * sum((terms + 1) * terms // 2 for terms in range(2, 5))
    assert plan_splits(counts).num_equations == 1000


def test_a_segment_of_few_equations_has_no_long_list_of_positions():
    space = {"operands": {"min": 0, "max": 9999}, "operators": "+-"}
    recipe = make_recipe(space, [{"name": "a", "count": 60_000}], sampling="balanced", storage={"shard_size": 1000})
    segments = [segment for shard in make_plan(recipe).shards for segment in shard.segments]
    bits = {segment: 8 * len(base64.b64decode(segment.kept)) for segment in segments}
    assert all(number <= 8 * segment.count + 256 + 7 for segment, number in bits.items())
    # They are there where the equations are many, or at the beginning of their source.
    assert {number > 0 for number in bits.values()} == {True, False}
