import itertools
from typing import Any

import numpy as np
import pytest

from eqstream.data.loading.codec_fit import fit_codec_to_recipe
from eqstream.data.loading.codec_options import CodecOptions
from eqstream.data.reference.parsing import parse, render
from eqstream.data.reference.solution import next_line
from eqstream.seq2seq.models import solving_decoder
from eqstream.seq2seq.models.decoding import DecodedAnswers
from eqstream.seq2seq.models.solving_decoder import MAX_LINES, SolvingDecoder
from tests.brute_force import make_recipe

RECIPE = make_recipe(
    {"operands": {"min": 0, "max": 99}, "operators": "+*", "terms": {"min": 2, "max": 3}},
    [{"name": "train", "count": 5}],
)
OPTIONS = CodecOptions(steps=True, line_length=24, reverse_question=True, reverse_answer=True)
FRACTIONS = make_recipe({"operands": {"min": 0, "max": 99}, "operators": "/", "division": "fraction"}).space
CODEC = fit_codec_to_recipe(RECIPE, OPTIONS)


def right_line(line):
    return render(next_line(parse(line)))


class Writer:
    """In place of a greedy decoder: writes what `write` says, and notes how many lines it is asked for at once."""

    def __init__(self, write):
        self.write, self.sizes = write, []

    def decode(self, questions, *, barred=None):
        assert barred is None
        self.sizes.append(len(questions))
        tokens = CODEC.encode_answers([self.write(line) for line in CODEC.decode_questions(questions)])
        return DecodedAnswers(tokens, np.full(tokens.shape, 0.5, np.float32), np.full(len(tokens), np.log(0.5)))


class Model:
    codec = CODEC


@pytest.fixture
def solve(monkeypatch):
    """Returns a function that lets a writer solve questions, and returns the lines, the answers and the writer."""

    def solve(write, questions, *, spaces=(RECIPE.space,)):
        writer = Writer(write)
        monkeypatch.setattr(solving_decoder, "GreedyDecoder", lambda *_, **__: writer)
        ended = []
        model: Any = Model()
        written = SolvingDecoder(model, spaces, line_orders=1).decode(CODEC.encode_questions(questions), ended.append)
        assert sum(ended) == len(questions)
        assert written.solutions is not None
        assert [lines[0] for lines in written.solutions] == questions
        np.testing.assert_allclose(
            written.log_probabilities, [(len(lines) - 1) * np.log(0.5) for lines in written.solutions]
        )
        return [lines[1:] for lines in written.solutions], CODEC.decode_predictions(written.tokens), writer

    return solve


def test_each_question_is_asked_until_a_number_is_left(solve):
    questions = ["1 + 2", "12 * 34 + 7", "5 * 6 * 7"]
    lines, answers, writer = solve(right_line, questions)
    assert lines == [
        ["3"],
        ["360 + 12 * 4 + 7", "360 + 48 + 7", "408 + 7", "415"],
        ["30 * 7", "210"],
    ]
    assert answers == ["3", "415", "210"]
    assert writer.sizes == [3, 2, 1, 1]


@pytest.mark.parametrize("line", ["1 + (2", "1)", "1.", "-"])
def test_a_line_that_is_no_equation_ends_a_solution(line, solve):
    lines, answers, _ = solve(lambda _: line, ["1 + 2", "3 + 4"])
    assert lines == [[line], [line]]
    assert answers == [line, line]


def test_a_solution_that_does_not_get_anywhere_ends(solve):
    lines, _, _ = solve(lambda line: line, ["1 + 2"])
    assert lines == [["1 + 2"]]
    swapped = {"1 + 2": "2 + 1", "2 + 1": "1 + 2"}
    lines, answers, _ = solve(swapped.get, ["1 + 2"])
    assert lines == [["2 + 1", "1 + 2"]]
    assert answers == ["1 + 2"]
    lines, _, _ = solve(lambda line: f"{1 + int(line.split()[0])} + 2", ["1 + 2"])
    assert len(lines[0]) == MAX_LINES
    assert lines[0][-1] == f"{MAX_LINES + 1} + 2"


