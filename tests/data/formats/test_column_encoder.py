import pytest

from eqstream.data.formats.column_encoder import ColumnEncoder
from eqstream.data.splits.counting_policy import count_for_plan
from tests.brute_force import examine_space, make_recipe

SPACES = [
    {"operands": {"min": 0, "max": 99}},
    {"operands": {"min": -3, "max": 3}, "operators": "+-*", "terms": {"min": 1, "max": 3}},
    {"operands": {"min": 1, "max": 4}, "operators": "+/", "terms": 3, "division": "fraction", "brackets": True},
    {"operands": {"min": 8, "max": 11, "decimals": 1}, "operators": "-*", "spacing": False},
]


@pytest.mark.parametrize("space", SPACES, ids=str)
def test_columns_of_a_space_are_those_worked_out_one_by_one_and_within_their_bounds(space):
    recipe = make_recipe(space, [{"name": "train", "rest": True}])
    counts = count_for_plan(recipe)
    encoder = ColumnEncoder(counts.sources.space)
    rows = []
    total = counts.by_source[0].num_available
    for block in counts.sources.enumeration(0).equations(0, total):
        columns, encoded = encoder.to_columns(block), encoder.encode(block)
        for name, most in encoder.most_characters.items():
            assert encoded.lengths(name).tolist() == getattr(columns, name).lengths.tolist()
            assert encoded.lengths(name).max() <= most
        for name, largest in encoder.largest.items():
            assert 0 <= encoded.numbers[name].min() <= encoded.numbers[name].max() <= largest
        numbers = [columns.numbers[name].tolist() for name in ("carries", "digits", "terms")]
        rows += zip(columns.question.to_texts(), columns.answer.to_texts(), *numbers, strict=True)
    expected = [(one.question, one.answer, one.carries, one.digits, one.terms) for one in examine_space(recipe.space)]
    assert sorted(rows) == sorted(expected)
