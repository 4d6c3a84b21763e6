import itertools

import numpy as np
import pytest

from eqstream.data.errors import UserError
from eqstream.data.loading.codec import Codec, CodecOptions
from eqstream.data.loading.example_encoder import ExampleEncoder
from eqstream.data.loading.steps_source import StepsSource
from eqstream.data.reference.parsing import parse, render
from eqstream.data.reference.solution import next_line
from tests.brute_force import by_question, examine_space, make_recipe, pick

SPACE = {"operands": {"min": 0, "max": 14}, "operators": "+-*/", "terms": {"min": 2, "max": 3}, "brackets": True}
SPLITS = [{"name": "test", "count": 60}, {"name": "train", "count": 500}]
OPTIONS = CodecOptions(reverse_question=True, reverse_answer=True, steps=True, line_length=30)


def make(*, group_size=8, spacing=False, options=OPTIONS, **arguments):
    recipe = make_recipe(SPACE | {"spacing": spacing}, SPLITS)
    codec = Codec.for_recipe(recipe, options)
    return StepsSource(recipe, ExampleEncoder.for_recipe(recipe, codec), group_size=group_size, **arguments), codec


def read(source, codec, positions, size=13):
    """Returns the pairs of lines at some positions, in order."""
    runs = [positions[start : start + size] for start in range(0, len(positions), size)]
    tables = list(source.read(runs))
    assert [len(table) for table in tables] == [len(run) for run in runs]
    return [
        pair
        for table in tables
        for pair in zip(codec.decode_questions(table.questions), codec.decode_answers(table.answers), strict=True)
    ]


@pytest.mark.parametrize("spacing", [False, True])
def test_every_example_is_a_step_of_a_worked_solution(spacing):
    source, codec = make(spacing=spacing, epoch_examples=700)
    pairs = read(source, codec, np.arange(1400))
    for question, answer in pairs:
        assert render(next_line(parse(question)), spacing) == answer
        assert max(len(text.replace(" ", "")) for text in (question, answer)) <= 30
    known = by_question(examine_space(make_recipe(SPACE | {"spacing": spacing}, SPLITS).space))
    held_out = {
        known[question].class_key for question in pick(make_recipe(SPACE | {"spacing": spacing}, SPLITS))["test"]
    }
    seen = {known[line].class_key for pair in pairs for line in pair if line in known}
    assert not seen & held_out
    # No two epochs are the same, and in one of them little comes twice.
    assert len(set(pairs[:700])) > 500
    assert len(set(pairs)) > len(set(pairs[:700]))


def test_any_position_can_be_the_first_and_every_reader_gets_its_part():
    source, codec = make(epoch_examples=700)
    whole = read(source, codec, np.arange(1500))
    for first in (0, 1, 699, 1203):
        again, _ = make(epoch_examples=700)
        assert read(again, codec, np.arange(first, 1500), size=100) == whole[first:]
    for reader in range(3):
        positions = np.arange(1500)
        own = positions[positions % 700 % 3 == reader]
        assert read(source, codec, own) == [whole[position] for position in own]


def test_the_steps_of_a_group_are_about_equally_long():
    source, codec = make(group_size=16, epoch_examples=1024)
    pairs = read(source, codec, np.arange(1024))
    longest = [max(map(len, pair)) for pair in pairs]
    spreads = [max(group) - min(group) for group in np.reshape(longest, (64, 16)).tolist()]
    assert np.median(spreads) <= 1
    # Groups come in no order of length.
    firsts = longest[::16]
    assert sum(before > after for before, after in itertools.pairwise(firsts)) > 10


def test_lines_that_are_too_long_are_left_out_or_refused():
    line = r"^questions have up to 10 characters, and `codec.line_length` is 9: raise it$"
    with pytest.raises(UserError, match=line):
        make(options=CodecOptions(steps=True, line_length=9))


def test_what_has_no_worked_solution_is_refused():
    space = {"operands": {"min": 0, "max": 9, "decimals": 1}, "operators": "/", "division": "fraction"}
    recipe = make_recipe(space, [{"name": "train", "count": 5}])
    encoder = ExampleEncoder.for_recipe(recipe, Codec.for_recipe(recipe, OPTIONS))
    with pytest.raises(
        UserError, match=r"^steps with `division: fraction` need operands without `decimals`, got 1; leave them out$"
    ):
        StepsSource(recipe, encoder, group_size=4)