def test_a_fraction_that_is_written_ends_a_solution_where_sides_are_factored(solve):
    written = {"14 / 15": "2 * 7 / 15", "2 * 7 / 15": "2 * 7 / (3 * 5)", "2 * 7 / (3 * 5)": "14 / (3 * 5)"}
    written |= {"14 / (3 * 5)": "14 / 15", "7 / 5": "7 / 5", "4 / 6": "-42 / 45", "-42 / 45": "3"}
    questions = ["14 / 15", "7 / 5", "4 / 6"]
    lines, answers, writer = solve(written.get, questions, spaces=(RECIPE.space, FRACTIONS))
    assert lines == [["2 * 7 / 15", "2 * 7 / (3 * 5)", "14 / (3 * 5)", "14 / 15"], ["7 / 5"], ["-42 / 45"]]
    assert answers == ["14 / 15", "7 / 5", "-42 / 45"]
    assert writer.sizes == [3, 1, 1, 1]
    assert solve(written.get, ["4 / 6"])[0] == [["-42 / 45", "3"]]


def test_nothing_is_asked_of_no_question(solve):
    assert solve(right_line, [])[0] == []


class Doubter:
    """In place of a greedy decoder: sure of what `answers` has, by line, unsure of the wrong lines of all others.

    `second_choices` has what is written instead by line, by the number of the character that is passed over, counted
    from the end as the model writes, and the probability of the first choice there.
    """

    def __init__(self, answers, second_choices):
        self.answers, self.second_choices, self.asked, self.barred = answers, second_choices, [], []

    def decode(self, questions, *, barred=None):
        lines = CODEC.decode_questions(questions)
        self.asked.append(lines)
        self.barred.append(barred)
        written = [self.answers.get(line, ("1", 0.2)) for line in lines]
        if barred is not None:
            steps = [np.flatnonzero(row).tolist() for row in barred]
            assert all(len(each) == 1 for each in steps)
            written = [self.second_choices[line][step][1:] for line, (step,) in zip(lines, steps, strict=True)]
        tokens = CODEC.encode_answers([text for text, _ in written])
        probabilities = np.ones(tokens.shape, np.float32)
        for row, line in enumerate(lines):
            for step, (share, *_) in self.second_choices.get(line, {}).items():
                probabilities[row, step] = share
        return DecodedAnswers(tokens, probabilities, np.log([share for _, share in written]))


def solve_with_doubts(answers, question, monkeypatch, *, spaces=(RECIPE.space,), second_choices=None, **options):
    doubter = Doubter(answers, second_choices or {})
    monkeypatch.setattr(solving_decoder, "GreedyDecoder", lambda *_, **__: doubter)
    model: Any = Model()
    decoded = SolvingDecoder(model, spaces, **options).decode(CODEC.encode_questions([question]))
    assert decoded.solutions is not None
    return decoded, doubter


def test_a_line_that_the_model_is_unsure_of_is_asked_in_other_orders(monkeypatch):
    answers = {"3 * 4 + 5": ("13 + 5", 0.6), "5 + 3 * 4": ("5 + 12", 0.9), "5 + 12": ("17", 0.995)}
    decoded, doubter = solve_with_doubts(answers, "3 * 4 + 5", monkeypatch)
    assert decoded.solutions == [["3 * 4 + 5", "5 + 3 * 4", "5 + 12", "17"]]
    assert decoded.reordered == [[1]]
    assert decoded.log_probabilities == pytest.approx(np.log([0.9 * 0.995]))
    assert CODEC.decode_predictions(decoded.tokens) == ["17"]
    assert sorted(doubter.asked[1]) == ["4 * 3 + 5", "5 + 3 * 4", "5 + 4 * 3"]
    # It was sure of that line: nothing was asked after it but the line itself.
    assert doubter.asked[2:] == [["5 + 12"]]


