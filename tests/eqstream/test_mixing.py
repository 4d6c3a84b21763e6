import itertools
import re
from fractions import Fraction

import numpy as np
import pytest

import eqstream
from eqstream import UserError
from eqstream.data.recipe import Recipe
from eqstream.pipelines.build import build

SPLITS = [{"name": "train", "count": 60}, {"name": "test", "rest": True}]
SUMS = Recipe.from_dict({"name": "sums", "space": {"operands": {"min": 0, "max": 9}}, "splits": SPLITS})
MIXED = Recipe.from_dict(
    {"name": "mixed", "space": {"operands": {"min": 0, "max": 20}, "operators": "+-"}, "splits": SPLITS}
)


@pytest.fixture(scope="module")
def sums(tmp_path_factory):
    directory = tmp_path_factory.mktemp("data") / "sums"
    build(SUMS, directory)
    return eqstream.open_dataset(directory)


def questions_of(batches, count):
    from eqstream.data.loading.codec_fit import fit_codec_to_recipe

    codec = fit_codec_to_recipe(MIXED)
    return [codec.decode_questions(question) for question, _ in batches.take(count).as_numpy_iterator()]


def test_batches_have_the_shares_of_their_weights_and_can_begin_anywhere(sums):
    def mix(**options):
        return eqstream.mix([(sums, "train", 3), (MIXED, "train", [(0, 0), (10, 1)])], batch_size=16, **options)

    whole = questions_of(mix(), 20)
    # The dataset is alone at first; then 3 of 4 examples are its.
    known = {str(equation).split(" = ")[0] for equation in sums.equations("train")}
    assert set(whole[0]) <= known
    foreign = [sum(question not in known for question in batch) for batch in whole[12:]]
    assert all(0 < count <= 4 for count in foreign)
    held_out = {str(equation).split(" = ")[0] for equation in sums.equations("test")}
    twins = {" + ".join(reversed(question.split(" + "))) for question in held_out}
    assert not (held_out | twins) & set(itertools.chain(*whole))
    assert questions_of(mix(memory_budget=0, first_batch=9), 11) == whole[9:]


@pytest.mark.slow
def test_readers_share_each_batch(sums):
    def mix(**options):
        return eqstream.mix([(sums, "train", 3), (MIXED, "train", [(0, 0), (10, 1)])], batch_size=16, **options)

    whole = questions_of(mix(), 6)
    parts = [questions_of(mix(reader=(reader, 2)), 6) for reader in range(2)]
    assert [[*itertools.chain(*zip(*pair, strict=True))] for pair in zip(*parts, strict=True)] == whole


def test_a_stream_is_narrowed_by_a_condition(sums):
    (batch,) = questions_of(eqstream.mix([(MIXED, "train", 1, {"operators": "-", "digits": 1})], batch_size=64), 1)
    assert {(question[1:-1], len(question)) for question in batch} == {(" - ", 5)}
    message = "`sources[1]` has no example that meets its `where` and that no other split or dataset holds out"
    with pytest.raises(UserError, match=f"^{re.escape(message)}$"):
        eqstream.mix([(sums, "train", 1), (MIXED, "train", 1, {"digits": 3})], batch_size=8)


def test_batches_may_have_the_numbers_too(sums):
    (batch,) = eqstream.mix([(sums, "train", 1)], batch_size=16, as_dict=True).take(1)
    assert {name: tuple(values.shape) for name, values in batch.items()} == {
        "question": (16, 3),
        "answer": (16, 3),
        "terms": (16,),
        "digits": (16,),
        "carries": (16,),
    }
    assert np.unique(batch["terms"]).tolist() == [2]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ((SUMS, "trian", 1), "`sources[1]`: the recipe has no split `trian`; did you mean `train`?"),
        (("no-such", "train", 1), "`sources[1]`: there is no recipe file or shipped recipe `no-such`"),
        ((SUMS, "train", -1), "`sources[1]`: `weight` must not be below 0, got -1"),
        ((SUMS, "train", [(5, 1), (5, 2)]), "`sources[1]`: the steps of `weight` must rise, got 5 after 5"),
        ((SUMS, "train", 1, {"term": 2}), "`sources[1]`: unknown key `where.term`; did you mean `terms`?"),
        (
            (SUMS, "train", 1, {"quotient_digits": [1]}),
            "`sources[1]`: `where.quotient_digits` needs whole operands, the operator `/`, and `space.division` as ",
        ),
        (
            (SUMS, "train"),
            "`sources[1]` must be (source, split, weight) or (source, split, weight, where), got 2 values",
        ),
    ],
)
def test_wrong_sources_are_refused_by_their_place(sums, source, message):
    with pytest.raises(UserError, match=f"^{re.escape(message)}"):
        eqstream.mix([(sums, "train", 1), source], batch_size=8)


def test_steps_are_refused_wherever_they_come_from(tmp_path):
    steps = Recipe.from_dict({**MIXED.to_dict(), "steps": True})
    dataset = eqstream.open_dataset(build(steps, tmp_path / "steps").directory)
    for source in (steps, dataset):
        with pytest.raises(UserError) as caught:
            eqstream.mix([(SUMS, "train", 1), (source, "train", 1)], batch_size=8)
        assert str(caught.value) == (
            "`sources[1]`: its examples are steps of worked solutions, which `mix` cannot tell from what others hold "
            "out; take `stream` or `batches` of it alone, or train with `codec.steps` and `training.mixture`"
        )


def test_weights_are_any_finite_numbers(sums):
    for weight in (np.float32(0.5), np.int64(2), Fraction(1, 2)):
        ((question, _),) = eqstream.mix([(sums, "train", weight)], batch_size=8).take(1)
        assert len(question) == 8
    with pytest.raises(UserError, match=r"^`sources\[0\]`: `weight` must be finite, got nan$"):
        eqstream.mix([(sums, "train", float("nan"))], batch_size=8)


def test_directory_of_a_dataset_is_no_source(tmp_path):
    message = f"`sources[0]`: {tmp_path} is a directory: give `open_dataset` of it for a dataset, or a recipe's file"
    with pytest.raises(UserError, match=f"^{re.escape(message)}$"):
        eqstream.mix([(tmp_path, "train", 1)], batch_size=8)


def test_shipped_recipe_is_a_source_beside_a_directory_of_its_name(tmp_path, monkeypatch):
    (tmp_path / "addition-10").mkdir()
    monkeypatch.chdir(tmp_path)
    ((question, _),) = eqstream.mix([("addition-10", "train", 1)], batch_size=8).take(1)
    assert len(question) == 8


def test_files_of_a_dataset_are_not_narrowed(sums):
    message = (
        "`sources[0]`: `where` needs a stream: give the dataset's `recipe`; the files of a split are read as they are"
    )
    with pytest.raises(UserError, match=f"^{re.escape(message)}$"):
        eqstream.mix([(sums, "train", 1, {"digits": 1})], batch_size=8)


def test_split_of_a_dataset_must_be_there(sums):
    with pytest.raises(UserError, match=r"^`sources\[0\]`: the dataset has no split `trian`; did you mean `train`\?$"):
        eqstream.mix([(sums, "trian", 1)], batch_size=8)


def test_no_source_and_none_with_a_weight_are_refused(sums):
    with pytest.raises(UserError, match=r"^a mixture must have at least one source$"):
        eqstream.mix([], batch_size=8)
    with pytest.raises(UserError, match=r"^at step 0 all weights are 0: at each step some source must have a weight"):
        eqstream.mix([(sums, "train", 0)], batch_size=8)
