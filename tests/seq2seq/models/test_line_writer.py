"""Which lines are asked again, and where doubts are; the rest is tested with whole solutions."""

import numpy as np
import pytest

from eqstream.data.loading.codec_fit import fit_codec_to_recipe
from eqstream.data.loading.codec_options import CodecOptions
from eqstream.seq2seq.models import line_writer
from eqstream.seq2seq.models.decoding import DecodedAnswers
from eqstream.seq2seq.models.line_writer import LineWriter, find_doubts
from tests.brute_force import make_recipe

SPACE = {"operands": {"min": 0, "max": 9}, "operators": "+-", "terms": 3, "brackets": True}
CODEC = fit_codec_to_recipe(
    make_recipe(SPACE, [{"name": "train", "count": 5}]), CodecOptions(steps=True, line_length=24)
)


def make_writer(answers, *, one_step=True):
    """Returns a writer whose model has doubts at its first character, and passes over none of them."""

    def decode(lines, barred):
        assert barred is None
        written = [answers[line] for line in CODEC.decode_questions(lines)]
        tokens = CODEC.encode_answers([text for text, _ in written])
        probabilities = np.ones(tokens.shape, np.float32)
        probabilities[:, 0] = [share for _, share in written]
        return DecodedAnswers(tokens, probabilities, np.log([share for _, share in written]))

    return LineWriter(CODEC, decode, num_orders=16, is_answer=str.isdigit, can_bracket=True, one_step=one_step)


def test_a_difference_that_is_taken_away_is_asked_turned():
    answers = {"9 - (5 - 2)": ("9 - 4", 0.6), "9 + (2 - 5)": ("9 + -3", 0.9), "2 - 5 + 9": ("-3 + 9", 0.8)}
    written = make_writer(answers).write([["9 - (5 - 2)"]])
    assert (written.asked, written.lines) == (["9 + (2 - 5)"], ["9 + -3"])


@pytest.mark.parametrize(("share", "is_asked_again"), [(0.9895, True), (0.9905, False)])
def test_a_line_is_sure_from_99_percent_on(share, is_asked_again):
    answers = {"1 + 2 + 3": ("3 + 3", share), "2 + 1 + 3": ("4 + 3", 0.9999)}
    answers |= dict.fromkeys(("3 + (1 + 2)", "3 + (2 + 1)"), (")", 0.1))
    written = make_writer(answers).write([["1 + 2 + 3"]])
    assert written.asked == ["2 + 1 + 3" if is_asked_again else "1 + 2 + 3"]


def test_no_second_choices_are_followed_where_every_equation_may_be_a_step():
    # As a fraction that is answered by itself: it was there before, and is right.
    written = make_writer({"9 - 2": ("9 - 2", 0.6)}, one_step=False).write([["9 - 2"]])
    assert written.lines == ["9 - 2"]


def test_no_second_choices_are_followed_behind_a_number():
    assert make_writer({"7": ("7", 0.6)}).write([["7"]]).lines == ["7"]


def test_what_is_not_written_as_equations_are_is_no_step():
    answers = {"1 + 2 - 3": ("03 - 3", 0.999), "2 + 1 - 3": ("3 - 3", 0.2)}
    written = make_writer(answers).write([["1 + 2 - 3"]])
    assert (written.asked, written.lines) == (["2 + 1 - 3"], ["3 - 3"])


def test_solutions_go_on_in_the_same_way_however_many_are_together(monkeypatch):
    answers = {f"{a} + {b}": (str(a + b), 0.7) for a in range(4) for b in range(4)}
    answers |= {"1 + 2": ("4", 0.6), "3 + 1": (")", 0.9)}
    writer, solutions = make_writer(answers), [[line] for line in answers]
    together = writer.write(solutions)
    monkeypatch.setattr(line_writer, "_MOST_TOGETHER", 3)
    apart = writer.write(solutions)
    assert (apart.asked, apart.lines) == (together.asked, together.lines)
    np.testing.assert_array_equal(apart.decoded.tokens, together.decoded.tokens)
    np.testing.assert_array_equal(apart.decoded.log_probabilities, together.decoded.log_probabilities)
    assert together.lines[solutions.index(["1 + 2"])] == "3"


@pytest.mark.parametrize("num_texts", [1, 3, 6])
def test_doubts_are_the_places_of_the_most_probable_first_mistakes(num_texts):
    probabilities = np.random.default_rng(num_texts).choice([0.3, 0.8, 0.995, 1.0], (num_texts, 5)).astype(np.float32)
    chances = {
        (row, step): np.prod(shares[:step], dtype=np.float64) * (1.0 - float(shares[step]))
        for row, shares in enumerate(probabilities)
        for step in range(len(shares))
    }
    expected = sorted((place for place in chances if chances[place] >= 0.01), key=lambda place: -chances[place])
    found = find_doubts(probabilities)
    assert len(found) == min(16, len(expected))
    np.testing.assert_allclose([chances[place] for place in found], [chances[place] for place in expected[:16]])


def test_where_next_to_all_is_certain_there_is_no_doubt():
    assert find_doubts(np.full((2, 3), 0.991, np.float32)) == []
