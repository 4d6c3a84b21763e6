import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eqstream.data.errors import UserError
from eqstream.data.formats.string_matrix import ByteRows
from eqstream.data.loading.codec import CODEC_VERSION, Codec
from eqstream.data.loading.codec_fit import fit_codec
from eqstream.data.loading.codec_options import CodecOptions
from eqstream.data.loading.token_alphabet import END, NUM_RESERVED, PAD, START
from tests.data.loading.codec_options import ALL_OPTIONS
from tests.recipes import ADDITION, MIXED


@pytest.mark.parametrize("options", ALL_OPTIONS)
def test_every_choice_of_options_comes_back_as_the_text_that_went_in(options):
    codec = fit_codec([(ADDITION.space, ADDITION.facts)], options)
    questions = [f"{a} + {b}" for a in (0, 7, 10, 99, 100, 999) for b in (0, 5, 90, 705, 999)]
    answers = [str(sum(map(int, question.split(" + ")))) for question in questions]
    assert codec.decode_questions(codec.encode_questions(questions)) == questions
    assert codec.decode_answers(codec.encode_answers(answers)) == answers


@pytest.mark.parametrize("options", ALL_OPTIONS)
def test_signs_decimals_and_brackets_come_back(options):
    codec = fit_codec([(MIXED.space, MIXED.facts)], options)
    questions = ["3 - -5", "-0.5 * (-2 - -7)", "10", "(1.5 + 2) / -3", "0 - 0", "-99.9 + (-99.9 - -99.9)"]
    answers = ["-7", "0", "0.25", "-1000.02", "100", "-0.04"]
    assert codec.decode_questions(codec.encode_questions(questions)) == questions
    assert codec.decode_answers(codec.encode_answers(answers)) == answers


numbers = st.decimals(min_value=-99, max_value=99, places=1).map(lambda value: f"{value.normalize() + 0:f}")


@given(
    texts=st.lists(st.tuples(numbers, st.sampled_from("+-*/"), numbers).map(" ".join), min_size=1, max_size=20),
    options=st.sampled_from(ALL_OPTIONS),
)
def test_any_batch_of_questions_comes_back(texts, options):
    codec = fit_codec([(MIXED.space, MIXED.facts)], options)
    tokens = codec.encode_questions(texts)
    assert tokens.shape == (len(texts), codec.question_width)
    assert codec.decode_questions(tokens) == texts


@given(
    answers=st.lists(numbers, min_size=1, max_size=20),
    options=st.sampled_from(ALL_OPTIONS),
)
def test_any_batch_of_answers_comes_back_with_its_end(answers, options):
    codec = fit_codec([(MIXED.space, MIXED.facts)], options)
    tokens = codec.encode_answers(answers)
    assert tokens.shape == (len(answers), codec.answer_width)
    assert ((tokens == END).sum(axis=1) == 1).all()
    assert not (tokens == START).any()
    assert codec.decode_answers(tokens) == answers == codec.decode_predictions(tokens)


@given(
    question=st.tuples(numbers, st.sampled_from("+-*/"), numbers).map(" ".join),
    answer=numbers,
    options=st.sampled_from(ALL_OPTIONS),
    data=st.data(),
)
def test_one_changed_token_is_refused_or_is_another_text(question, answer, options, data):
    codec = fit_codec([(MIXED.space, MIXED.facts)], options)
    for tokens, decode, text in (
        (codec.encode_questions([question]), codec.decode_questions, question),
        (codec.encode_answers([answer]), codec.decode_answers, answer),
    ):
        place = data.draw(st.integers(0, tokens.shape[1] - 1))
        other = data.draw(st.integers(0, codec.num_tokens).filter(lambda token, old=tokens[0, place]: token != old))
        tokens[0, place] = other
        try:
            assert decode(tokens) != [text]
        except UserError:
            continue


@given(
    rows=st.lists(st.lists(st.integers(0, 255), min_size=9, max_size=9), min_size=1, max_size=4),
    options=st.sampled_from(ALL_OPTIONS),
)
def test_random_tokens_are_refused_or_are_what_their_text_encodes_to(rows, options):
    texts = ADDITION.with_facts(max_answer_length=3)
    codec = fit_codec([(texts.space, texts.facts)], options)
    for width, decode, encode in (
        (codec.question_width, codec.decode_questions, codec.encode_questions),
        (codec.answer_width, codec.decode_answers, codec.encode_answers),
    ):
        # Mostly ids of characters and pads, or hardly any row would be well formed.
        tokens = np.array(rows)[:, :width] % (codec.num_tokens + 1)
        try:
            texts = decode(tokens)
        except UserError:
            continue
        assert np.array_equal(encode(texts), tokens)


def test_tokens_are_laid_out_as_documented():
    codec = ADDITION.codec()
    ids = {character: NUM_RESERVED + place for place, character in enumerate("+0123456789")}
    assert codec.alphabet == "+0123456789"
    assert codec.num_tokens == 14
    assert codec.encode_questions(["31 + 7"]).tolist() == [[ids["3"], ids["1"], ids["+"], ids["7"], PAD, PAD, PAD]]
    assert codec.encode_answers(["38"]).tolist() == [[ids["3"], ids["8"], END, PAD, PAD]]
    assert codec.encode_questions(["31 + 7"]).dtype == np.uint8


