import re
from fractions import Fraction

import pytest

from eqstream.data.errors import UserError
from eqstream.seq2seq.config.sections import ModelRecipe


def read(*mixture, **training):
    return ModelRecipe.from_dict({"training": {"mixture": list(mixture), **training}})


def test_weight_is_a_number_or_a_list_of_steps():
    sections = read(
        {"weight": 3},
        {"data": "out/other", "weight": [[0, 1.0], [10000, "0.2"]]},
        {"source": "fresh"},
        epoch_examples=100,
    )
    knots = [part.knots for part in sections.training.mixture]
    assert knots == [
        [(0, Fraction(3))],
        [(0, Fraction(1)), (10000, Fraction(1, 5))],
        [(0, Fraction(1))],
    ]
    assert ModelRecipe.from_dict(sections.to_dict()) == sections


@pytest.mark.parametrize(
    ("mixture", "message"),
    [
        ([{"wieght": 1}], "unknown key `training.mixture.0.wieght`; did you mean `weight`?"),
        ([{"data": "out/a", "recipe": "b"}], "`training.mixture.0`: a source has `data` or `recipe`, got both"),
        (
            [{"recipe": "b", "source": "shards"}],
            "`training.mixture.0`: `source: shards` needs a dataset: a `recipe` has no files",
        ),
        (
            [{"source": "shards", "where": {"digits": 2}}],
            "`training.mixture.0`: `where` needs `source: fresh`: the files of a split are read as they are",
        ),
        ([{"weight": -1}], "`training.mixture.0`: `weight` must not be below 0, got -1"),
        ([{"weight": []}], "`training.mixture.0`: `weight` must have at least one step, got an empty list"),
        (
            [{"weight": [[0, 1], [5]]}],
            "`training.mixture.0`: `weight` must be a number or a list of steps, each with the weight there, such as "
            "[[0, 1], [10000, 0.2]], got [5] in it",
        ),
        (
            [{"weight": [[0.5, 1]]}],
            "`training.mixture.0`: `weight` must be a number or a list of steps, each with the weight there, such as "
            "[[0, 1], [10000, 0.2]], got [0.5, 1] in it",
        ),
        (
            [{}, {"weight": [[5, 1], [5, 2]]}],
            "`training.mixture.1`: the steps of `weight` must rise, got 5 after 5",
        ),
        (
            [{"weight": [[0, 1], [10, 0]]}, {"weight": [[0, 1], [9, 0]]}],
            "`training`: at step 10 all weights are 0: at each step some source must have a weight above 0",
        ),
        (
            ["out/other"],
            "`training.mixture.0` must be a mapping such as {data: out/other, weight: 2}, got the text 'out/other'",
        ),
    ],
)
def test_mistakes_are_named(mixture, message):
    with pytest.raises(UserError, match=f"^{re.escape(message)}$"):
        read(*mixture)
