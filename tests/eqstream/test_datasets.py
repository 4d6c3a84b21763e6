import os
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import eqstream
from eqstream import Dataset, Equation, UserError
from tests.brute_force import make_recipe, pick
from tests.damaged_dataset import parquet

ROOT = Path(__file__).parents[2]
SPLITS = [{"name": "zeta", "count": 10}, {"name": "train", "count": 103}, {"name": "alpha", "count": 24}]
RECIPE = make_recipe(
    {"operands": {"min": 0, "max": 11}, "operators": "+-"}, SPLITS, storage={"shard_size": 40, "formats": ["parquet"]}
)


@pytest.fixture(scope="module")
def directory(tmp_path_factory) -> Path:
    return Path(eqstream.build(RECIPE, tmp_path_factory.mktemp("datasets") / "small").directory)


@pytest.fixture
def dataset(directory) -> Dataset:
    return eqstream.open_dataset(directory)


def questions_of(dataset: Dataset, batches) -> list[str]:
    return [text for question, _ in batches for text in dataset.codec().decode_questions(question.numpy())]


def test_splits_come_in_the_order_of_the_recipe_with_their_sizes(dataset):
    assert list(dataset.splits.items()) == [("zeta", 10), ("train", 103), ("alpha", 24)]
    assert repr(dataset) == "<Dataset small 1.0.0: zeta 10, train 103, alpha 24>"
    assert dataset.recipe == RECIPE
    assert dataset.space.size == 288


def test_equations_are_those_of_the_split_in_the_order_of_its_tokens(dataset):
    equations = list(dataset.equations("train"))
    assert {equation.question for equation in equations} == set(pick(RECIPE)["train"])
    assert all(equation in dataset.space for equation in equations)
    codec, table = dataset.codec(), dataset.tokens("train")
    texts = codec.decode_questions(table.questions), codec.decode_answers(table.answers)
    numbers = (table.numbers[name].tolist() for name in ("terms", "digits", "carries"))
    assert equations == list(map(Equation, *texts, *numbers))


@pytest.mark.parametrize("memory_budget", [0, 1 << 20])
def test_reader_of_which_the_last_batch_has_nothing_gets_an_empty_one(dataset, memory_budget):
    # 103 examples are two batches of 51 and one more example.
    parts = [
        list(dataset.batches("train", batch_size=51, reader=(reader, 3), memory_budget=memory_budget))
        for reader in range(3)
    ]
    assert [[len(question) for question, _ in part] for part in parts] == [[17, 17, 1], [17, 17, 0], [17, 17, 0]]
    whole = questions_of(dataset, dataset.batches("train", batch_size=103))
    assert sorted(text for part in parts for text in questions_of(dataset, part)) == sorted(whole)


def test_small_numbers_of_numpy_mean_what_those_of_python_mean(dataset):
    options = {"batch_size": 100, "seed": 3, "epoch": 120, "first_batch": 1}
    (expected,) = dataset.batches("train", **options)
    small = {name: np.uint8(value) for name, value in options.items()}
    (found,) = dataset.batches("train", **small, reader=(np.int8(0), np.int8(1)))
    assert questions_of(dataset, [found]) == questions_of(dataset, [expected])


def test_tensorflow_is_loaded_for_batches_alone(directory):
    program = (
        f"import sys, eqstream; dataset = eqstream.open_dataset({str(directory)!r})\n"
        "next(dataset.equations('train')); dataset.tokens('train'); dataset.space[3]; repr(dataset)\n"
        "print('tensorflow' in sys.modules, 'apache_beam' in sys.modules)"
    )
    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ended.stdout == "False False\n"


@pytest.mark.slow
def test_batches_come_quietly_whatever_backend_keras_has(directory):
    program = (
        f"import eqstream; batches = eqstream.open_dataset({str(directory)!r}).batches('zeta', batch_size=4)\n"
        "print(sum(len(question) for question, _ in batches))"
    )
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    environment["KERAS_BACKEND"] = "numpy"
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert (ended.stdout, ended.stderr) == ("10\n", "")


