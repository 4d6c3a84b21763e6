import dataclasses
import itertools
from fractions import Fraction

import numpy as np
import pytest

from eqstream.data.errors import UserError
from eqstream.data.loading.codec_fit import fit_codec_to_recipe
from eqstream.data.loading.codec_options import CodecOptions
from eqstream.data.loading.example_encoder import ExampleEncoder
from eqstream.data.loading.mixture_schedule import MixtureSchedule
from eqstream.data.loading.steps_source import SolvedStream, StepsSource
from eqstream.data.recipe_values import Range
from eqstream.data.reference.parsing import parse, render
from eqstream.data.reference.solution import next_line
from eqstream.data.space.held_out_classes import HeldOut
from eqstream.data.split_recipe import Where
from eqstream.data.splits.shared_equations import hold_out
from eqstream.data.streams.equation_stream import EquationStream
from tests.brute_force import by_question, examine_space, make_recipe, pick

SPACE = {"operands": {"min": 0, "max": 8}, "operators": "+-*/", "terms": {"min": 2, "max": 3}, "brackets": True}
SPLITS = [{"name": "test", "count": 60}, {"name": "train", "count": 500}]
OPTIONS = CodecOptions(reverse_question=True, reverse_answer=True, steps=True, line_length=30)


def held_out(recipe):
    return HeldOut(hold_out(recipe, ["test"]))


def make_stream(recipe, codec, detours=0.0):
    encoder = ExampleEncoder.for_recipe(recipe, codec)
    return SolvedStream(EquationStream(recipe), encoder, held_out(recipe), detours=detours)


def make(*, group_size=8, spacing=False, options=OPTIONS, epoch_examples=500, detours=0.0):
    recipe = make_recipe(SPACE | {"spacing": spacing}, SPLITS)
    codec = fit_codec_to_recipe(recipe, options)
    return StepsSource(
        [make_stream(recipe, codec, detours)], MixtureSchedule(([(0, Fraction(1))],), group_size), epoch_examples
    ), codec


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


@pytest.mark.parametrize("detours", [0, 0.5])
def test_any_position_can_be_the_first_and_every_reader_gets_its_part(detours):
    source, codec = make(epoch_examples=700, detours=detours)
    whole = read(source, codec, np.arange(1500))
    straight, _ = make(epoch_examples=700)
    assert (read(straight, codec, np.arange(1500)) == whole) == (not detours)
    for question, answer in whole:
        assert render(next_line(parse(question)), spacing=False) == answer
    for first in (1, 1203):
        again, _ = make(epoch_examples=700, detours=detours)
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


def test_streams_share_the_groups_by_their_weights_and_hold_their_own_splits_out():
    recipes = [
        make_recipe(SPACE | {"operators": "+", "brackets": False}, SPLITS),
        make_recipe(
            SPACE | {"operands": {"min": 500, "max": 540}, "operators": "+"},
            [{"name": "test", "count": 20}, {"name": "train", "count": 50}],
        ),
    ]
    codec = fit_codec_to_recipe(recipes[0], OPTIONS)
    knots = ([(0, Fraction(3)), (64, Fraction(1))], [(0, Fraction(1))])

    def source():
        streams = [make_stream(each, codec) for each in recipes]
        return StepsSource(streams, MixtureSchedule(knots, 8), 8 * 64)

    pairs = read(source(), codec, np.arange(8 * 128))
    is_second = np.array([int(answer.split("+")[0]) >= 500 for _, answer in pairs])
    # The weights are 3 : 1 in the first group and 1 : 1 from the 64th one on.
    schedule = MixtureSchedule(knots, 8)
    counts = [schedule.counts_before(step)[1] for step in (0, 64, 128)]
    assert [is_second[:512].sum(), is_second[512:].sum()] == np.diff(counts).tolist()
    assert is_second[512:].sum() == 256
    test = pick(recipes[1])["test"]
    assert not set(test) & {question for question, _ in pairs}
    assert read(source(), codec, np.arange(700, 1024)) == pairs[700:]


def test_lines_are_as_long_as_is_allowed_and_no_longer():
    source, codec = make(options=dataclasses.replace(OPTIONS, line_length=9))
    pairs = read(source, codec, np.arange(500))
    assert max(len(line) for pair in pairs for line in pair) == 9


def test_lines_that_are_too_long_are_left_out_or_refused():
    line = r"^questions have up to 7 characters, and `codec.line_length` is 6: raise it$"
    with pytest.raises(UserError, match=line):
        make(options=CodecOptions(steps=True, line_length=6))


def test_what_has_no_worked_solution_is_refused():
    space = {"operands": {"min": 0, "max": 9, "decimals": 1}, "operators": "/", "division": "fraction"}
    recipe = make_recipe(space, [{"name": "train", "count": 5}])
    encoder = ExampleEncoder.for_recipe(recipe, fit_codec_to_recipe(recipe, OPTIONS))
    with pytest.raises(
        UserError, match=r"^steps with `division: fraction` need operands without `decimals`, got 1; leave them out$"
    ):
        SolvedStream(EquationStream(recipe), encoder)


def test_condition_that_another_split_has_all_of_leaves_no_equation():
    where = Where(terms=Range(min=3, max=3))
    splits = [{"name": "long", "count": 60, "where": {"terms": 3}}, {"name": "train", "count": 100}]
    recipe = make_recipe(SPACE, splits)
    encoder = ExampleEncoder.for_recipe(recipe, fit_codec_to_recipe(recipe, OPTIONS))
    assert SolvedStream(EquationStream(recipe, where=where), encoder).size == 0
