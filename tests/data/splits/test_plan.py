"""Plans: exact sizes or a refusal with the largest, nothing shared, nothing lost but torn classes, lengths balanced."""

import itertools
import json
import sys
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eqstream.data.errors import UserError
from eqstream.data.splits.apportionment import divide_proportionally, fill_evenly
from eqstream.data.splits.counting import Census
from eqstream.data.splits.plan import MAX_SHARDS, ShardTask, deal, plan_splits
from tests.brute_force import by_question, examine_space, make_recipe, pick, write

SUMS = {"operands": {"min": 0, "max": 9}}
MIXED = {"operands": {"min": 8, "max": 11}, "operators": "+-*", "terms": {"min": 2, "max": 3}}
DIVISION = {"operands": {"min": 0, "max": 30}, "operators": "/"}
all_modes = pytest.mark.parametrize(
    ("commuted", "sampling"), list(itertools.product(["together", "drop", "ignore"], ["uniform", "balanced"]))
)


def plan_of(space, splits, **changes):
    recipe = make_recipe(space, splits, **changes)
    return plan_splits(recipe, Census(recipe).run())


def refuse(space, splits, **changes) -> str:
    with pytest.raises(UserError) as caught:
        plan_of(space, splits, **changes)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def count_space(space, commuted) -> int:
    equations = examine_space(make_recipe(space).space)
    return len({equation.class_key for equation in equations}) if commuted == "drop" else len(equations)


@all_modes
@pytest.mark.parametrize("space", [SUMS, MIXED, DIVISION], ids=["sums", "mixed", "division"])
def test_count_may_be_everything_and_not_one_more(space, commuted, sampling):
    total = count_space(space, commuted)
    written = write(make_recipe(space, [{"name": "one", "count": total}], commuted=commuted, sampling=sampling))
    assert len(set(written.questions("one"))) == total
    message = refuse(space, [{"name": "one", "count": total + 1}], commuted=commuted, sampling=sampling)
    assert message == (
        f"split `one` asks for {total + 1:,} equations, but only {total:,} are left; "
        f"the largest possible count is {total}"
    )


@all_modes
@pytest.mark.parametrize("space", [SUMS, MIXED, DIVISION], ids=["sums", "mixed", "division"])
@pytest.mark.parametrize("first", [1, 2, 7, 38, 51])
def test_count_that_is_called_the_largest_possible_is_possible(space, commuted, sampling, first):
    def splits(count):
        return [{"name": "a", "count": first}, {"name": "b", "count": count}]

    modes = {"commuted": commuted, "sampling": sampling}
    largest = int(refuse(space, splits(10**6), **modes).rpartition(" ")[2])
    plan = plan_of(space, splits(largest), **modes)
    assert [split.num_equations for split in plan.splits] == [first, largest]
    if (commuted, sampling) != ("together", "balanced"):
        # Another count tears other classes of every stratum, so one more may happen to be possible there.
        assert f"the largest possible count is {largest}" in refuse(space, splits(largest + 1), **modes)
    total = count_space(space, commuted)
    # Nothing is kept back but what is torn: nothing of a class, or all members but one of it for each source.
    sources = len(Census(make_recipe(space, **modes)).sources)
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


@all_modes
@pytest.mark.parametrize("space", [SUMS, MIXED, DIVISION], ids=["sums", "mixed", "division"])
@pytest.mark.parametrize("fractions", [[1], [0.5, 0.5], [0.7, 0.2, 0.1], [0.25] * 4, [0.3, 0.3]])
def test_fractions_take_their_share_of_the_whole(space, commuted, sampling, fractions):
    splits = [{"name": f"s{place}", "fraction": fraction} for place, fraction in enumerate(fractions)]
    total = count_space(space, commuted)
    written = write(make_recipe(space, splits, commuted=commuted, sampling=sampling))
    sizes = [split.num_equations for split in written.plan.splits]
    wanted = [int(Fraction(str(fraction)) * total) for fraction in fractions]
    assert sizes[:-1] == wanted[:-1]
    left_out = sum(split.num_left_out for split in written.plan.splits)
    # The last is short of what torn classes cost, if the fractions add up to 1.
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