def test_padding_zeros_and_reversal_do_what_they_say():
    options = CodecOptions(padding="left", zero_padding=True, reverse_answer=True, spaces="keep")
    codec = fit_codec([(ADDITION.space, ADDITION.facts)], options)
    plain = ADDITION.codec(spaces="keep")
    assert codec.encode_questions(["31 + 7"])[0, -9:].tolist() == plain.encode_questions(["031 + 007"])[0].tolist()
    signs = codec.describe_tokens(codec.encode_answers(["38"])[0])
    assert signs == ["8", "3", "0", "0", "∎"]
    backwards = ADDITION.codec(padding="left", reverse_question=True)
    assert backwards.describe_tokens(backwards.encode_questions(["31 + 7"])[0]) == ["□", "□", "□", "7", "+", "1", "3"]


def test_questions_end_and_answers_are_filled_up_with_spaces_as_published():
    codec = ADDITION.codec(spaces="keep", end_question=True, answer_padding="left")
    assert (codec.question_width, codec.answer_width) == (10, 5)
    signs = [codec.describe_tokens(row) for row in codec.encode_questions(["31 + 7", "999 + 999"])]
    assert ["".join(each) for each in signs] == ["31 + 7∎", "999 + 999∎"]
    assert codec.encode_questions(["31 + 7"])[0, 7:].tolist() == [PAD] * 3
    assert ["".join(codec.describe_tokens(row)) for row in codec.encode_answers(["38", "1998"])] == ["  38∎", "1998∎"]
    left = ADDITION.codec(padding="left", end_question=True)
    assert "".join(left.describe_tokens(left.encode_questions(["31 + 7"])[0])) == "□□□31+7∎"


def test_spaces_come_last_where_answers_are_written_backwards():
    codec = ADDITION.codec(answer_padding="left", reverse_answer=True)
    assert "".join(codec.describe_tokens(codec.encode_answers(["38"])[0])) == "83  ∎"
    assert codec.decode_predictions(codec.encode_answers(["38"])) == ["38"]


def test_a_prediction_that_is_not_filled_up_with_spaces_is_no_answer():
    codec = ADDITION.codec(answer_padding="left")
    space, three = (NUM_RESERVED + codec.alphabet.index(character) for character in " 3")
    rows = [
        [space, space, space, three, END],
        [three, END, PAD, PAD, PAD],
        [three, space, space, space, END],
        [space, space, space, space, END],
    ]
    assert codec.decode_predictions(np.array(rows)) == ["3", "3?", "3   ", "?"]


def test_a_question_without_its_end_is_refused():
    codec = ADDITION.codec(end_question=True)
    row = codec.encode_questions(["31 + 7"])
    row[row == END] = PAD
    with pytest.raises(UserError, match=r"^row 0 of the tokens is not an encoded question$"):
        codec.decode_questions(row)


def test_a_codec_saved_before_answers_had_a_padding_of_their_own_still_opens(tmp_path):
    codec = ADDITION.codec(padding="left")
    mapping = codec.to_dict()
    for key in ("answer_padding", "end_question"):
        del mapping["options"][key]
    assert Codec.from_dict(mapping) == codec


def test_bytes_arrays_and_rows_give_the_tokens_of_strings():
    codec, texts = ADDITION.codec(), ["1 + 2", "345 + 67"]
    expected = codec.encode_questions(texts)
    for same in ([text.encode() for text in texts], np.array(texts), ByteRows.from_texts(texts)):
        assert np.array_equal(codec.encode_questions(same), expected)


def test_no_texts_give_no_tokens():
    codec = ADDITION.codec(zero_padding=True, reverse_question=True)
    assert codec.encode_questions([]).shape == (0, codec.question_width)
    assert codec.decode_answers(codec.encode_answers([])) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("12 * 3", r"question `12 \* 3` has '\*' at position 4, which is none of the characters"),
        ("1111 + 222", "question `1111 . 222` has 10 characters, at most 9 fit"),
        ("", "question 2 is empty"),
        ("1 + \u0663", "at position 5, not ASCII"),
        ("1 + 2\0", "zero byte"),
        ("1\0+ 2", "zero byte"),
    ],
)
def test_questions_that_do_not_fit_are_refused_by_text_and_position(text, message):
    with pytest.raises(UserError, match=message):
        ADDITION.codec().encode_questions(["1 + 1", text])


def test_an_answer_may_not_have_spaces_even_if_questions_may():
    with pytest.raises(UserError, match="answer `1 2` has ' ' at position 2"):
        ADDITION.codec().encode_answers(["1 2"])


def test_a_number_that_is_longer_than_its_zero_padding_still_fits_or_is_refused():
    codec = ADDITION.codec(zero_padding=True)
    with pytest.raises(UserError, match="has 6 characters, at most 4 fit"):
        codec.encode_answers(["123456"])


