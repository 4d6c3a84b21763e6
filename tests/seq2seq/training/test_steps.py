import json

import pytest

from eqstream.data.errors import UserError
from eqstream.pipelines.build import build
from eqstream.seq2seq import evaluate as evaluate_module
from eqstream.seq2seq.config.sections import ModelRecipe
from eqstream.seq2seq.evaluate import evaluate
from eqstream.seq2seq.predict import Predictor
from eqstream.seq2seq.train import train
from tests.brute_force import make_recipe
from tests.loaded_models import load_models_once
from tests.untrained_run import make_untrained_run

SPACE = {"operands": {"min": 0, "max": 30}, "operators": "+*", "terms": {"min": 2, "max": 3}}
SPLITS = [{"name": "train", "count": 300}, {"name": "test", "count": 40}]
CODEC = {"steps": True, "line_length": 30, "reverse_question": True, "reverse_answer": True}
MODEL = {"kind": "transformer", "width": 8, "heads": 1, "feed_forward": 8, "places": "pairs"}
MIXTURE = {"mixture": [{"weight": 3}, {"recipe": "addition-10"}]}
TRAINING = {"source": "fresh", "epochs": 1, "epoch_examples": 128, "batch_size": 16, "validation_examples": 16}


class DeadError(BaseException):
    """Nothing catches it: what comes after never happens."""


def die(line):
    raise DeadError(line)


@pytest.fixture(scope="module", params=[False, pytest.param(True, marks=pytest.mark.slow)], ids=["begun", "trained"])
def run(request, tmp_path_factory):
    """The directory of a model that was trained on steps, a little, or not at all: its training ended as it began."""
    directory = tmp_path_factory.mktemp("steps")
    recipe = make_recipe(SPACE, SPLITS, codec=CODEC, model=MODEL, training=TRAINING | MIXTURE)
    build(recipe, directory / "data")
    if request.param:
        train(recipe, directory / "data", directory / "run", report=lambda _: None)
    else:
        with pytest.raises(DeadError):
            train(recipe, directory / "data", directory / "begun", report=die)
        alone = make_recipe(SPACE, SPLITS, codec=CODEC, model=MODEL, training=TRAINING)
        make_untrained_run(alone, directory / "data", directory / "run")
    with pytest.MonkeyPatch.context() as patch:
        load_models_once(patch, directory, evaluate_module)
        yield directory / "run"


def test_a_model_is_trained_on_steps_and_judged_by_the_last_lines(run):
    report = evaluate(run, report=lambda _: None)
    assert report.num_examples == 40
    assert report.split == "test"


def test_a_prediction_has_the_lines_and_what_is_wrong_with_them(run):
    predictor = Predictor.load(run)
    # More terms than any that it was trained on.
    (prediction,) = predictor.predict(["1+2+3*4+5"])
    assert prediction.question == "1 + 2 + 3 * 4 + 5"
    assert prediction.expected == "20"
    assert prediction.predicted == prediction.solution[-1].text
    assert prediction.solution[0].fault is not None, "it has seen eight batches at most"
    lines = prediction.to_text(steps=True).splitlines()
    assert lines[1] == "      1 + 2 + 3 * 4 + 5"
    assert lines[2] == f"    ☒ {prediction.solution[0].text}  ({prediction.solution[0].fault})"
    assert all(line.startswith("    = ") for line in lines[3:])
    assert json.dumps(prediction.to_dict(steps=True)["steps"])


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"model": {"kind": "feedback"}}, "`codec.steps` needs `model.kind: transformer` with `model.places: pairs`"),
        (
            {"model": {"kind": "transformer"}},
            "`codec.steps` needs `model.kind: transformer` with `model.places: pairs`",
        ),
        ({"training": {}}, "`codec.steps` needs `training.source: fresh`"),
        (
            {"training": {"source": "fresh", "mixture": [{}, {"source": "shards"}]}},
            "`codec.steps` needs `source: fresh` or a `recipe` in `training.mixture.1`",
        ),
        (
            {"training": {"source": "fresh", "weights": {"by": "terms"}}},
            "`codec.steps` does not go with `training.weights`, which weigh whole equations",
        ),
        ({"codec": {"steps": True, "zero_padding": True}}, None),
        ({"codec": {"steps": True, "line_length": 0}}, "`codec`: `line_length` must be above 0, got 0"),
    ],
)
def test_what_does_not_go_with_steps_is_refused(change, line):
    recipe = make_recipe(SPACE, SPLITS, **{"codec": CODEC, "model": MODEL, "training": TRAINING, **change})
    line = line or (
        "`codec`: `steps` does not go with `zero_padding`, `end_question`, `spaces: keep`, `padding: left` or "
        "`answer_padding: left`"
    )
    with pytest.raises(UserError) as raised:
        ModelRecipe.from_recipe(recipe)
    assert str(raised.value) == line
