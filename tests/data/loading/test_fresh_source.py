import numpy as np
import pytest

from eqstream.data.dataset.manifest_file import load_manifest
from eqstream.data.loading.codec_fit import fit_codec_to_dataset, fit_codec_to_recipe
from eqstream.data.loading.codec_options import CodecOptions
from eqstream.data.loading.example_encoder import ExampleEncoder
from eqstream.data.loading.fresh_source import FreshSource
from eqstream.data.streams.equation_stream import EquationStream
from eqstream.pipelines.build import build
from tests.brute_force import by_question, examine_space, make_recipe, pick

SPLITS = [{"name": "test", "count": 60}, {"name": "train", "count": 100}]
RECIPE = make_recipe({"operands": {"min": 0, "max": 14}, "operators": "+-"}, SPLITS)
CODEC = fit_codec_to_recipe(RECIPE, CodecOptions(reverse_answer=True))
COLUMNS = ("terms", "digits", "carries")


def make(*, recipe=RECIPE, **options) -> FreshSource:
    return FreshSource(EquationStream(recipe, **options), ExampleEncoder.for_recipe(recipe, CODEC))


def read(source, first, stop, *, reader=(0, 1), size=13):
    """Returns the questions at the positions from `first` to `stop` - 1 that a reader has, in order."""
    runs = [np.arange(start, min(start + size, stop)) for start in range(first, stop, size)]
    runs = [run[run % source.num_examples % reader[1] == reader[0]] for run in runs]
    tables = list(source.read(runs, reader=reader))
    assert [len(table) for table in tables] == [len(run) for run in runs]
    return [text for table in tables for text in CODEC.decode_questions(table.questions)]


def test_examples_are_equations_that_are_not_held_out_with_their_answers():
    known = by_question(examine_space(RECIPE.space))
    held_out = {known[question].class_key for question in pick(RECIPE)["test"]}
    (table,) = make(num_examples=100).read([np.arange(300)], columns=COLUMNS)
    assert set(table.numbers) == set(COLUMNS)
    questions, answers = CODEC.decode_questions(table.questions), CODEC.decode_answers(table.answers)
    for row, (question, answer) in enumerate(zip(questions, answers, strict=True)):
        assert known[question].class_key not in held_out
        numbers = {name: table.numbers[name][row] for name in COLUMNS}
        assert known[question].record == {"question": question, "answer": answer, **numbers}


@pytest.mark.parametrize("sampling", [pytest.param("uniform", marks=pytest.mark.slow), "balanced"])
def test_any_position_can_be_the_first(sampling):
    recipe = make_recipe(RECIPE.to_dict()["space"], SPLITS, sampling=sampling)
    source = make(recipe=recipe)
    assert source.num_examples == 100
    whole = read(source, 0, 230)
    for first in range(0, 230, 13):
        assert read(make(recipe=recipe) if first % 3 == 0 else source, first, 230) == whole[first:]


@pytest.mark.parametrize("num_readers", [2, 3, 7])
def test_readers_share_the_examples_of_each_epoch(num_readers):
    source = make()
    whole = read(source, 0, 250)
    for reader in range(num_readers):
        own = [text for position, text in enumerate(whole) if position % 100 % num_readers == reader]
        assert read(source, 0, 250, reader=(reader, num_readers)) == own


def test_positions_that_are_left_out_change_nothing():
    source = make()
    whole = read(source, 0, 400)
    places = np.array([3, 4, 95, 105, 390])
    tables = list(source.read([places[:2], places[2:3], places[3:]]))
    assert [text for table in tables for text in CODEC.decode_questions(table.questions)] == [
        whole[place] for place in places
    ]


def test_another_seed_gives_another_stream():
    assert read(make(), 0, 300) == read(make(), 0, 300)
    assert read(make(), 0, 300) != read(make(seed=1), 0, 300)


def test_more_numbers_are_computed_from_the_equations():
    encoder = ExampleEncoder.for_recipe(RECIPE, CODEC, extra={"length": lambda columns: columns.question.lengths})
    (table,) = FreshSource(EquationStream(RECIPE), encoder).read([np.arange(50)], columns=("length",))
    assert table.numbers["length"].tolist() == [len(text) for text in CODEC.decode_questions(table.questions)]
    assert table.numbers["length"].dtype == np.int32


def test_codec_is_that_of_the_dataset(tmp_path):
    build(RECIPE, tmp_path / "data")
    manifest = load_manifest(tmp_path / "data")
    assert fit_codec_to_dataset(manifest, CodecOptions(zero_padding=True)) == fit_codec_to_recipe(
        RECIPE, CodecOptions(zero_padding=True)
    )
