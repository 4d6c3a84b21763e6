"""Evaluation and prediction: what a trained model is said to be able to do."""

import csv
import io
import json
import shutil

import numpy as np
import pytest

from data.errors import UserError
from data.loader import load_manifest, load_tokens
from data.recipe import Recipe, SpaceRecipe
from pipelines.build import build
from seq2seq.evaluation import evaluate
from seq2seq.membership import read_question
from seq2seq.prediction import Predictor
from seq2seq.trained_model import load_trained_model
from seq2seq.trainer import train

RECIPE = {
    "name": "sums",
    "space": {"operands": {"min": 0, "max": 12}, "operators": "+-"},
    "splits": [{"name": "train", "count": 200}, {"name": "test", "count": 50}, {"name": "unseen", "rest": True}],
    "model": {"kind": "repeat-vector", "encoder_width": 16, "decoder_width": 16},
    "training": {"epochs": 12, "batch_size": 8, "validation_examples": 20, "optimizer": {"learning_rate": 0.02}},
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = tmp_path_factory.mktemp("verdict")
    recipe = Recipe.from_dict(RECIPE)
    build(recipe, place / "data")
    train(recipe, place / "data", place / "run", report=lambda line: None)
    return place


def test_the_verdict_is_on_a_split_that_the_best_epoch_was_not_chosen_on(place):
    assert evaluate(place / "run", limit=3).split == "unseen"


def test_the_verdict_counts_what_one_question_at_a_time_gives(place):
    trained = load_trained_model(place / "run")
    table = load_tokens(place / "data", "test", trained.codec)
    questions = trained.codec.decode_questions(table.questions)
    predictions = [Predictor(trained).predict([question])[0] for question in questions]
    verdict = evaluate(place / "run", split="test")
    right = [prediction.is_correct for prediction in predictions]
    assert 0 < verdict.num_right < verdict.num_examples == 50
    assert verdict.num_right == sum(right)
    assert verdict.split == "test"
    numbers = [(float(each.answer), int(each.expected)) for each in predictions if each.answer.lstrip("-").isdigit()]
    assert verdict.num_unreadable == 50 - len(numbers)
    assert verdict.rmse == pytest.approx(np.sqrt(np.mean([(a - b) ** 2 for a, b in numbers])))
    for group in verdict.tables["carries"]:
        chosen = [
            bool(each)
            for each, carries in zip(right, table.numbers["carries"], strict=True)
            if str(carries) == group.value
        ]
        assert (group.num_examples, group.num_right) == (len(chosen), sum(chosen))
    by_operator = {group.value: group.num_examples for group in verdict.tables["operators"]}
    assert by_operator == {
        "+": sum(" + " in question for question in questions),
        "-": sum(" - " in question for question in questions),
    }


def test_every_table_adds_up_to_the_whole(place):
    verdict = evaluate(place / "run", unseen=True)
    assert verdict.num_examples == 2 * 13 * 13 - 200
    assert verdict.split == "test + unseen"
    for groups in verdict.tables.values():
        assert sum(group.num_examples for group in groups) == verdict.num_examples
        assert sum(group.num_right for group in groups) == verdict.num_right


def test_text_json_and_csv_tell_the_same(place):
    verdict = evaluate(place / "run", split="unseen")
    mapping = json.loads(verdict.to_json())
    rows = list(csv.DictReader(io.StringIO(verdict.to_csv())))
    assert mapping["num_right"] == int(rows[0]["num_right"]) == verdict.num_right
    assert mapping["exact_match"] == float(rows[0]["exact_match"]) == verdict.exact_match
    assert f"{verdict.num_right:,} of {verdict.num_examples:,} right" in verdict.to_text()
    assert "greedy" in mapping["decoded_by"]
    assert len(rows) == 1 + sum(len(groups) for groups in mapping["tables"].values())


def test_a_limit_takes_the_first_examples(place):
    assert evaluate(place / "run", limit=7).num_examples == 7


def test_what_cannot_be_judged_is_refused(place, tmp_path):
    with pytest.raises(UserError, match="no split `tests`; did you mean `test`"):
        evaluate(place / "run", split="tests")
    with pytest.raises(UserError, match="choose one of a split and `unseen`"):
        evaluate(place / "run", split="test", unseen=True)
    with pytest.raises(UserError, match="is not a run"):
        evaluate(tmp_path)
    recipe = Recipe.from_dict({**RECIPE, "space": {"operands": {"min": 0, "max": 120}}})
    build(recipe, tmp_path / "wide")
    with pytest.raises(UserError, match="takes questions of up to 7 characters, the dataset has 9"):
        evaluate(place / "run", data_directory=tmp_path / "wide")
    build(Recipe.from_dict({**RECIPE, "seed": 9}), tmp_path / "other")
    with pytest.raises(UserError, match="can be told only of the dataset that the model was trained on"):
        evaluate(place / "run", data_directory=tmp_path / "other", unseen=True)


def test_a_damaged_run_is_refused(place, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(place / "run", run)
    (run / "model.keras").write_bytes((run / "model.keras").read_bytes()[:1000])
    with pytest.raises(UserError, match=r"model\.keras is damaged"):
        load_trained_model(run)
    (run / "model.keras").unlink()
    with pytest.raises(UserError, match="has no model yet"):
        load_trained_model(run)
    description = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**description, "run_version": 99}))
    with pytest.raises(UserError, match=r"run version 99.*update eqstream"):
        load_trained_model(run)
    (run / "run.json").write_text("{")
    with pytest.raises(UserError, match=r"run\.json is damaged"):
        load_trained_model(run)