def test_each_iteration_is_an_epoch_in_another_order(dataset):
    batches = dataset.batches("train", batch_size=25, seed=3)
    assert len(batches) == 5
    epochs = [questions_of(dataset, batches) for _ in range(3)]
    everything = sorted(equation.question for equation in dataset.equations("train"))
    assert all(sorted(epoch) == everything for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 3
    for number, epoch in enumerate(epochs):
        same = dataset.batches("train", batch_size=25, seed=3, epoch=number)
        assert questions_of(dataset, same) == questions_of(dataset, same) == epoch
    assert questions_of(dataset, dataset.batches("train", batch_size=25, seed=4, epoch=1)) != epochs[1]


def test_order_of_the_records_is_kept_where_it_is_wanted(dataset):
    batches = dataset.batches("alpha", batch_size=7, shuffle=False)
    assert questions_of(dataset, batches) == [equation.question for equation in dataset.equations("alpha")]


def test_shapes_types_and_number_of_batches_are_stated(dataset):
    codec = dataset.codec()
    question, answer = dataset.batches("train", batch_size=25).element_spec
    assert question == tf.TensorSpec([None, codec.question_width], tf.int32)
    assert answer == tf.TensorSpec([None, codec.answer_width], tf.int32)
    dropped = dataset.batches("train", batch_size=25, drop_remainder=True)
    assert len(dropped) == 4
    assert dropped.element_spec[0].shape[0] == 25
    texts = dataset.batches("zeta", batch_size=5, as_text=True, as_dict=True)
    assert texts.element_spec == {
        "question": tf.TensorSpec([5], tf.string),
        "answer": tf.TensorSpec([5], tf.string),
        **{name: tf.TensorSpec([5], tf.int32) for name in ("terms", "digits", "carries")},
    }


@pytest.mark.parametrize("as_text", [False, True])
def test_dicts_hold_the_columns_of_the_same_equations(dataset, as_text):
    codec, equations = dataset.codec(), []
    for batch in dataset.batches("zeta", batch_size=4, shuffle=False, as_text=as_text, as_dict=True):
        columns = {name: values.numpy() for name, values in batch.items()}
        texts = [columns.pop("question"), columns.pop("answer")]
        if as_text:
            texts = [[text.decode() for text in each] for each in texts]
        else:
            texts = [codec.decode_questions(texts[0]), codec.decode_answers(texts[1])]
        equations += list(map(Equation, *texts, *(columns[name].tolist() for name in ("terms", "digits", "carries"))))
    assert equations == list(dataset.equations("zeta"))


def test_codec_of_ones_choice_reaches_the_batches(dataset):
    codec = dataset.codec(reverse_answer=True, zero_padding=True, padding="left")
    (batch,) = dataset.batches("alpha", batch_size=24, shuffle=False, codec=codec)
    assert codec.decode_answers(batch[1].numpy()) == [equation.answer for equation in dataset.equations("alpha")]
    assert not np.array_equal(batch[0].numpy(), dataset.tokens("alpha").questions)


def test_a_split_is_read_once(directory, dataset, monkeypatch):
    assert dataset.tokens("train") is dataset.tokens("train")
    dataset.batches("train", batch_size=4, as_text=True)
    monkeypatch.setattr(dataset, "directory", directory / "elsewhere")
    assert len(dataset.batches("train", batch_size=4)) == len(dataset.batches("train", batch_size=4, as_text=True))


def test_keras_fits_a_model_of_ones_own_epoch_by_epoch(dataset):
    codec = dataset.codec()
    model = keras.Sequential(
        [keras.layers.Embedding(codec.num_tokens, 4), keras.layers.Flatten(), keras.layers.Dense(codec.answer_width)]
    )
    model.compile("sgd", "mse")
    batches = dataset.batches("train", batch_size=25)
    history = model.fit(batches, epochs=2, validation_data=batches, shuffle=False, verbose=0)
    assert len(history.history["val_loss"]) == 2
    assert model.optimizer.iterations.numpy() == 10


@pytest.mark.parametrize(
    ("split", "options", "message"),
    [
        ("tran", {"batch_size": 1}, "the dataset has no split `tran`; did you mean `train`?"),
        ("train", {"batch_size": 0}, "`batch_size` must be at least 1, got 0"),
        (
            "zeta",
            {"batch_size": 11, "drop_remainder": True},
            "an epoch of 10 examples has no full batch of 11: lower `batch_size`",
        ),
    ],
)
def test_batches_that_cannot_be_had_are_refused_in_one_line(dataset, split, options, message):
    with pytest.raises(UserError) as caught:
        dataset.batches(split, **options)
    assert str(caught.value) == message


def test_directory_without_a_dataset_or_with_a_damaged_one_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"is not a dataset: it has no manifest.json"):
        eqstream.open_dataset(tmp_path)
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(eqstream.DamagedManifestError, match="is not a manifest of eqstream"):
        eqstream.open_dataset(tmp_path)


def test_the_line_of_a_damaged_shard_is_in_the_error_that_tensorflow_lets_through(directory, tmp_path):
    damaged = Path(shutil.copytree(directory, tmp_path / "damaged"))
    file = parquet(damaged, "alpha-00000-of-00001")
    file.unlink()
    dataset = eqstream.open_dataset(damaged)
    line = f"shard alpha-00000-of-00001, record 0: there is no file {file}"
    model = keras.Sequential([keras.layers.Embedding(20, 2), keras.layers.Flatten(), keras.layers.Dense(1)])
    model.compile("adam", "mse")
    for use in (list, lambda batches: model.fit(batches, shuffle=False, verbose=0)):
        with pytest.raises(tf.errors.InvalidArgumentError) as theirs:
            use(dataset.batches("alpha", batch_size=24))
        assert theirs.value.message.partition("DamagedShardError: ")[2].partition("\n")[0] == line