def test_no_line_is_asked_again_in_one_order(monkeypatch):
    decoded, doubter = solve_with_doubts({"3 * 4": ("13", 0.6)}, "3 * 4", monkeypatch, line_orders=1)
    assert decoded.solutions == [["3 * 4", "13"]]
    assert doubter.asked == [["3 * 4"]]


@pytest.mark.parametrize(
    ("answers", "solution"),
    [
        # Of equal ones the line as it is.
        ({"3 * 4": ("12", 0.5), "4 * 3": ("13", 0.5)}, ["3 * 4", "12"]),
        ({"3 * 4": ("12", 0.5), "4 * 3": ("13", 0.4)}, ["3 * 4", "12"]),
        # What is no equation is asked again however sure the model is, and is taken only if there is nothing else.
        ({"3 * 4": ("1)", 0.995), "4 * 3": ("12", 0.1)}, ["3 * 4", "4 * 3", "12"]),
        ({"3 * 4": ("1)", 0.3), "4 * 3": ("(2", 0.4)}, ["3 * 4", "4 * 3", "(2"]),
        # So is a line that was there before.
        ({"3 * 4": ("3 * 4", 0.995), "4 * 3": ("12", 0.1)}, ["3 * 4", "4 * 3", "12"]),
        ({"3 * 4": ("3 * 4", 0.995), "4 * 3": ("4 * 3", 0.1)}, ["3 * 4", "3 * 4"]),
        (
            {"3 * 4": ("6 * 2", 0.995), "6 * 2": ("3 * 4", 0.995), "2 * 6": ("12", 0.1)},
            ["3 * 4", "6 * 2", "2 * 6", "12"],
        ),
    ],
)
def test_the_likeliest_equation_is_taken(answers, solution, monkeypatch):
    # With fractions any equation may be a step.
    decoded, _ = solve_with_doubts(answers, "3 * 4", monkeypatch, spaces=(RECIPE.space, FRACTIONS))
    assert decoded.solutions == [solution]


@pytest.mark.parametrize(
    ("written", "solution"),
    [
        (("6 + 4", 0.1), ["2 * 3 + 4", "3 * 2 + 4", "6 + 4"]),
        # Of equations that are all no step the most probable one; no step counts more than no equation.
        (("6 + 5", 0.1), ["2 * 3 + 4", "7 + 5"]),
        (("6 + ", 0.999), ["2 * 3 + 4", "7 + 5"]),
    ],
)
def test_a_line_that_can_be_no_step_is_asked_again(written, solution, monkeypatch):
    answers = {"2 * 3 + 4": ("7 + 5", 0.995), "3 * 2 + 4": written, "7 + 5": ("12", 0.995), "6 + 4": ("10", 0.995)}
    decoded, _ = solve_with_doubts(answers, "2 * 3 + 4", monkeypatch)
    assert decoded.solutions is not None
    assert decoded.solutions[0][:-1] == solution


def test_with_fractions_a_line_may_be_no_step_that_is_known(monkeypatch):
    answers = {"2 * 3 + 4": ("7 + 5", 0.995), "7 + 5": ("12", 0.995)}
    decoded, doubter = solve_with_doubts(answers, "2 * 3 + 4", monkeypatch, spaces=(RECIPE.space, FRACTIONS))
    assert decoded.solutions == [["2 * 3 + 4", "7 + 5", "12"]]
    assert doubter.asked == [["2 * 3 + 4"], ["7 + 5"]]


SECOND_CHOICES = {
    "2 * 3 + 4": {0: (0.9, "6 + 4", 0.05), 2: (0.7, "8 + 4", 0.2)},
    "4 + 2 * 3": {0: (0.8, "4 + 9", 0.15)},
}