def test_questions_may_be_written_in_either_spacing(place):
    one, other = Predictor.load(place / "run").predict(["3+4", " 3 +  4"])
    assert one == other
    assert one.question == "3 + 4"
    assert one.expected == "7"


def test_an_explanation_shows_each_character_and_the_end(place):
    predictor = Predictor.load(place / "run")
    manifest = load_manifest(place / "data")
    codec = predictor.trained.codec
    codec.check_dataset(manifest)
    prediction = predictor.predict(["10 + 11"])[0]
    emitted = "".join(character for character, _ in prediction.characters)
    assert emitted.startswith(prediction.answer.rstrip("?"))
    assert all(0 <= share <= 1 for _, share in prediction.characters)
    assert prediction.to_text(explain=True).count("\n") == len(prediction.characters)
    assert prediction.to_text().startswith("☑ 10 + 11 = 21" if prediction.is_correct else "☒ 10 + 11 = ")


def space_of(**changes):
    recipe = Recipe.from_dict({**RECIPE, "space": {**RECIPE["space"], **changes}})
    assert isinstance(recipe.space, SpaceRecipe)
    return recipe.space


@pytest.mark.parametrize(
    ("changes", "text", "message"),
    [
        ({}, "3 + ", "is not an equation: a number is missing at position 5"),
        ({}, "three", "unknown character 't' at position 1"),
        ({}, "3 + 13", r"does not contain `3 \+ 13`: operand 13 is not from 0 to 12"),
        ({}, "3 + -1", "operand -1 is not from 0 to 12"),
        ({}, "3 + 1.5", "an operand has more than 0 decimals"),
        ({}, "3 * 4", r"`\*` is none of the operators \+ -"),
        ({}, "3 + 4 + 5", "it has 3 terms, not 2"),
        ({"terms": {"min": 2, "max": 3}}, "3 - (4 + 5)", "it has brackets"),
        ({"operators": "/"}, "3 / 0", "3 is divided by zero"),
        ({"operators": "/"}, "3 / 2", "no multiple of"),
        ({"answer": {"min": 0, "max": None}}, "3 - 4", "its answer -1 is not at least 0"),
    ],
)
def test_questions_outside_the_space_are_refused_with_the_reason(changes, text, message):
    with pytest.raises(UserError, match=message):
        read_question(text, space_of(**changes))


@pytest.mark.parametrize(
    ("changes", "text", "question", "answer"),
    [
        ({}, "12-3", "12 - 3", "9"),
        ({"spacing": False}, "12 - 3", "12-3", "9"),
        ({"operators": "+-/", "division": "quotient"}, "7 / 2", "7 / 2", "3"),
        ({"operators": "/", "division": "fraction"}, "6/4", "6 / 4", "3/2"),
        ({"operators": "/", "division": "decimal"}, "1/8", "1 / 8", "0.12"),
        ({"terms": {"min": 1, "max": 3}, "brackets": True}, "(3)-((4+5))", "3 - (4 + 5)", "-6"),
        ({"operands": {"min": -2, "max": 2, "decimals": 1}}, "1.5--0.5", "1.5 - -0.5", "2"),
    ],
)
def test_questions_of_the_space_are_answered_exactly(changes, text, question, answer):
    assert read_question(text, space_of(**changes)) == (question, answer)
