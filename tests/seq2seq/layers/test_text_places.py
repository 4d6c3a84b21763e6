"""Places and runs of question and answer, against a reader that goes through the text character by character."""

import numpy as np
import pytest

from eqstream.data.loading.token_alphabet import END, NUM_RESERVED, PAD, START
from eqstream.seq2seq.layers.text_places import TextPlaces

ALPHABET = "()*+-./0123456789"
TEXTS = ["(12-7)*345", "-31.25+-0.5*(4/18)", "7", "((1+2)*(30))", "1000000-999", "-(-4)"]


def make(is_reversed=False, place_reach=3, number_reach=2, bracket_reach=2):
    reaches = {"place_reach": place_reach, "number_reach": number_reach, "bracket_reach": bracket_reach}
    return TextPlaces(ALPHABET, is_reversed=is_reversed, **reaches)


def tokens_of(text):
    return [NUM_RESERVED + ALPHABET.index(each) for each in text]


def read_slowly(text, knows_decimals):
    """Place, run and depth of each character of a text, from its end; the start token is a sign at the end."""
    spots, place, run, is_numeral = [], 1, 0, False
    backwards = text[::-1]
    # From the first character on, as no bracket is open before it or behind the last.
    depths = [text[: at + 1].count("(") - text[:at].count(")") for at in range(len(text))]
    for position, character in enumerate(backwards):
        was_numeral, is_numeral = is_numeral, character in "0123456789."
        place, run = (1, run + 1) if is_numeral != was_numeral else (place + 1, run)
        if character == ".":
            place = 0
        decimals = 0
        if knows_decimals and character.isdigit():
            rest = backwards[position:]
            number = rest[: next((at for at, each in enumerate(rest) if each not in "0123456789."), len(rest))]
            decimals = max(number.find("."), 0)
        spots.append((-decimals if decimals else place, run, depths[-1 - position]))
    return spots


def test_the_reader_itself():
    assert read_slowly("(12-7)*345", True)[::-1] == [
        *((1, 6, 1), (2, 5, 1), (1, 5, 1), (1, 4, 1), (1, 3, 1), (2, 2, 1), (1, 2, 0)),
        *((3, 1, 0), (2, 1, 0), (1, 1, 0)),
    ]
    assert [spot[:2] for spot in read_slowly("0.25)", True)[::-1]] == [(1, 1), (0, 1), (-1, 1), (-2, 1), (2, 0)]
    assert [spot[:2] for spot in read_slowly("0.25)", False)[::-1]] == [(1, 1), (0, 1), (2, 1), (1, 1), (2, 0)]
    assert [depth for _, _, depth in read_slowly("((1+2)*(3))", True)] == [1, 2, 2, 2, 1, 2, 2, 2, 2, 2, 1]


@pytest.mark.parametrize("is_reversed", [False, True])
@pytest.mark.parametrize("pads_left", [False, True])
def test_a_question_is_read_from_its_end_whatever_its_padding(is_reversed, pads_left):
    width = max(map(len, TEXTS)) + 2
    rows = np.zeros((len(TEXTS), width), np.int32)
    for row, text in zip(rows, TEXTS, strict=True):
        tokens = tokens_of(text[::-1] if is_reversed else text)
        row[slice(width - len(text), None) if pads_left else slice(len(text))] = tokens
    spots = np.stack(make(is_reversed).locate_question(rows), axis=2)
    for number, text in enumerate(TEXTS):
        found = [tuple(spot) for spot in spots[number][rows[number] != PAD].tolist()]
        assert (found if is_reversed else found[::-1]) == read_slowly(text, True), text


def test_a_step_stands_where_a_digit_would_follow():
    width = max(map(len, TEXTS)) + 3
    rows = np.array([[START, *tokens_of(text[::-1]), END, *[PAD] * (width - 2 - len(text))] for text in TEXTS])
    spots = np.stack(make().locate_steps(rows.astype(np.int32)), axis=2)
    for number, text in enumerate(TEXTS):
        expected = [(1, 1, 0)]
        for (place, run, depth), character in zip(read_slowly(text, False), reversed(text), strict=True):
            deep = depth - (character == "(")
            expected.append((place + 1, run, deep) if character in "0123456789." else (2 - place, run + 1, deep))
        assert [tuple(spot) for spot in spots[number].tolist()][: len(expected)] == expected, text


def test_a_step_does_not_depend_on_what_is_written_after_it():
    rows = np.array([[START, *tokens_of("521.7(*3"), END]], np.int32)
    layer = make()
    whole = [np.asarray(each) for each in layer.locate_steps(rows)]
    for length in range(1, rows.shape[1]):
        part = np.where(np.arange(rows.shape[1]) < length, rows, PAD)
        for one, other in zip(layer.locate_steps(part), whole, strict=True):
            assert np.array_equal(np.asarray(one)[:, :length], other[:, :length])


def test_each_pair_of_differences_has_a_number_of_its_own_as_far_as_it_reaches():
    layer = make(place_reach=2, number_reach=1, bracket_reach=0)
    spots = layer.locate_question(np.array([tokens_of("1234*(((567+789")], np.int32))
    offsets = np.asarray(layer.offsets(spots, spots))[0]
    places, runs, _ = (np.asarray(each)[0] for each in spots)
    pairs = np.stack([each[None, :] - each[:, None] for each in (places, runs)], axis=2).clip(-2, 2)
    numbers = {tuple(pair): number for pair, number in zip(pairs.reshape(-1, 2).tolist(), offsets.flat, strict=True)}
    assert len(numbers) == layer.num_offsets == 25
    assert sorted(numbers.values()) == list(range(25))
    assert all(numbers[tuple(pairs[at].tolist())] == offsets[at] for at in np.ndindex(offsets.shape))


def test_levels_of_brackets_count_beside_the_pair_as_far_as_they_reach():
    tokens = np.array([tokens_of("((1+(2)*3)-4)+5*(6)")], np.int32)
    layer, flat = make(bracket_reach=2), make(bracket_reach=0)
    spots = layer.locate_question(tokens)
    offsets, depths = np.asarray(layer.offsets(spots, spots))[0], np.asarray(spots.depths)[0]
    assert layer.num_levels == 5
    assert np.array_equal(offsets // 5, np.asarray(flat.offsets(spots, spots))[0])
    assert np.array_equal(offsets % 5 - 2, (depths[None, :] - depths[:, None]).clip(-2, 2))
    # The innermost 2 is three levels above the 5, which is more than are told apart.
    assert (depths.min(), depths.max()) == (0, 3)
    assert sorted(set((offsets % 5).flat)) == [0, 1, 2, 3, 4]
