"""Questions asked in several orders, by a decoder whose answers and probabilities the test says."""

import numpy as np
import pytest

from eqstream.data.loading.codec_fit import fit_codec_to_recipe
from eqstream.data.loading.codec_options import CodecOptions
from eqstream.seq2seq.models import voting_decoder
from eqstream.seq2seq.models.decoding import DecodedAnswers, Vote
from eqstream.seq2seq.models.voting_decoder import VotingDecoder, choose_answer
from tests.brute_force import make_recipe

SPACE = {"operands": {"min": 0, "max": 9}, "operators": "+-", "terms": {"min": 2, "max": 3}, "brackets": True}
CODEC = fit_codec_to_recipe(make_recipe(SPACE, [{"name": "train", "count": 5}]), CodecOptions())


class Writer:
    """Answers as `answers` says, with these probabilities, and notes the questions."""

    def __init__(self, answers, codec=CODEC, solutions=False):
        self.answers, self.codec, self.solutions, self.asked = answers, codec, solutions, []

    def decode(self, questions, on_batch=None):
        texts = self.codec.decode_questions(questions)
        self.asked += texts
        answers = [self.answers[text] for text in texts]
        tokens = self.codec.encode_answers([answer for answer, _ in answers])
        if on_batch is not None:
            for _ in texts:
                on_batch(1)
        shares = np.array([share for _, share in answers])
        solutions = [[text, answer] for text, (answer, _) in zip(texts, answers, strict=True)]
        probabilities = np.repeat(shares[:, None].astype(np.float32), tokens.shape[1], axis=1)
        return DecodedAnswers(tokens, probabilities, np.log(shares), solutions if self.solutions else None)


def ask(writer, questions, orders, can_bracket=lambda _: True, on_batch=None):
    decoder = VotingDecoder(writer, writer.codec, orders=orders, can_bracket=can_bracket)
    decoded = decoder.decode(writer.codec.encode_questions(questions), on_batch)
    assert decoded.votes is not None
    return writer.codec.decode_predictions(decoded.tokens), decoded.votes, decoded


def test_the_likeliest_answer_is_taken_and_all_is_of_the_first_order_that_has_it():
    writer = Writer(
        {
            "1 + 2 + 3": ("7", 0.5),
            "2 + 1 + 3": ("6", 0.3),
            "3 + (1 + 2)": ("6", 0.4),
            "3 + (2 + 1)": ("8", 0.2),
            "4 + 5": ("9", 0.6),
            "5 + 4": ("8", 0.5),
        },
        solutions=True,
    )
    answers, votes, decoded = ask(writer, ["1 + 2 + 3", "4 + 5"], 4)
    assert answers == ["6", "9"]
    assert votes == [
        Vote(asked="2 + 1 + 3", num_orders=4, num_agreeing=2),
        Vote(asked="4 + 5", num_orders=2, num_agreeing=1),
    ]
    assert decoded.solutions == [["2 + 1 + 3", "6"], ["4 + 5", "9"]]
    np.testing.assert_allclose(decoded.log_probabilities, np.log([0.3, 0.6]))
    np.testing.assert_allclose(decoded.probabilities[:, 0], [0.3, 0.6], rtol=1e-6)


def test_a_question_is_asked_as_it_is_and_in_no_more_orders_than_wanted():
    writer = Writer({"1 + 2 + 3": ("6", 0.5), "3 + (2 + 1)": ("6", 0.5), "3 + (1 + 2)": ("6", 0.5), "7 - 1": ("6", 1)})
    writer.answers["2 + 1 + 3"] = ("6", 0.5)
    _, votes, _ = ask(writer, ["1 + 2 + 3", "7 - 1"], 2)
    assert [vote.num_orders for vote in votes] == [2, 1]
    assert len(writer.asked) == 3
    assert {"1 + 2 + 3", "7 - 1"} < set(writer.asked)


