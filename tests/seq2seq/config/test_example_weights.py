from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from eqstream.data.dataset.manifest_file import load_manifest
from eqstream.data.errors import UserError
from eqstream.data.formats.columns import EquationColumns
from eqstream.data.formats.string_matrix import ByteRows
from eqstream.data.loading.codec_fit import fit_codec_to_dataset
from eqstream.data.loading.token_alphabet import END, PAD
from eqstream.data.recipe import Recipe
from eqstream.pipelines.build import build
from eqstream.seq2seq.config.example_weights import WeightsRecipe, count_kinds, weigh_kinds
from eqstream.seq2seq.config.sections import ModelRecipe
from eqstream.seq2seq.models.metrics import token_weights
from eqstream.seq2seq.training.batches import with_targets
from eqstream.seq2seq.training.training_source import make_source
from tests.recipes import ADDITION

QUESTIONS = ["1 + 2", "3 + 4", "12 + 3", "3 + 12", "12 + 34", "56 + 78", "90 + 12", "5 + 6"]
NUMBERS = {"terms": np.full(8, 2), "digits": np.array([1, 1, 2, 2, 2, 2, 2, 1]), "carries": np.zeros(8, int)}
RECIPE = {
    "name": "sums",
    "space": {"operands": {"min": 0, "max": 99}},
    "splits": [{"name": "train", "count": 1000}, {"name": "test", "rest": True}],
}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    directory = tmp_path_factory.mktemp("data") / "sums"
    build(Recipe.from_dict(RECIPE), directory)
    return directory


@pytest.fixture(scope="module")
def manifest(dataset):
    return load_manifest(dataset)


COLUMNS = EquationColumns(ByteRows.from_texts(QUESTIONS), ByteRows.from_texts(["0"] * 8), NUMBERS)


def weigh(**options):
    """The weights by the counts of the examples themselves, given in two blocks."""
    recipe = WeightsRecipe(**options)
    histograms = {
        name: {str(value): count for value, count in Counter(values.tolist()).items()}
        for name, values in NUMBERS.items()
    }
    blocks = [
        EquationColumns(ByteRows.from_texts(part), ByteRows.from_texts(["0"] * 4), {})
        for part in (QUESTIONS[:4], QUESTIONS[4:])
    ]
    return weigh_kinds(recipe, count_kinds(recipe, histograms, blocks))


@pytest.mark.parametrize("balance", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("by", ["digits", "terms", "carries", "lengths"])
def test_weights_are_powers_of_how_rare_a_kind_is_and_1_on_average(by, balance):
    weights = weigh(by=by, balance=balance)
    lengths = [tuple(len(operand) for operand in question.split(" + ")) for question in QUESTIONS]
    kinds = lengths if by == "lengths" else NUMBERS[by].tolist()
    expected = np.array([kinds.count(kind) ** -balance for kind in kinds])
    given = weights.values[weights.groups(COLUMNS)]
    np.testing.assert_allclose(given, expected / expected.mean(), rtol=1e-6)
    assert given.dtype == np.float32
    assert given.mean() == pytest.approx(1, abs=1e-6)


def test_full_balance_gives_all_kinds_the_same_share():
    weights = weigh(by="lengths")
    groups = weights.groups(COLUMNS)
    sums = np.bincount(groups, weights=weights.values[groups])
    assert sums == pytest.approx(np.full(4, 2.0), rel=1e-6)


@pytest.mark.parametrize(("by", "question"), [("digits", "1 + 2"), ("lengths", "123 + 4"), ("lengths", "1 + 2 * 3")])
def test_kind_that_was_not_counted_weighs_as_much_as_one_example(by, question):
    weights = weigh(by=by, balance=0.5)
    numbers = {"digits": np.array([7])}
    foreign = EquationColumns(ByteRows.from_texts([question]), ByteRows.from_texts(["3"]), numbers)
    (group,) = weights.groups(foreign).tolist()
    counts = Counter(weights.groups(COLUMNS).tolist())
    assert group not in counts
    assert weights.values[group] == pytest.approx(weights.values[0] * counts[0] ** 0.5)


@pytest.mark.parametrize("source", ["shards", "fresh"])
def test_each_batch_has_the_weights_of_its_own_examples_also_from_its_middle(dataset, manifest, source):
    training = {"batch_size": 100, "source": source, "weights": {"by": "digits", "balance": 0.5}}
    sections = ModelRecipe.from_recipe(Recipe.from_dict({**RECIPE, "training": training}))
    codec = fit_codec_to_dataset(manifest, sections.codec)
    source = make_source(sections.training, codec, data_directory=dataset, manifest=manifest)
    for first_batch in (0, 7):
        batches = source.batches(first_epoch=3, first_batch=first_batch).take(3)
        for batch in batches.as_numpy_iterator():
            assert set(batch) == {"question", "answer", "weight"}
            questions = codec.decode_questions(batch["question"].astype(np.uint8))
            is_short = np.array([len(question) == len("1 + 2") for question in questions])
            light, heavy = batch["weight"][~is_short], batch["weight"][is_short]
            assert len(np.unique(light)) == 1
            assert (heavy > light[0]).all()


def test_weight_of_an_example_multiplies_those_of_its_tokens():
    answer = np.array([[5, END, PAD], [6, 7, END]], np.int32)
    batch = {"question": answer, "answer": answer, "weight": np.array([0.5, 2.0], np.float32)}
    model = SimpleNamespace(
        codec=ADDITION.codec(), takes_any_width=False, make_weights=token_weights, make_target=lambda answer: answer
    )
    ((inputs, target, weights),) = with_targets(tf.data.Dataset.from_tensors(batch), model, mask_pads=True)
    assert set(inputs) == {"question", "answer"}
    assert np.array_equal(target, answer)
    assert weights.numpy().tolist() == [[0.5, 0.5, 0.0], [2.0, 2.0, 2.0]]


@pytest.mark.slow
def test_weights_change_what_is_learned(dataset, tmp_path):
    from eqstream.seq2seq.train import train

    def losses(**options):
        training = {"epochs": 1, "batch_size": 100, "validation_examples": 50, "samples": 0, **options}
        model = {"kind": "repeat-vector", "encoder_width": 4, "decoder_width": 4}
        recipe = Recipe.from_dict({**RECIPE, "model": model, "training": training})
        run = tmp_path / str(len(list(tmp_path.iterdir())))
        return train(recipe, dataset, run, report=lambda line: None).metrics["val_loss"]

    plain = losses(weights={"by": "lengths", "balance": 0.0})
    assert losses(weights={"by": "lengths", "balance": 1.0}) != pytest.approx(plain, rel=1e-4)


@pytest.mark.parametrize(
    ("training", "message"),
    [
        (
            {"weights": {"by": "length"}},
            r"`training\.weights\.by` is unknown: the text 'length'; did you mean `lengths`",
        ),
        ({"weights": {"balance": 1}}, r"`training\.weights\.by` is missing"),
        ({"weights": {"by": "digits", "balance": 1.5}}, r"`balance` must be from 0 to 1, got 1\.5"),
    ],
)
def test_mistakes_are_named(training, message):
    with pytest.raises(UserError, match=message):
        ModelRecipe.from_recipe(Recipe.from_dict({**RECIPE, "training": training}))
