"""The steps of datasets, as they are written, against solutions made one by one."""

import io
import itertools
from collections import Counter

import numpy as np
import pytest
import tensorflow as tf

from eqstream.data.dataset.shard_writer import ShardWriter
from eqstream.data.errors import UserError
from eqstream.data.recipe import Recipe
from eqstream.data.reference.evaluation import canonical_key
from eqstream.data.reference.parsing import Number, parse
from eqstream.data.reference.solution import line_text, solution
from eqstream.data.solutions.solving import BlockSolver
from eqstream.data.space.held_out_classes import HeldOut
from eqstream.data.space.prepared_space import prepare_space
from eqstream.data.splits import shard_steps
from eqstream.data.splits.plan import ShardTask
from eqstream.data.splits.shard_steps import add_step_counts, find_held_out_steps
from eqstream.data.splits.shared_equations import hold_out
from tests.brute_force import by_question, examine_space, make_plan, make_recipe, pick, write
from tests.covering import cover_values
from tests.data.solutions.solving import block_of

HALVES = [{"name": "test", "fraction": 0.5}, {"name": "train", "rest": True}]
SPACES = {
    "sums and products": {"operands": {"min": -1, "max": 4}, "operators": "+-*", "terms": {"min": 2, "max": 3}},
    "brackets": {"operands": {"min": -1, "max": 3}, "operators": "-*", "terms": {"min": 2, "max": 3}, "brackets": True},
    "exact": {"operands": {"min": 0, "max": 40}, "operators": "+/", "terms": {"min": 1, "max": 2}},
    "quotient": {"operands": {"min": -9, "max": 30}, "operators": "-/", "division": "quotient"},
    "rounded": {"operands": {"min": 0, "max": 30}, "operators": "/", "division": "decimal", "places": 1},
    "fraction": {"operands": {"min": 0, "max": 30}, "operators": "+/", "division": "fraction"},
    "decimals": {"operands": {"min": 0, "max": 1, "decimals": 1}, "operators": "-*", "spacing": False},
}


def expect_rows(recipe: Recipe, split: str, split_to_questions: dict[str, list[str]]) -> tuple[Counter, int]:
    """The rows of a split, and how many steps are left out of it."""
    space, known = recipe.space, by_question(examine_space(recipe.space))
    others = [question for name, each in split_to_questions.items() if name != split for question in each]
    held_out = {canonical_key(parse(question)) for question in others}
    rows, num_left_out = Counter(), 0
    for question in split_to_questions[split]:
        equation = known[question]
        lines = solution(parse(question), space.division, space.places, factored=space.factors_fractions)
        texts = [line_text(line, space.division, space.spacing) for line in lines]
        is_out = [
            (number > 0 and not isinstance(line, Number) and canonical_key(line) in held_out)
            or len(text.replace(" ", "")) > recipe.steps.line_length
            for number, (line, text) in enumerate(zip(lines, texts, strict=True))
        ]
        for place in range(len(lines) - 1):
            if is_out[place] or is_out[place + 1]:
                num_left_out += 1
            else:
                rows[texts[place], texts[place + 1], equation.terms, equation.digits, equation.carries] += 1
    return rows, num_left_out


def count_rows(rows: list[dict]) -> Counter:
    return Counter((row["question"], row["answer"], row["terms"], row["digits"], row["carries"]) for row in rows)


@cover_values("name, commuted", [*SPACES], ["together", "ignore"])
def test_steps_are_those_of_the_reference_without_lines_of_another_split(name, commuted):
    recipe = make_recipe(SPACES[name], HALVES, commuted=commuted, steps={"line_length": 20})
    written, questions = write(recipe), pick(recipe)
    for split in ("train", "test"):
        expected, num_left_out = expect_rows(recipe, split, questions)
        tasks = [task for task in written.plan.shards if task.split == split]
        assert count_rows(written.records[split]) == expected
        assert sum(task.num_steps_left_out for task in tasks) == num_left_out
        assert sum(task.records.num_records for task in tasks) == expected.total()


@pytest.mark.parametrize("name", SPACES)
def test_steps_are_counted_as_if_they_had_been_solved_without_what_is_held_out(name):
    recipe = make_recipe(SPACES[name], steps={"line_length": 10})
    steps, equations = ShardWriter(recipe).steps, block_of(recipe)
    solved = steps.solve(equations)
    # Some lines of solutions, so that the steps to them and from them are left out.
    held_out = HeldOut(solved.classes[solved.number > 0][::7])
    counts, num_left_out = steps.count_each(solved, len(equations), held_out)
    expected = BlockSolver(prepare_space(recipe.space)).solve(equations, held_out)
    texts = zip(expected.question.to_texts(), expected.answer.to_texts(), strict=True)
    is_short = [max(len(text.replace(" ", "")) for text in pair) <= 10 for pair in texts]
    assert counts.tolist() == np.bincount(expected.equation[is_short], minlength=len(equations)).tolist()
    assert num_left_out == expected.num_left_out == len(solved) - len(expected)
    # Solutions of `decimals` have one step.
    assert num_left_out > 0 or name == "decimals"
    assert min(counts) < max(counts) or name == "decimals"


def test_every_line_is_held_out_from_the_other_split():
    recipe = make_recipe(SPACES["sums and products"], HALVES, steps=True)
    written, questions = write(recipe), pick(recipe)
    for split, other in (("train", "test"), ("test", "train")):
        held_out = {canonical_key(parse(question)) for question in questions[other]}
        lines = {text for row in written.records[split] for text in (row["question"], row["answer"])}
        trees = [parse(line) for line in lines]
        assert not [tree for tree in trees if not isinstance(tree, Number) and canonical_key(tree) in held_out]


