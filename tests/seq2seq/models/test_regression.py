"""Numbers in, number out: reading and writing numerals in the graph, and the two models."""

import keras
import numpy as np
import pytest

from eqstream.data.errors import UserError
from eqstream.data.loading.token_alphabet import END
from eqstream.data.recipe import Recipe
from eqstream.pipelines.build import build
from eqstream.seq2seq.analysis.report_text import render_report
from eqstream.seq2seq.config.architectures import LstmRegressionRecipe, MlpRegressionRecipe
from eqstream.seq2seq.config.sections import ModelRecipe
from eqstream.seq2seq.evaluate import evaluate
from eqstream.seq2seq.layers.numerals import read_numbers, write_numbers
from eqstream.seq2seq.models.registry import make_model
from eqstream.seq2seq.models.regression import NumberError
from eqstream.seq2seq.predict import Predictor
from eqstream.seq2seq.train import train
from tests.recipes import make_texts


def differences(spacing=True):
    operands = {"min": -999, "max": 999}
    return make_texts(" -0123456789", 12, 5, operands=operands, operators="-", spacing=spacing)


EDGES = [-999, -100, -99, -10, -9, -1, 0, 1, 9, 10, 99, 100, 999]
ARCHITECTURES = {
    "lstm": LstmRegressionRecipe(operand_scale=10.0, answer_scale=20.0),
    "lstm deep": LstmRegressionRecipe(width=4, depth=2, dropout=0.1),
    "mlp": MlpRegressionRecipe(operand_scale=10.0, answer_scale=20.0, activation="linear"),
    "linear": MlpRegressionRecipe(widths=()),
}
every_model = pytest.mark.parametrize("architecture", ARCHITECTURES)


@pytest.mark.parametrize("padding", ["left", "right"])
@pytest.mark.parametrize("is_reversed", [False, True])
@pytest.mark.parametrize(("spacing", "spaces"), [(True, "keep"), (True, "drop"), (False, "keep")])
def test_operands_are_read_with_their_own_signs(padding, is_reversed, spacing, spaces):
    codec = differences(spacing).codec(padding=padding, reverse_question=is_reversed, spaces=spaces)
    pairs = [(one, other) for one in EDGES for other in EDGES]
    texts = [f"{one} - {other}" if spacing else f"{one}-{other}" for one, other in pairs]
    numbers = read_numbers(codec.encode_questions(texts), codec.alphabet, num_numbers=2, is_reversed=is_reversed)
    assert np.array_equal(numbers, pairs)


@pytest.mark.parametrize("is_reversed", [False, True])
def test_every_answer_is_written_as_the_codec_writes_it_and_read_back(is_reversed):
    codec = differences().codec(reverse_answer=is_reversed)
    values = np.arange(-1998, 1999)
    options = {"is_reversed": is_reversed}
    tokens = np.asarray(write_numbers(values.astype(np.float32), codec.alphabet, width=codec.answer_width, **options))
    assert np.array_equal(tokens, codec.encode_answers([str(value) for value in values]))
    assert np.array_equal(read_numbers(tokens, codec.alphabet, num_numbers=1, **options)[:, 0], values)


def written(numbers, alphabet, width):
    tokens = np.asarray(write_numbers(np.array(numbers, np.float32), alphabet, width=width))
    assert ((tokens == END).sum(axis=1) == 1).all()
    return ["".join(alphabet[token - 3] for token in row if token > END) for row in tokens]


def test_what_does_not_fit_is_cut_and_the_rest_rounded():
    assert written([-0.4, 0.4, 7.6, 998.7, 1e9, -1e9, -5.1], "-0123456789", 4) == [
        "0", "0", "8", "999", "999", "-99", "-5",
    ]  # fmt: skip
    assert written([-3.0, 3.0], "0123456789", 4) == ["0", "3"]
    # The largest float32 below a billion and above its negative: nothing wraps around or grows too long.
    assert written([-1e20, 1e20], "-0123456789", 10) == ["-99999992", "999999936"]
    assert written([1e20, 123456789.0], "0123456789", 12) == ["999999936", "123456792"]


@every_model
def test_a_saved_model_loads_in_safe_mode_and_answers_the_same(architecture, tmp_path):
    codec = differences().codec(reverse_answer=True)
    model = make_model(ARCHITECTURES[architecture], codec)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", compile=False, safe_mode=True)
    question = codec.encode_questions(["3 - 4", "-120 - 999"]).astype(np.int32)
    assert loaded.get_config() == model.get_config()
    assert np.array_equal(loaded.greedy_logits(question), model.greedy_logits(question))
    assert loaded.estimate(question).shape == (2,)


def test_the_metric_is_in_units_of_the_answer():
    metric = NumberError(scale=200.0)
    metric.update_state(np.array([[0.5], [0.25]]), np.array([[0.51], [0.25]]))
    metric.update_state(np.array([[0.1]]), np.array([[0.1]]), sample_weight=np.array([[9.0]]))
    assert float(metric.result()) == pytest.approx(np.sqrt(2.0**2 / 3), rel=1e-4)
    assert NumberError.from_config(metric.get_config()).scale == 200.0


RECIPE = {
    "name": "sums",
    "space": {"operands": {"min": -9, "max": 9}, "operators": "+"},
    "splits": [{"name": "train", "count": 150}, {"name": "test", "rest": True}],
    "training": {
        "epochs": 40,
        "batch_size": 10,
        "optimizer": {"learning_rate": 0.05},
        "early_stopping": {"monitor": "val_rmse", "target": 0.02, "patience": 100},
    },
    "model": {"kind": "mlp-regression", "widths": [], "operand_scale": 10, "answer_scale": 20},
    "codec": {"reverse_answer": True},
}