def test_orders_that_take_brackets_are_left_out_where_the_question_may_have_none():
    orders = ["1 + 2 + 3", "2 + 1 + 3", "4 + 5 + 6", "5 + 4 + 6", "6 + (4 + 5)", "6 + (5 + 4)"]
    writer = Writer(dict.fromkeys(orders, ("6", 0.5)))
    _, votes, _ = ask(writer, ["1 + 2 + 3", "4 + 5 + 6"], 5, can_bracket=lambda question: "4" in question)
    assert [vote.num_orders for vote in votes] == [2, 4]


def test_orders_that_the_model_cannot_be_asked_are_left_out():
    space = SPACE | {"brackets": False}
    codec = fit_codec_to_recipe(make_recipe(space, [{"name": "train", "count": 5}]), CodecOptions())
    writer = Writer({"1 + 2 + 3": ("6", 0.5), "2 + 1 + 3": ("6", 0.5)}, codec)
    _, (vote,), _ = ask(writer, ["1 + 2 + 3"], 5)
    assert vote.num_orders == 2


def test_as_many_questions_are_reported_as_there_are():
    writer = Writer({"1 + 2": ("3", 0.5), "2 + 1": ("3", 0.5), "4 - 1": ("3", 0.5)})
    counts = []
    ask(writer, ["1 + 2", "4 - 1"], 3, on_batch=counts.append)
    assert sum(counts) == 2


def test_answers_are_the_same_however_many_questions_are_asked_at_once(monkeypatch):
    writer = Writer({f"{a} - {b}": (str(a - b), 0.5) for a in range(4) for b in range(3)}, solutions=True)
    for a, b in ((1, 2), (3, 4), (5, 6)):
        writer.answers |= {f"{a} + {b}": (str(a + b), 0.5), f"{b} + {a}": ("9", 0.6)}
    questions = [text for text in writer.answers if text not in ("2 + 1", "4 + 3", "6 + 5")]
    answers, votes, decoded = ask(writer, questions, 2)
    sizes, decode = [], writer.decode
    monkeypatch.setattr(writer, "decode", lambda asked, on_batch: sizes.append(len(asked)) or decode(asked, on_batch))
    monkeypatch.setattr(voting_decoder, "_MOST_ASKED_AT_ONCE", 4)
    counts = []
    few_answers, few_votes, few = ask(writer, questions, 2, on_batch=counts.append)
    assert (few_answers, few_votes, few.solutions) == (answers, votes, decoded.solutions)
    for name in ("tokens", "probabilities", "log_probabilities"):
        np.testing.assert_array_equal(getattr(few, name), getattr(decoded, name))
    assert max(sizes) <= 4
    assert len(sizes) == 8
    assert sum(counts) == len(questions)


def test_no_questions_have_no_answers():
    answers, votes, _ = ask(Writer({}), [], 3)
    assert (answers, votes) == ([], [])


@pytest.mark.parametrize(
    ("answers", "probabilities", "expected"),
    [
        (["7"], [0.1], (0, 1)),
        (["7", "8"], [0.5, 0.5], (0, 1)),
        (["7", "8", "8"], [0.5, 0.2, 0.2], (0, 1)),
        (["7", "8", "8"], [0.5, 0.2, 0.31], (1, 2)),
        # What is no number is an answer only if there is no other.
        (["1?", "1?", "8"], [0.9, 0.9, 0.1], (2, 1)),
        (["2 + 3", "", "-0.5"], [0.9, 0.9, 0.1], (2, 1)),
        (["1?", "(2", "(2"], [0.4, 0.3, 0.3], (1, 2)),
        (["2/3", "1/3", "2/3"], [0.4, 0.5, 0.3], (0, 2)),
    ],
)
def test_which_answer_is_the_likeliest(answers, probabilities, expected):
    assert choose_answer(answers, np.log(probabilities)) == expected


def test_tiny_probabilities_are_told_apart():
    assert choose_answer(["7", "8", "8"], np.array([-5000.0, -5000.5, -5000.5])) == (1, 2)