def test_class_that_is_torn_at_the_end_of_a_split_is_left_out_and_counted():
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
        counts = plan_splits(recipe, Census(recipe).run()).splits
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
def test_steps_of_planning_grow_with_the_number_of_shards_and_not_with_its_square(sampling, monkeypatch):
    monkeypatch.setattr("eqstream.data.splits.enumeration.BLOCK", 16)
    monkeypatch.setattr("eqstream.data.splits.enumeration.BLOCK_OF_STRATUM", 16)

    def count_steps(num_shards) -> int:
        splits, storage = [{"name": "one", "count": 20 * num_shards}], {"shard_size": 20}
        recipe = make_recipe({"operands": {"min": 0, "max": 300}}, splits, sampling=sampling, storage=storage)
        census, num_steps = Census(recipe).run(), 0

        def count_lines(frame, event, argument):
            nonlocal num_steps
            num_steps += event == "line"
            return count_lines

        tracer = sys.gettrace()
        sys.settrace(count_lines)
        try:
            plan = plan_splits(recipe, census)
        finally:
            sys.settrace(tracer)
        assert len(plan.shards) == num_shards
        return num_steps

    assert count_steps(1600) < 4.4 * count_steps(400)


def test_too_many_shards_are_refused_at_once():
    huge = {"operands": {"min": 0, "max": 10**9 - 1}}
    message = refuse(huge, [{"name": "one", "rest": True}], commuted="ignore")
    assert message == (
        f"split `one` of {10**18} equations would have 4000000000000 shards, at most {MAX_SHARDS} are supported; use a "
        "smaller `count`, or raise `storage.shard_size`"
    )
    assert "supported" in refuse(huge, [{"name": "one", "fraction": 0.5}], commuted="ignore")
    assert "supported" in refuse(huge, [{"name": "one", "count": 10**17}], commuted="ignore")


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
DEEP = {"operands": {"min": 0, "max": 12}, "operators": "+-*", "terms": {"min": 2, "max": 3}}
SIGNED = {"operands": {"min": -12, "max": 11}, "operators": "*/", "division": "exact"}
GRID = {"operands": {"min": 8, "max": 11, "decimals": 1}, "operators": "+-"}
FORKED = {"operands": {"min": 7, "max": 11}, "operators": "+*", "terms": 3, "brackets": True}


def fill_one_by_one(total: int, capacities: dict) -> dict:
    """What each combination holds when they take turns, one equation each, as long as they have any."""
    amounts = dict.fromkeys(capacities, 0)
    while total:
        open_places = [place for place in capacities if amounts[place] < capacities[place]]
        step = min(min(capacities[place] - amounts[place] for place in open_places), total // len(open_places))
        if not step:
            return amounts
        for place in open_places:
            amounts[place] += step
            total -= step
    return amounts


@pytest.mark.parametrize("commuted", ["together", "drop", "ignore"])
@pytest.mark.parametrize("space", [WIDE, DEEP, SIGNED, GRID, FORKED], ids=["wide", "deep", "signed", "grid", "forked"])
@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
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
    # What does not divide evenly, and torn classes of up to four members in each split.
    slack = {"together": 5, "drop": 2, "ignore": 2}[commuted]
    for split, share in (("a", 0.75), ("b", 0.25)):
        counts = Counter(combination(question) for question in found[split])
        assert sum(counts.values()) == len(found[split]) == (total * 3 // 4 if split == "a" else total // 4)
        for place, amount in expected.items():
            assert abs(counts[place] - amount * share) <= slack, (split, place)


def test_equal_capacities_are_filled_to_the_last_one():
    """With strangers alone nothing is torn: the counts are those of taking turns, give or take one."""
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


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_balanced_split_of_few_equations_is_delivered(count):
    for commuted in ("together", "drop", "ignore"):
        splits = [{"name": "a", "count": count}, {"name": "b", "count": count}, {"name": "c", "rest": True}]
        written = write(make_recipe(WIDE, splits, commuted=commuted, sampling="balanced"))
        assert (len(written.records["a"]), len(written.records["b"])) == (count, count)
        left_out = sum(split.num_left_out for split in written.plan.splits)
        assert len(written.split_of) + left_out == count_space(WIDE, commuted)


def test_small_strata_are_not_given_up_for_fear_of_torn_classes():
    """Every stratum here has fewer equations than three splits could tear apart at worst."""
    space = {"operands": {"min": 8, "max": 10}, "operators": "+*", "terms": 3}
    splits = [{"name": "a", "count": 30}, {"name": "b", "count": 30}, {"name": "c", "rest": True}]
    written = write(make_recipe(space, splits, sampling="balanced"))
    assert [split.num_equations for split in written.plan.splits[:2]] == [30, 30]
    lengths = {tuple(map(len, question.replace("*", "+").split(" + "))) for question in written.split_of}
    assert len(lengths) == 8


def test_too_many_strata_are_refused():
    space = {"operands": {"min": 0, "max": 10**12}, "terms": 6}
    with pytest.raises(
        UserError, match="`sampling: balanced` finds over 20000 combinations of shape and operand lengths"
    ):
        Census(make_recipe(space, sampling="balanced"))


# Whole numbers shared out.

vessels = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 4)), min_size=1, max_size=6)


