"""What the functions of the package say of an argument that cannot be meant, before anything is read or written."""

from pathlib import Path

import numpy as np
import pytest

import eqstream
from eqstream import Dataset, UserError
from tests.brute_force import make_recipe

SPLITS = [{"name": "train", "count": 60}, {"name": "test", "rest": True}]
RECIPE = make_recipe({"operands": {"min": 0, "max": 9}}, SPLITS, storage={"formats": ["parquet"]})


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Dataset:
    return eqstream.open_dataset(eqstream.build(RECIPE, tmp_path_factory.mktemp("data") / "sums").directory)


@pytest.mark.parametrize(
    ("value", "got"), [(None, "nothing"), ("", "the text ''"), (5, "5"), (b"sums", "b'sums'"), (["sums"], "a list")]
)
@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("directory", lambda value: eqstream.build(RECIPE, value)),
        ("directory", eqstream.verify),
        ("directory", eqstream.describe),
        ("directory", eqstream.open_dataset),
        ("run_directory", eqstream.load_model),
        ("run_directory", eqstream.evaluate),
        ("run_directory", lambda value: eqstream.train(None, "sums", value)),
    ],
)
def test_what_is_no_path_is_refused(tmp_path, monkeypatch, name, call, value, got):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as caught:
        call(value)
    assert str(caught.value) == f"`{name}` must be a path, got {got}"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: eqstream.build(RECIPE, "a\0b"), "`directory` must not hold a null character, got the text 'a\\x00b'"),
        (lambda: eqstream.build(5, "sums"), "`recipe` must be a recipe, its path or its name, got 5"),
        (lambda: eqstream.EquationSpace(""), "`recipe` must be a recipe, its path or its name, got the text ''"),
        (lambda: eqstream.load_recipe({}), "`source` must be the path or the name of a recipe, got a mapping"),
        (lambda: eqstream.load_recipe("addition-10", "seed=1"), "`overrides` must be a list, got the text 'seed=1'"),
        (
            lambda: eqstream.build(RECIPE, "sums", pipeline_options="--runner=X"),
            "`pipeline_options` must be a list, got the text '--runner=X'",
        ),
        (
            lambda: eqstream.build(RECIPE, "sums", workers="2"),
            "`workers` must be a whole number, got the text '2'",
        ),
        (lambda: eqstream.verify("sums", workers=1.5), "`workers` must be a whole number, got 1.5"),
        (lambda: eqstream.describe("sums", splits="test"), "`splits` must be a list, got the text 'test'"),
        (lambda: eqstream.describe("sums", num_samples=-1), "`num_samples` must be at least 0, got -1"),
        (lambda: eqstream.evaluate("run", 5), "`dataset` must be a dataset or its path, got 5"),
        (lambda: eqstream.evaluate("run", limit="3"), "`limit` must be a whole number, got the text '3'"),
        (lambda: eqstream.evaluate("run", orders=0), "`orders` must be at least 1, got 0"),
        (lambda: eqstream.evaluate("run", orders=1001), "`orders` must be at most 1,000, got 1001"),
        (
            lambda: eqstream.evaluate("run", orders=10**5000),
            "`orders` must be at most 1,000, got a number of more than 300 digits",
        ),
        (lambda: eqstream.train(None, 5, "run"), "`dataset` must be a dataset or its path, got 5"),
        (lambda: eqstream.equations(RECIPE, seed=None), "`seed` must be a whole number, got nothing"),
        (lambda: eqstream.EquationSpace(RECIPE).index_of(3), "`question` must be a text, got 3"),
        (lambda: eqstream.mix("sums", batch_size=2), "`sources` must be a list, got the text 'sums'"),
        (
            lambda: eqstream.mix([(RECIPE, "train")], batch_size=2),
            "`sources[0]` must be (source, split, weight) or (source, split, weight, where), got 2 values",
        ),
        (
            lambda: eqstream.mix(["sums"], batch_size=2),
            "`sources[0]` must be (source, split, weight) or (source, split, weight, where), got the text 'sums'",
        ),
        (
            lambda: eqstream.mix([(RECIPE, "train", 1)], batch_size=2, memory_budget=-1),
            "`memory_budget` must be at least 0, got -1",
        ),
    ],
)
def test_argument_that_cannot_be_meant_is_refused(tmp_path, monkeypatch, call, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as caught:
        call()
    assert str(caught.value) == message
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": 1.5}, "`seed` must be a whole number, got 1.5"),
        ({"seed": True}, "`seed` must be a whole number, got true"),
        ({"batch_size": "3"}, "`batch_size` must be a whole number, got the text '3'"),
        ({"batch_size": 2.5}, "`batch_size` must be a whole number, got 2.5"),
        ({"first_batch": None}, "`first_batch` must be a whole number, got nothing"),
        ({"codec": "x"}, "`codec` must be a codec, such as that of `Dataset.codec()`, got the text 'x'"),
        ({"reader": 1}, "`reader` must be (i, n) with i from 0 to n - 1, got 1"),
        ({"reader": ("0", 2)}, "`reader` must be a whole number, got the text '0'"),
    ],
)
def test_batches_are_refused_alike_wherever_they_come_from(dataset, options, message):
    sources = {
        "batches": lambda **options: dataset.batches("train", **options),
        "stream": lambda **options: eqstream.stream(RECIPE, **options),
        "mix": lambda **options: eqstream.mix([(dataset, "train", 1)], **options),
    }
    for call in sources.values():
        with pytest.raises(UserError) as caught:
            call(**{"batch_size": 2, **options})
        assert str(caught.value) == message


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda dataset: dataset.codec(padding="x"), "`padding` is unknown: the text 'x'; there are `left`, `right`"),
        (lambda dataset: dataset.codec(spaces="x"), "`spaces` is unknown: the text 'x'; there are `keep`, `drop`"),
        (lambda dataset: dataset.codec(zero_padding=1), "`zero_padding` must be true or false, got 1"),
        (lambda dataset: dataset.batches("train", batch_size=2, epoch=-1), "`epoch` must be at least 0, got -1"),
        (
            lambda dataset: dataset.batches("train", batch_size=2, epoch=2**60),
            f"`epoch` must be below {2**62 // 60:,}, got {2**60:,}",
        ),
        (
            lambda dataset: dataset.batches("train", batch_size=2, first_batch=10**18 * 3),
            f"`first_batch` must be below {2**62 // 60 * 30:,}, got {10**18 * 3:,}",
        ),
        (
            lambda dataset: dataset.batches("train", batch_size=2, memory_budget=-1),
            "`memory_budget` must be at least 0, got -1",
        ),
        (
            lambda dataset: dataset.batches("train", batch_size=2, codec=dataset.codec(), as_text=True),
            "`codec` is for tokens, and `as_text=True` asks for texts: leave one of them out",
        ),
        (
            lambda dataset: eqstream.stream(RECIPE, batch_size=2, codec=dataset.codec(), as_text=True),
            "`codec` is for tokens, and `as_text=True` asks for texts: leave one of them out",
        ),
    ],
)
def test_choice_that_a_dataset_does_not_have_is_refused(dataset, call, message):
    with pytest.raises(UserError) as caught:
        call(dataset)
    assert str(caught.value) == message