# The code of the documentation, which quick tests run, trains and asks one.
@pytest.mark.slow
def test_sums_are_learned_through_the_same_trainer_evaluation_and_prediction(tmp_path):
    recipe = Recipe.from_dict(RECIPE)
    build(recipe, tmp_path / "data")
    lines = []
    report = train(recipe, tmp_path / "data", tmp_path / "run", report=lines.append)
    assert report.metrics["val_rmse"] < 0.1
    assert any("RMSE" in line for line in lines)
    assert (tmp_path / "run" / "log.csv").read_text().startswith("epoch,loss,rmse,val_loss,val_rmse,val_exact_match")
    evaluation = evaluate(tmp_path / "run")
    assert evaluation.exact_match == 1.0
    assert evaluation.rmse == 0
    assert evaluation.rmse_unrounded is not None
    assert 0 < evaluation.rmse_unrounded < 0.5
    assert f"RMSE 0 in units of the answer, {evaluation.rmse_unrounded:.6g} before rounding" in render_report(
        evaluation
    )
    assert evaluation.num_examples == 19 * 19 - 150
    predictions = Predictor.load(tmp_path / "run").predict(["-9 + -9", "9+-9", "8 + 9"])
    assert [each.predicted for each in predictions] == ["-18", "0", "17"]
    assert [round(each.estimate) for each in predictions] == [-18, 0, 17]
    # A number has no probabilities: what explains it is what was rounded.
    assert predictions[0].to_text(explain=True).endswith(f"\n    {predictions[0].estimate:.6g} before rounding")
    assert predictions[0].to_dict(explain=True)["estimate"] == predictions[0].estimate
    assert "%" not in predictions[0].to_text(explain=True)


@pytest.mark.parametrize(
    ("space", "is_possible"),
    [
        ({"operands": {"min": 0, "max": 1 << 23}}, True),
        ({"operands": {"min": 0, "max": (1 << 23) + 1}}, False),
        ({"operands": {"min": -5000, "max": 4000}, "operators": "*"}, False),
        ({"operands": {"min": 0, "max": 5000}, "operators": "*", "answer": {"min": 0, "max": 10**7}}, True),
        ({"operands": {"min": 1 << 25, "max": 1 << 25}, "answer": {"min": 0, "max": 1}}, False),
    ],
)
def test_numbers_that_are_no_float32_are_refused(space, is_possible):
    recipe = Recipe.from_dict({**RECIPE, "space": {"operators": "+", **space}})
    if is_possible:
        ModelRecipe.from_recipe(recipe)
        return
    with pytest.raises(UserError, match="takes numbers as float32, exact up to 16,777,216"):
        ModelRecipe.from_recipe(recipe)


@pytest.mark.slow
def test_resuming_gives_the_same_weights_bit_for_bit(tmp_path):
    mapping = {**RECIPE, "training": {"epochs": 2, "batch_size": 10}, "model": {"kind": "lstm-regression"}}
    recipe, shorter = (
        Recipe.from_dict({**mapping, "training": {**mapping["training"], "epochs": epochs}}) for epochs in (2, 1)
    )
    build(recipe, tmp_path / "data")
    train(recipe, tmp_path / "data", tmp_path / "whole", report=lambda line: None)
    train(shorter, tmp_path / "data", tmp_path / "parts", report=lambda line: None)
    train(recipe, tmp_path / "data", tmp_path / "parts", resume=True, report=lambda line: None)
    with np.load(tmp_path / "whole" / "state.npz") as one, np.load(tmp_path / "parts" / "state.npz") as other:
        assert one.files == other.files
        for name in set(one.files) - {"progress"}:
            assert one[name].tobytes() == other[name].tobytes(), name


@pytest.mark.parametrize(
    ("section", "change", "message"),
    [
        ("space", {"operators": "+-"}, "`model.kind: mlp-regression` reads numbers alone: its space must have one op"),
        ("space", {"brackets": True, "terms": 3}, "its space must have no brackets"),
        ("space", {"operands": {"min": 0, "max": 9, "decimals": 1}}, "its space must have whole operands"),
        ("space", {"operators": "/", "division": "decimal"}, "its space must have whole answers"),
        ("space", {"terms": {"min": 2, "max": 3}}, "`model.terms` must be the number of terms of the space, got 2 for"),
        ("model", {"terms": 0}, "`terms` must be above 0"),
        ("model", {"widths": [4, 0]}, r"`widths` must be above 0, got \[4, 0\]"),
        ("model", {"operand_scale": -1}, "`operand_scale` must be above 0"),
        ("codec", {"zero_padding": True}, "`codec.zero_padding` means nothing to"),
        ("training", {"early_stopping": {"monitor": "val_token_accuracy"}}, "has no `val_token_accuracy`"),
        (
            "model",
            {"kind": "feedback", "width": 3, **dict.fromkeys(("widths", "operand_scale", "answer_scale"))},
            "kind `feedback` has no `val_rmse`",
        ),
    ],
)
def test_what_is_no_task_for_a_regression_is_refused(section, change, message):
    merged = {**RECIPE[section], **change}
    mapping = {**RECIPE, section: {key: value for key, value in merged.items() if value is not None}}
    with pytest.raises(UserError, match=message):
        ModelRecipe.from_recipe(Recipe.from_dict(mapping))


def test_the_measure_with_pads_can_be_watched_only_where_pads_are_trained():
    training = {"early_stopping": {"monitor": "val_padded_token_accuracy"}}
    with pytest.raises(UserError, match="needs `mask_loss: false`"):
        ModelRecipe.from_dict({"training": training})
    ModelRecipe.from_dict({"training": {**training, "mask_loss": False}})