@pytest.mark.parametrize(
    ("options", "text", "num_tokens", "width"),
    [
        (CodecOptions(zero_padding=True), "1234 + 1", 8, 7),
        (CodecOptions(), "12345678+", 9, 7),
        (CodecOptions(spaces="keep", zero_padding=True), "123456+1", 10, 9),
    ],
)
def test_a_question_with_too_many_tokens_is_shown_as_it_was_given(options, text, num_tokens, width):
    codec = fit_codec([(ADDITION.space, ADDITION.facts)], options)
    message = f"question `{text}` takes {num_tokens} tokens, at most {width} fit"
    with pytest.raises(UserError, match=f"^{re.escape(message)}$"):
        codec.encode_questions(["1 + 1", text])


@pytest.mark.parametrize(
    "row",
    [
        [5, 6, 7, PAD, 8, PAD, PAD],  # a pad inside
        [5, 6, START, 7, PAD, PAD, PAD],
        [5, 6, END, 7, PAD, PAD, PAD],
        [5, 6, 99, 7, PAD, PAD, PAD],
        [PAD, PAD, 5, 3, 5, PAD, PAD],  # padded on the wrong side
        [PAD] * 7,
    ],
)
def test_rows_that_are_no_encoded_question_are_refused(row):
    codec = ADDITION.codec()
    with pytest.raises(UserError, match=r"row 1 of the tokens is not an encoded question|question 2 is empty"):
        codec.decode_questions(np.array([codec.encode_questions(["1 + 1"])[0], row]))


@pytest.mark.parametrize(
    "row", [[5, 6, 7, 8, 9], [5, PAD, END, PAD, PAD], [5, 6, END, 7, PAD], [END, PAD, PAD, PAD, PAD]]
)
def test_rows_that_are_no_encoded_answer_are_refused(row):
    with pytest.raises(UserError, match="row 0 of the tokens is not an encoded answer"):
        ADDITION.codec().decode_answers(np.array([row]))


def test_malformed_predictions_are_shown_and_never_equal_an_answer():
    codec = ADDITION.codec()
    one, two = codec.encode_answers(["12"])[0][:2]
    rows = [
        [one, two, END, two, START],  # what follows the end is not read
        [one, two, one, two, one],  # no end
        [one, PAD, two, END, PAD],
        [one, START, two, END, PAD],
        [END, PAD, PAD, PAD, PAD],
        [PAD] * 5,
    ]
    assert codec.decode_predictions(np.array(rows)) == ["12", "12121?", "1?2", "1?2", "", "??????"]
    backwards = ADDITION.codec(reverse_answer=True)
    assert backwards.decode_predictions(np.array(rows))[:2] == ["21", "12121?"]


@pytest.mark.parametrize("is_reversed", [False, True])
def test_a_prediction_without_its_zeros_is_no_answer(is_reversed):
    codec = ADDITION.codec(zero_padding=True, reverse_answer=is_reversed)
    whole = codec.encode_answers(["7", "18"])
    assert codec.decode_predictions(whole) == ["7", "18"]
    width = codec.answer_width
    zero, seven = NUM_RESERVED + codec.alphabet.index("0"), NUM_RESERVED + codec.alphabet.index("7")
    short = np.full((3, width), PAD)
    short[0, :2] = seven, END
    short[1, :1] = END
    short[2] = zero
    assert codec.decode_predictions(short) == ["7?", "", "0?"]


def test_tokens_of_the_wrong_shape_or_range_are_refused():
    codec = ADDITION.codec()
    with pytest.raises(UserError, match=r"shape \(number of texts, 5\), got \(2, 4\)"):
        codec.decode_predictions(np.zeros((2, 4), int))
    with pytest.raises(UserError, match="from 0 to 255, got -1 to 300"):
        codec.decode_predictions(np.array([[-1, 0, 0, 0, 300]]))


@pytest.mark.parametrize("options", ALL_OPTIONS[::5])
def test_a_saved_codec_is_the_same_codec(options, tmp_path):
    codec = fit_codec([(MIXED.space, MIXED.facts)], options)
    codec.save(tmp_path / "codec.json")
    assert Codec.load(tmp_path / "codec.json") == codec


def test_a_damaged_or_newer_codec_is_refused(tmp_path):
    path = tmp_path / "codec.json"
    with pytest.raises(UserError, match="cannot be read"):
        Codec.load(path)
    path.write_text("{")
    with pytest.raises(UserError, match="cannot be read"):
        Codec.load(path)
    mapping = ADDITION.codec().to_dict()
    with pytest.raises(UserError, match=f"version {CODEC_VERSION + 1}.*update eqstream"):
        Codec.from_dict({**mapping, "version": CODEC_VERSION + 1})
    with pytest.raises(UserError, match="unknown key `alphabets`; did you mean `alphabet`"):
        Codec.from_dict({**mapping, "alphabets": "1"})
