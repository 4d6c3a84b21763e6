"""Datasets of steps: built, described, verified, damaged, interrupted."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import eqstream
from eqstream.data.errors import UserError
from eqstream.data.loading.codec_fit import fit_codec_to_recipe
from eqstream.data.recipe import Recipe
from eqstream.data.reference.parsing import parse
from eqstream.data.reference.solution import line_text, next_line
from eqstream.pipelines.build import build
from eqstream.pipelines.checks.duplicates import KEYS, OF_EQUATION, Pair, Place, find_step_pairs
from eqstream.pipelines.describe import describe
from eqstream.pipelines.preview import preview
from eqstream.pipelines.verify import verify
from tests.brute_force import write
from tests.covering import slow_but
from tests.damaged_dataset import edit_manifest, flip_bit, parquet, read_rows, tfrecord, write_rows, wrong_lines
from tests.memory_filesystem import DISK

SHARD = "train-00000-of-00002"
RECIPE = {
    "name": "steps",
    "space": {"operands": {"min": 0, "max": 12}, "operators": "+*", "terms": {"min": 2, "max": 3}},
    "splits": [{"name": "train", "count": 200}, {"name": "test", "count": 60}],
    "storage": {"shard_size": 100},
    "steps": {"line_length": 16},
}
# Its rounded answers do not have the value of the line before, and its fractions are no lines.
DIVISIONS = {
    division: {
        "name": "quotients",
        "space": {"operands": {"min": -3, "max": 30}, "operators": "-/", "division": division, "places": 1},
        "splits": [{"name": "train", "count": 80}, {"name": "test", "count": 40}],
        "steps": True,
    }
    for division in ("exact", "quotient", "decimal", "fraction")
}


def make_recipe(**changes) -> Recipe:
    return Recipe.from_dict({**RECIPE, **changes})


def read_tree(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("built") / "steps"
    build(make_recipe(), directory)
    return directory


@pytest.fixture
def copy(built, tmp_path) -> Path:
    return Path(shutil.copytree(built, tmp_path / "copy"))


def test_what_is_built_is_what_was_previewed_is_described_and_is_valid(built):
    written = write(make_recipe())
    counts = {name: len(rows) for name, rows in written.records.items()}
    left_out = sum(task.num_steps_left_out for task in written.plan.shards)
    assert left_out > 0
    previewed = preview(make_recipe())
    assert {split.name: split.steps.num_steps for split in previewed.splits} == counts
    assert all(split.steps.is_exact for split in previewed.splits)
    described = describe(built)
    assert {name: split.num_steps for name, split in described.splits.items()} == counts
    assert sum(split.num_steps_left_out or 0 for split in described.splits.values()) == left_out
    assert described.num_steps == sum(counts.values())
    assert described.num_equations == 260
    assert described.format_version == 3
    report = verify(built)
    assert report.is_valid
    assert report.split_to_count == counts
    assert "no line of a solution is an equation of another split, or a commuted twin of one" in report.proven
    assert f"| `train` | {counts['train']} | " in (built / "README.md").read_text()
    again = build(make_recipe(), built)
    assert (again.state, again.num_steps, again.num_steps_left_out) == ("unchanged", sum(counts.values()), left_out)
    # A line of a solution has fewer terms than its equation.
    assert previewed.to_text().count("\n           of the equations: terms 2: ") == 2
    assert "\nof the steps: terms 2: " in again.to_text()


def test_steps_of_a_large_split_are_estimated(monkeypatch):
    exact = {split.name: split.steps.num_steps for split in preview(make_recipe()).splits}
    monkeypatch.setattr("eqstream.pipelines.estimation.steps.MOST_COUNTED", 0)
    estimated = preview(make_recipe())
    for split in estimated.splits:
        assert not split.steps.is_exact
        assert abs(split.steps.num_steps - exact[split.name]) <= 2 * split.steps.margin
        assert f"\n  {split.name:5}  about {split.steps.num_steps} steps (± " in estimated.to_text()


def test_a_dataset_is_read_as_any_other(built):
    dataset = eqstream.open_dataset(built)
    equations = list(dataset.equations("train"))
    rows = read_rows(built) + read_rows(built, "train-00001-of-00002")
    assert [equation.question for equation in equations] == [row["question"] for row in rows]
    assert dataset.splits["train"] == len(rows)
    codec = dataset.codec()
    assert codec.options.steps
    assert codec.question_width == 16
    tokens = dataset.tokens("train")
    assert codec.decode_answers(tokens.answers) == [row["answer"] for row in rows]
    questions, _ = next(iter(dataset.batches("train", batch_size=len(rows), as_text=True, shuffle=False)))
    assert [text.decode() for text in questions.numpy()] == [row["question"] for row in rows]
    whole = fit_codec_to_recipe(make_recipe(steps=False))
    with pytest.raises(UserError) as caught:
        dataset.tokens("train", whole)
    assert str(caught.value) == "the dataset's examples are steps of worked solutions: set `codec.steps: true`"


def test_a_stream_of_the_recipe_gives_steps_of_the_same_form(built):
    batches = eqstream.stream(make_recipe(), batch_size=8, as_text=True)
    known = {}
    for question, answer in zip(*(text.numpy().tolist() for text in next(iter(batches))), strict=True):
        known[question.decode()] = answer.decode()
    for question, answer in known.items():
        assert line_text(next_line(parse(question))) == answer
    (shapes,) = {tuple(each.shape for each in batch) for batch in eqstream.stream(make_recipe(), batch_size=8).take(1)}
    assert shapes == ((8, 16), (8, 17))
    with pytest.raises(
        UserError, match=r"^`as_dict` needs a recipe without `steps`: fresh steps come without numbers$"
    ):
        eqstream.stream(make_recipe(), batch_size=8, as_dict=True)


def test_each_chain_can_be_put_together_again(built):
    rows = [row for shard in (SHARD, "train-00001-of-00002") for row in read_rows(built, shard)]
    following = {row["question"]: row["answer"] for row in rows}
    assert {(row["question"], row["answer"]) for row in rows} == set(following.items())
    ends = []
    for line in following:
        while line in following:
            line = following[line]
        ends.append(line)
    # Others break off where a line is left out.
    assert np.mean([end.isdigit() for end in ends]) > 0.8


@pytest.mark.parametrize("name", slow_but([*DIVISIONS], "fraction"))
def test_datasets_of_every_division_are_valid(name, tmp_path):
    build(Recipe.from_dict(DIVISIONS[name]), tmp_path / "out")
    report = verify(tmp_path / "out")
    assert report.findings == ()


@pytest.mark.parametrize("offset", [40, -40])
@pytest.mark.parametrize("file", [tfrecord, parquet])
def test_a_flipped_bit_is_found(copy, file, offset):
    flip_bit(file(copy, SHARD), offset)
    assert any(SHARD in line for line in wrong_lines(copy))


def change_row(copy: Path, change) -> dict:
    rows = read_rows(copy, SHARD)
    number = next(number for number, row in enumerate(rows) if change(row))
    write_rows(copy, rows, SHARD)
    return {"number": number, **rows[number]}


def test_a_wrong_step_of_the_right_value_is_found(copy):
    def commute(row) -> bool:
        sides = row["answer"].split(" + ")
        if len(sides) != 2 or sides[0] == sides[1] or "*" in row["answer"]:
            return False
        row["answer"] = f"{sides[1]} + {sides[0]}"
        return True

    row = change_row(copy, commute)
    reason = f"`{row['answer']}` does not follow `{row['question']}`: its value is right, but this is not the next step"
    assert any(f"record {row['number']}" in line and reason in line for line in wrong_lines(copy))


def test_a_wrong_value_is_found(copy):
    def add_one(row) -> bool:
        if not row["answer"].isdigit():
            return False
        row["answer"] = str(int(row["answer"]) + 1)
        return True

    row = change_row(copy, add_one)
    assert any(f"`{row['answer']}` does not follow `{row['question']}`" in line for line in wrong_lines(copy))


def test_a_wrong_number_is_found(copy):
    def add_a_term(row) -> bool:
        row["terms"] += 1
        return True

    row = change_row(copy, add_a_term)
    lines = wrong_lines(copy)
    assert any(
        f"which `{row['question']}` is a line of, is {row['terms'] - 1}, got {row['terms']}" in line for line in lines
    )


def test_steps_in_another_order_are_found(copy):
    rows = read_rows(copy, SHARD)
    write_rows(copy, rows[::-1], SHARD)
    assert any("the recipe plans" in line for line in wrong_lines(copy))


@pytest.mark.parametrize(
    ("edit", "line"),
    [
        (
            lambda manifest: manifest["splits"]["test"].update(num_steps_left_out=0),
            "`num_steps_left_out` is 0, the recipe",
        ),
        (lambda manifest: manifest["splits"]["test"].update(num_steps=7), "steps, the manifest says 7"),
    ],
)
def test_wrong_counts_are_found(copy, edit, line):
    edit_manifest(copy, edit)
    assert any(line in each for each in wrong_lines(copy))


def test_lines_that_another_split_holds_are_found():
    def keys(*pairs):
        return np.array([(twins, question, record) for twins, question, record in pairs], KEYS)

    parts = [
        keys((5, 1, OF_EQUATION), (6, 2, OF_EQUATION + 1), (7, 9, 0), (8, 9, 1)),
        keys((7, 3, OF_EQUATION), (5, 4, 0), (7, 9, 1), (9, 9, 2)),
    ]
    pairs = list(find_step_pairs(parts, np.array([0, 1]), "together"))
    assert pairs == [Pair(Place(1, 0), Place(0, 0), False), Pair(Place(0, 0), Place(1, 0), False)]
    assert list(find_step_pairs(parts, np.array([0, 0]), "together")) == []


def test_driver_and_beam_count_the_same(built, tmp_path, monkeypatch):
    monkeypatch.setattr("eqstream.pipelines.building.count_steps.EQUATIONS_FOR_DRIVER", 0)
    build(make_recipe(), tmp_path / "out")
    assert read_tree(tmp_path / "out") == read_tree(built)


@pytest.mark.parametrize(("first", "stride"), [(43, 43), pytest.param(0, 1, marks=pytest.mark.slow)])
def test_power_may_fail_after_any_change_to_a_file(built, monkeypatch, first, stride):
    monkeypatch.setattr("eqstream.pipelines.building.count_steps.EQUATIONS_FOR_DRIVER", 0)
    num_operations, has_ended = first, False
    while not has_ended:
        DISK.__init__()
        DISK.operations_left = num_operations
        try:
            build(make_recipe(), "memtest://disk/out")
            has_ended = True
        except (UserError, OSError):
            pass
        DISK.operations_left = None
        build(make_recipe(), "memtest://disk/out")
        prefix = "memtest://disk/out/"
        left = {path.removeprefix(prefix): data for path, data in DISK.files.items() if path.startswith(prefix)}
        assert left == read_tree(built), f"after {num_operations} operations"
        num_operations += stride
    DISK.__init__()
    assert num_operations > 40


def test_another_recipe_is_refused_and_a_dataset_of_equations_has_no_word_of_steps(built, tmp_path):
    with pytest.raises(UserError, match=r"holds another recipe: format version: 3 -> 2, steps\.line_length: 16 -> "):
        build(make_recipe(steps=False), built)
    build(make_recipe(steps=False), tmp_path / "out")
    contents = (tmp_path / "out" / "manifest.json").read_text()
    assert json.loads(contents)["format_version"] == 2
    assert "steps" not in contents.replace('"name": "steps"', "")
    assert "line_length" not in contents
