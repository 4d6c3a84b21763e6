"""The width of questions: enough for every equation of a space, and never more, against listings by hand."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eqstream.data.dataset.manifest_maker import describe_space
from eqstream.data.errors import UserError
from eqstream.data.loading.codec_fit import check_codec, fit_codec, fit_codec_to_recipe
from eqstream.data.loading.token_alphabet import PAD
from eqstream.data.reference.parsing import render
from tests.brute_force import list_chains, list_numbers, list_trees, make_recipe
from tests.data.loading.codec_options import ALL_OPTIONS

SPACES = [
    {"operands": {"min": 0, "max": 12}},
    {"operands": {"min": 8, "max": 11}, "spacing": False},
    {"operands": {"min": -5, "max": 12}, "operators": "+-"},  # the longest operand has no sign
    {"operands": {"min": -12, "max": 5}, "operators": "+-"},
    {"operands": {"min": -11, "max": -9}, "operators": "*"},
    {"operands": {"min": 0, "max": 1, "decimals": 1}},
    {"operands": {"min": 9, "max": 10, "decimals": 1}, "spacing": False},  # 10 is shorter than 9.9
    {"operands": {"min": -1, "max": 0, "decimals": 1}, "operators": "-"},
    {"operands": {"min": -10, "max": -9, "decimals": 1}},
    {"operands": {"min": 7, "max": 7, "decimals": 2}},
    {"operands": {"min": -7, "max": -7, "decimals": 2}},
    {"operands": {"min": 0, "max": 0, "decimals": 2}},
    {"operands": {"min": 0, "max": 3}, "operators": "+*", "terms": {"min": 1, "max": 4}},
    {"operands": {"min": 9, "max": 11}, "operators": "-/", "terms": {"min": 2, "max": 3}, "division": "quotient"},
    {"operands": {"min": -1, "max": 1}, "operators": "+-", "terms": {"min": 1, "max": 4}, "brackets": True},
    {"operands": {"min": 1, "max": 2}, "operators": "*/", "terms": 4, "brackets": True, "division": "quotient"},
    {"operands": {"min": 9, "max": 10}, "operators": "+", "terms": {"min": 2, "max": 5}, "brackets": True},
]


def list_texts(space) -> list[str]:
    """Every question of the space's shapes and operands, those without an answer included."""
    operands, terms = space.operands, space.terms
    numbers = list_numbers(operands.min, operands.max, operands.decimals)
    list_all = list_trees if space.brackets else list_chains
    return sorted(
        {
            render(tree, space.spacing)
            for count in range(terms.min, terms.max + 1)
            for tree in list_all(numbers, space.operators, count)
        }
    )


# Every third has each pair of options.
@pytest.mark.parametrize("step", [3, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("space", SPACES, ids=str)
def test_the_width_is_the_longest_question_of_the_space(space, step):
    recipe = make_recipe(space)
    texts = list_texts(recipe.space)
    for options in ALL_OPTIONS[::step]:
        codec = fit_codec_to_recipe(recipe, options)
        tokens = codec.encode_questions(texts)
        assert (tokens != PAD).sum(axis=1).max() == tokens.shape[1] == codec.question_width
        assert codec.decode_questions(tokens) == texts


@pytest.mark.parametrize("pair", [(0, 12), (2, 3), (6, 9), (13, 5)], ids=str)
def test_a_codec_of_two_spaces_has_room_for_both_and_no_more(pair):
    some = [SPACES[number] for number in pair]
    recipes = [make_recipe({**space, "spacing": True}) for space in some]
    texts = [list_texts(recipe.space) for recipe in recipes]
    spaces = [(recipe.space, describe_space(recipe)) for recipe in recipes]
    for options in ALL_OPTIONS:
        codec = fit_codec(spaces, options)
        assert codec == fit_codec(spaces[::-1], options)
        for space, facts in spaces:
            check_codec(codec, space, facts)
        tokens = codec.encode_questions(texts[0] + texts[1])
        assert (tokens != PAD).sum(axis=1).max() == tokens.shape[1] == codec.question_width
        assert codec.decode_questions(tokens) == texts[0] + texts[1]


def test_spaces_written_differently_have_no_common_codec():
    recipes = [make_recipe(SPACES[0]), make_recipe(SPACES[1])]
    message = "one codec cannot write some equations with spaces and others without: see `space.spacing`"
    with pytest.raises(UserError, match=f"^{re.escape(message)}$"):
        fit_codec([(recipe.space, describe_space(recipe)) for recipe in recipes])


def write_number(step, decimals):
    text = f"{step / 10**decimals:.{decimals}f}"
    return text.rstrip("0").rstrip(".") if decimals else text


@given(
    ends=st.tuples(st.integers(-1200, 1200), st.integers(-1200, 1200)).map(sorted),
    decimals=st.integers(0, 2),
    options=st.sampled_from(ALL_OPTIONS),
)
def test_the_width_is_that_of_the_longest_operand_of_any_range(ends, decimals, options):
    low, high = ends
    high = min(high, low + 40)
    recipe = make_recipe({"operands": {"min": low, "max": high, "decimals": decimals}, "operators": "-"})
    scale = 10**decimals
    operands = [write_number(step, decimals) for step in range(low * scale, high * scale + 1)]
    codec = fit_codec_to_recipe(recipe, options)
    tokens = codec.encode_questions([f"{operand} - {operand}" for operand in operands])
    assert (tokens != PAD).sum(axis=1).max() == codec.question_width