def test_paths_may_be_objects_that_stand_for_one(dataset):
    class Elsewhere:
        def __fspath__(self) -> str:
            return str(dataset.directory)

    assert eqstream.open_dataset(Elsewhere()).directory == Path(dataset.directory)


def test_changes_of_a_recipe_may_be_numbers_of_any_kind():
    changes = {
        "seed": np.int64(3),
        "splits.0.count": np.int32(9),
        "training.optimizer.learning_rate": 1e-5,
        "training.mixture": [{"weight": ((0, np.float64(0.5)),)}],
        "description": "1e-5: it's\na text",
    }
    recipe = eqstream.load_recipe("addition-10", changes)
    assert (recipe.seed, recipe.splits[0].count, recipe.description) == (3, 9, "1e-5: it's\na text")
    assert (recipe.training["optimizer"], recipe.training["mixture"]) == (
        {"learning_rate": 1e-5},
        [{"weight": [[0, 0.5]]}],
    )
    with pytest.raises(UserError, match=r"^a recipe holds texts, numbers, true, false, lists and mappings, got 1j$"):
        eqstream.load_recipe("addition-10", {"seed": 1j})


def test_what_is_kept_fits_the_memory_budget_over_all_splits_and_codecs(dataset):
    num_bytes = dataset.splits["train"] * (dataset.codec().question_width + dataset.codec().answer_width + 12)
    opened = eqstream.open_dataset(dataset.directory)
    for split, codec in (
        ("train", None),
        ("test", None),
        ("train", opened.codec(reverse_answer=True)),
        ("train", None),
    ):
        opened.batches(split, batch_size=2, codec=codec, memory_budget=num_bytes)
    assert [split for split, _ in opened._kept] == ["train"]
