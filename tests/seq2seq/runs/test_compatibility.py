import pytest

from eqstream.data.loading.epoch_order import ORDER_VERSION
from eqstream.seq2seq.config.sections import TrainingRecipe
from eqstream.seq2seq.runs.compatibility import describe_other_order

BEGUN = "begun with a version of eqstream that gave the examples in another order: "
WEIGHTS = "the weights are not those of an uninterrupted run"


@pytest.mark.parametrize(
    ("epoch", "step", "line"),
    [
        (0, 0, None),
        (2, 0, BEGUN + WEIGHTS),
        (2, 7, f"{BEGUN}some examples of epoch 3 come twice and others not at all, and {WEIGHTS}"),
    ],
)
def test_training_that_was_begun_in_another_order_is_told_so(epoch, step, line):
    assert describe_other_order(1, TrainingRecipe(), epoch=epoch, step=step) == line
    assert describe_other_order(ORDER_VERSION, TrainingRecipe(), epoch=epoch, step=step) is None
    assert describe_other_order(1, TrainingRecipe(source="fresh"), epoch=epoch, step=step) is None