def test_second_choices_are_followed_where_no_order_gives_a_step(monkeypatch):
    answers = {"2 * 3 + 4": ("7 + 5", 0.6), "4 + 2 * 3": ("4 + ", 0.7), "8 + 4": ("12", 0.999)}
    decoded, doubter = solve_with_doubts(answers, "2 * 3 + 4", monkeypatch, second_choices=SECOND_CHOICES)
    # The most probable of the three that can be steps.
    assert decoded.solutions == [["2 * 3 + 4", "8 + 4", "12"]]
    assert decoded.log_probabilities == pytest.approx(np.log([0.2 * 0.999]))
    # The places are those of the greatest doubt, of all orders.
    assert doubter.asked[2] == ["2 * 3 + 4", "4 + 2 * 3", "2 * 3 + 4"]
    assert [np.flatnonzero(row).tolist() for row in doubter.barred[2]] == [[2], [0], [0]]
    tokens = CODEC.encode_answers(["7 + 5", "4 + ", "7 + 5"])
    assert [row.max() for row in doubter.barred[2]] == [tokens[0, 2], tokens[1, 0], tokens[2, 0]]


def test_a_second_choice_that_can_be_no_step_does_not_count_more_than_a_first_one(monkeypatch):
    answers = {"2 * 3 + 4": ("7 + 5", 0.6), "7 + 5": ("12", 0.999)}
    second_choices = {"2 * 3 + 4": {0: (0.9, "7 + 6", 0.05), 1: (0.8, "6 +", 0.9)}}
    decoded, _ = solve_with_doubts(answers, "2 * 3 + 4", monkeypatch, second_choices=second_choices)
    assert decoded.solutions == [["2 * 3 + 4", "7 + 5", "12"]]


@pytest.mark.parametrize("answer", [("6 + 4", 0.6), ("7 + 5", 0.999)])
def test_no_second_choice_is_followed_where_there_is_a_step_or_no_doubt(answer, monkeypatch):
    second_choices = SECOND_CHOICES if answer[0] == "6 + 4" else {}
    answers = {"2 * 3 + 4": answer, "6 + 4": ("10", 0.999), "7 + 5": ("12", 0.999)}
    _, doubter = solve_with_doubts(answers, "2 * 3 + 4", monkeypatch, second_choices=second_choices)
    assert doubter.barred == [None] * len(doubter.asked)


def test_a_fraction_that_was_the_question_is_an_answer_and_is_not_asked_again(monkeypatch):
    written = ["14 / 15", "2 * 7 / 15", "2 * 7 / (3 * 5)", "14 / (3 * 5)", "14 / 15"]
    answers = {line: (following, 0.995) for line, following in itertools.pairwise(written)}
    decoded, doubter = solve_with_doubts(answers, "14 / 15", monkeypatch, spaces=(RECIPE.space, FRACTIONS))
    assert decoded.solutions == [written]
    assert doubter.asked == [[line] for line in written[:-1]]


def test_no_line_is_asked_again_where_no_question_has_another_order(monkeypatch):
    answers = {"84 / 90": ("3 * 4", 0.6), "3 * 4": ("12", 0.6), "4 * 3": ("12", 0.9)}
    _, doubter = solve_with_doubts(answers, "84 / 90", monkeypatch, spaces=(FRACTIONS,))
    assert doubter.asked == [["84 / 90"], ["3 * 4"]]


def test_a_line_that_a_model_writes_in_another_order_was_not_asked(monkeypatch):
    answers = {"3 * 4": ("4 * 3", 0.995), "4 * 3": ("12", 0.995)}
    decoded, _ = solve_with_doubts(answers, "3 * 4", monkeypatch, spaces=(RECIPE.space, FRACTIONS))
    assert decoded.solutions == [["3 * 4", "4 * 3", "12"]]
    assert decoded.reordered == [[]]


def test_lines_get_no_brackets_where_no_space_has_any(monkeypatch):
    _, doubter = solve_with_doubts({}, "3 + 4 + 5", monkeypatch)
    assert sorted(doubter.asked[1]) == ["4 + 3 + 5"]