@given(vessels, st.data())
def test_vessels_are_filled_to_one_level(pairs, data):
    capacities, weights = map(list, zip(*pairs, strict=True))
    total = data.draw(st.integers(0, sum(capacities)))
    amounts = fill_evenly(total, capacities, weights)
    assert sum(amounts) == total
    assert all(0 <= amount <= capacity for amount, capacity in zip(amounts, capacities, strict=True))
    # Nobody with room is more than a turn below anybody else.
    for (amount, capacity, weight), (other, other_weight) in itertools.product(
        zip(amounts, capacities, weights, strict=True), zip(amounts, weights, strict=True)
    ):
        if amount < capacity:
            assert Fraction(other, other_weight) - Fraction(amount, weight) <= len(amounts)


@given(st.lists(st.integers(0, 60), min_size=1, max_size=6), st.data())
def test_vessels_of_one_weight_differ_by_at_most_what_does_not_divide(capacities, data):
    total = data.draw(st.integers(0, sum(capacities)))
    expected = fill_one_by_one(total, dict(enumerate(capacities)))
    amounts = fill_evenly(total, capacities, [1] * len(capacities))
    rest = total - sum(expected.values())
    assert sum(amounts) == total
    assert all(expected[place] <= amount <= expected[place] + rest for place, amount in enumerate(amounts))


@given(st.lists(st.integers(0, 10**20), min_size=1, max_size=8).filter(any), st.data())
def test_shares_are_whole_proportional_and_add_up(amounts, data):
    total = data.draw(st.integers(0, sum(amounts)))
    shares = divide_proportionally(total, amounts)
    assert sum(shares) == total
    for share, amount in zip(shares, amounts, strict=True):
        assert 0 <= share <= amount
        assert abs(share - Fraction(total * amount, sum(amounts))) < 1


def test_more_than_there_is_cannot_be_shared_out():
    with pytest.raises(ValueError, match="`total` must be at most 5, got 6"):
        fill_evenly(6, [2, 3], [1, 1])
    with pytest.raises(ValueError, match="`total` must be at most 5, got 6"):
        divide_proportionally(6, [2, 3])


@settings(deadline=None)
@given(st.lists(st.integers(0, 300), min_size=1, max_size=5).filter(any), st.integers(0, 2**64 - 1), st.data())
def test_deal_gives_each_part_its_quota_however_it_is_asked(quotas, seed, data):
    total = sum(quotas)
    whole = deal(total, seed, quotas, 0, total)
    assert np.bincount(whole, minlength=len(quotas)).tolist() == quotas
    start = data.draw(st.integers(0, total))
    stop = data.draw(st.integers(start, total))
    assert deal(total, seed, quotas, start, stop - start).tolist() == whole[start:stop].tolist()


def test_deal_of_more_than_one_batch_of_slots_is_whole():
    whole = deal(200_000, 3, [150_000, 50_000], 0, 200_000)
    assert np.bincount(whole).tolist() == [150_000, 50_000]
    assert deal(200_000, 3, [150_000, 50_000], 65_530, 70_000).tolist() == whole[65_530:135_530].tolist()
