import pytest

from eqstream.data.errors import UserError
from eqstream.data.recipe import Recipe
from eqstream.pipelines.build import build
from eqstream.seq2seq.config.sections import EarlyStoppingRecipe
from eqstream.seq2seq.train import train
from eqstream.seq2seq.training import callbacks
from tests.recipes import SUMS

RECIPE = {
    **SUMS,
    "model": {"kind": "repeat-vector", "encoder_width": 4, "decoder_width": 4},
    "training": {"epochs": 2, "batch_size": 20, "validation_examples": 20, "samples": 0, "tensorboard": True},
}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    directory = tmp_path_factory.mktemp("data") / "sums"
    build(Recipe.from_dict(RECIPE), directory)
    return directory


def test_without_the_package_nothing_begins(dataset, tmp_path, monkeypatch):
    monkeypatch.setattr(callbacks, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"`training\.tensorboard` needs the package tensorboard: install it by"):
        train(Recipe.from_dict(RECIPE), dataset, tmp_path / "run", report=lambda line: None)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("values", "options", "reason"),
    [
        ([0.5, 0.6, 0.6], {"patience": 2}, None),
        ([0.5, 0.6, 0.6, 0.5], {"patience": 2}, "val_exact_match has not improved for 2 epochs"),
        ([0.5, 0.4, 0.6, 0.5], {"patience": 2}, None),
        ([0.5, 0.51, 0.52], {"patience": 2, "min_delta": 0.04}, "val_exact_match has not improved for 2 epochs"),
        ([0.5, 0.51, 0.53], {"patience": 2, "min_delta": 0.02}, None),
        ([0.5, 0.9], {"target": 0.9}, "val_exact_match has reached 0.9"),
        ([0.5, 0.89], {"target": 0.9}, None),
        ([3.0, 2.0, 1.0], {"monitor": "val_loss", "patience": 1}, None),
        ([3.0, 3.5], {"monitor": "val_loss", "patience": 1}, "val_loss has not improved for 1 epoch"),
        ([3.0], {"monitor": "val_loss", "target": 3.0}, "val_loss has reached 3.0"),
    ],
)
def test_early_stopping_ends_at_the_target_or_without_gain(values, options, reason):
    recipe = EarlyStoppingRecipe(**options)
    assert callbacks.find_reason_to_stop(recipe, [{recipe.monitor: value} for value in values]) == reason


def test_an_epoch_is_one_line_and_100_percent_means_all():
    row = {"epoch": 3, "loss": 0.00912, "val_loss": 1.23456, "val_token_accuracy": 0.99999, "val_exact_match": 1.0}
    assert callbacks.describe_epoch(row, 12, is_best=True) == (
        "epoch  3/12  loss 0.00912  val loss 1.23  val tokens <100%  val exact match 100%  best"
    )
    row = {"epoch": 10, "loss": 2e-05, "val_loss": 0.1, "val_rmse": 0.5713, "val_exact_match": 1 / 24}
    assert callbacks.describe_epoch(row, 10, is_best=False) == (
        "epoch 10/10  loss 2e-05  val loss 0.1  val RMSE 0.571  val exact match 4.2%"
    )