def test_steps_with_a_long_line_are_left_out_and_counted():
    recipe = make_recipe(SPACES["fraction"], steps={"line_length": 8})
    shorter = make_recipe(SPACES["fraction"], steps={"line_length": 4})
    with pytest.raises(
        UserError, match=r"^equations have up to 5 characters, and `steps\.line_length` is 4: raise it$"
    ):
        ShardWriter(shorter)
    expected, num_left_out = expect_rows(recipe, "train", pick(recipe))
    written = write(recipe)
    assert count_rows(written.records["train"]) == expected
    assert written.plan.shards[0].num_steps_left_out == num_left_out > 0


@pytest.fixture
def _few_at_once(monkeypatch):
    monkeypatch.setattr(shard_steps, "EQUATIONS_AT_ONCE", 32)


@pytest.mark.usefixtures("_few_at_once")
def test_any_shard_alone_has_the_same_bytes_and_its_records_follow_those_before_it():
    recipe = make_recipe(SPACES["brackets"], HALVES, steps=True, storage={"shard_size": 50})
    written = write(recipe)
    plan, writer = make_plan(recipe), ShardWriter(recipe)
    plan = add_step_counts(plan, [writer.steps.count(task) for task in plan.shards])
    assert plan == written.plan
    for split in ("train", "test"):
        tasks = [task for task in plan.shards if task.split == split]
        ends = itertools.accumulate(task.records.num_records for task in tasks)
        assert [0, *ends][:-1] == [task.records.first_record for task in tasks]
        assert len(tasks) > 3
    last = ShardTask.from_dict(plan.shards[-1].to_dict())
    sink = io.BytesIO()
    ShardWriter(Recipe.from_dict(recipe.to_dict())).write(last, {"parquet": sink})
    assert sink.getvalue() == written.files[last.name]["parquet"]


@pytest.mark.usefixtures("_few_at_once")
def test_records_with_a_line_that_another_dataset_holds_out_are_found():
    recipe = make_recipe(SPACES["brackets"], HALVES, steps=True, storage={"shard_size": 50})
    other = make_recipe({"operands": {"min": 0, "max": 30}, "operators": "+-"}, HALVES)
    keys = {canonical_key(parse(question)) for question in pick(other)["test"]}
    expected = [
        record
        for record, row in enumerate(write(recipe).records["train"])
        if keys & {canonical_key(parse(row[name])) for name in ("question", "answer")}
    ]
    assert len(expected) > 20
    assert find_held_out_steps(recipe, "train", HeldOut(hold_out(other, ["test"]))).tolist() == expected


def test_steps_of_one_solution_do_not_lie_side_by_side():
    recipe = make_recipe({"operands": {"min": 0, "max": 99}, "operators": "*"}, [{"name": "train", "count": 2000}])
    recipe = Recipe.from_dict({**recipe.to_dict(), "steps": True})
    (task,) = make_plan(recipe).shards
    ((_, steps),) = ShardWriter(recipe).steps.blocks(task)
    assert len(steps) > 4000
    # Of neighbours drawn at random one in some thousand is of the same equation.
    assert np.mean(steps.equation[1:] == steps.equation[:-1]) < 0.01
    assert abs(np.corrcoef(np.arange(len(steps)), steps.number)[0, 1]) < 0.05


def test_tensorflow_reads_the_records_and_the_histograms_count_them():
    recipe = make_recipe(SPACES["quotient"], steps={"line_length": 30})
    written = write(recipe, ("tfrecord", "parquet"))
    ((name, files),) = written.files.items()
    features = {column: tf.io.FixedLenFeature([], tf.string) for column in ("question", "answer")}
    features |= {column: tf.io.FixedLenFeature([], tf.int64) for column in ("terms", "digits", "carries")}
    records = read_records(files["tfrecord"])
    parsed = tf.io.parse_example(tf.constant(records), features)
    found = {key: values.numpy().tolist() for key, values in parsed.items()}
    rows = [dict(zip(found, values, strict=True)) for values in zip(*found.values(), strict=True)]
    rows = [{key: value.decode() if isinstance(value, bytes) else value for key, value in row.items()} for row in rows]
    assert rows == written.records["train"]
    histograms = written.receipts[name].histograms
    for column in ("terms", "digits", "carries"):
        assert histograms[column] == {
            str(value): count for value, count in sorted(Counter(row[column] for row in rows).items())
        }
    lengths = Counter(len(row["answer"]) for row in rows)
    assert histograms["answer_length"] == {str(value): count for value, count in sorted(lengths.items())}


def read_records(contents: bytes) -> list[bytes]:
    """The payloads of framed records."""
    records, start = [], 0
    while start < len(contents):
        length = int.from_bytes(contents[start : start + 8], "little")
        records.append(contents[start + 12 : start + 12 + length])
        start += length + 16
    return records


def test_space_without_solutions_is_refused():
    space = {"operands": {"min": 0, "max": 1, "decimals": 1}, "operators": "/", "division": "fraction"}
    with pytest.raises(UserError, match=r"^steps with `division: fraction` need operands without `decimals`, got 1;"):
        make_plan(make_recipe(space, steps=True))


def test_split_without_a_step_is_refused():
    recipe = make_recipe({"operands": {"min": 0, "max": 9}, "terms": 1}, steps=True)
    with pytest.raises(UserError) as caught:
        write(recipe)
    assert str(caught.value) == (
        "split `train` would be empty: its equations are plain numbers, or every step has a line that is an equation "
        "of another split, or is longer than `steps.line_length`"
    )
