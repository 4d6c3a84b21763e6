"""What a person is shown of the lines that a model writes."""

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from eqstream.data.loading.codec_fit import fit_codec_to_recipe
from eqstream.data.loading.codec_options import CodecOptions
from eqstream.data.reference.evaluation import evaluate
from eqstream.data.reference.explanation import judge_solution
from eqstream.data.reference.parsing import parse
from eqstream.data.reference.solution import line_text, next_line
from eqstream.data.reference.step_rules import make_number
from eqstream.seq2seq import predict
from eqstream.seq2seq.models import solving_decoder
from eqstream.seq2seq.models.decoding import DecodedAnswers, Vote
from eqstream.seq2seq.models.voting_decoder import VotingDecoder
from eqstream.seq2seq.predict import Prediction, Predictor
from eqstream.seq2seq.runs.trained_model import TrainedModel
from tests.brute_force import make_recipe


def make_predictor(monkeypatch, division, write, *, operators="/", terms=2) -> Predictor:
    """Returns the predictor of a model that answers a line with what `write` says."""
    space = {"operands": {"min": 0, "max": 99}, "operators": operators, "terms": terms, "division": division}
    recipe = make_recipe(space, [{"name": "train", "count": 5}])
    codec = fit_codec_to_recipe(recipe, CodecOptions(steps=True, line_length=24))

    def decode(questions, *, barred=None):
        del barred
        tokens = codec.encode_answers([write(line) for line in codec.decode_questions(questions)])
        return DecodedAnswers(tokens, np.full(tokens.shape, 0.5, np.float32), np.zeros(len(tokens)))

    def ask_in_orders(decoder, orders):
        return VotingDecoder(decoder, codec, orders=orders, can_bracket=lambda _: False) if orders > 1 else decoder

    monkeypatch.setattr(solving_decoder, "GreedyDecoder", lambda *_, **__: SimpleNamespace(decode=decode))
    model: Any = SimpleNamespace(codec=codec, writes_numbers=False)

    def read_question(text):
        answer = line_text(make_number(evaluate(parse(text), division)), division)
        return SimpleNamespace(question=text, answer=answer)

    trained = SimpleNamespace(
        codec=codec,
        model=model,
        recipe=recipe,
        factored=recipe.space.factors_fractions,
        spaces=(recipe.space,),
        read_question=read_question,
        ask_in_orders=ask_in_orders,
    )
    return Predictor(cast("TrainedModel", trained))


def test_a_fraction_that_is_answered_by_itself_is_the_answer(monkeypatch):
    predictor = make_predictor(monkeypatch, "fraction", lambda line: line)
    (prediction,) = predictor.predict(["2 / 3"])
    assert prediction.to_text(steps=True) == "☑ 2 / 3 = 2/3\n      2 / 3\n    = 2/3"
    # Characters are those of the last line alone.
    assert "\n    the last line, as the model writes it: ∎ ends it\n" in prediction.to_text(explain=True)


def test_a_fraction_that_is_written_is_the_answer_where_sides_are_factored(monkeypatch):
    def write(line):
        return line_text(next_line(parse(line), "fraction", factored=True), "fraction")

    (prediction,) = make_predictor(monkeypatch, "fraction", write).predict(["6 / 15"])
    chain = "6 / 15\n    = 2 * 3 / 15\n    = 2 * 3 / (3 * 5)\n    = 2/5"
    assert prediction.to_text(steps=True) == f"☑ 6 / 15 = 2/5\n      {chain}"
    (prediction,) = make_predictor(monkeypatch, "fraction", lambda _: "2 / 15").predict(["6 / 15"])
    assert (prediction.predicted, prediction.is_correct) == ("2/15", False)
    assert prediction.solution[0].verdict == "wrong value"


@pytest.mark.parametrize(
    ("terms", "question", "answer", "vote"),
    [
        (2, "6 / 15", "2/5", Vote(asked="6 / 15", num_orders=1, num_agreeing=1)),
        (4, "1 / 3 + 1 / 6", "1/2", Vote(asked="1 / 3 + 1 / 6", num_orders=2, num_agreeing=2)),
    ],
)
def test_fractions_to_which_several_orders_come_are_one_answer(terms, question, answer, vote, monkeypatch):
    def write(line):
        return line_text(next_line(parse(line), "fraction", factored=terms == 2), "fraction")

    predictor = make_predictor(monkeypatch, "fraction", write, operators="+/", terms={"min": 2, "max": terms})
    (prediction,) = predictor.predict([question], orders=5)
    assert (prediction.predicted, prediction.is_correct, prediction.vote) == (answer, True, vote)
    assert all(line.fault is None for line in prediction.solution)


def test_compiled_is_what_is_asked_often_enough(monkeypatch):
    predictor = make_predictor(monkeypatch, "exact", lambda _: "1", operators="+/")
    compiled = []
    monkeypatch.setattr(predict, "make_decoder", lambda model, _: compiled.append(model) or predictor._decoder)
    monkeypatch.setattr(predict, "_MIN_SOLUTIONS_TO_COMPILE", 6)
    # A quotient has one order, a sum two.
    predictor.predict(["6 / 6", "6 / 2", "1 + 2"], orders=5)
    assert not compiled
    predictor.predict(["3 + 6", "3 + 5", "3 + 4"], orders=5)
    assert len(compiled) == 1
    predictor.predict(["1 + 2"] * 9)
    assert len(compiled) == 1, "it is kept"


def test_elsewhere_a_quotient_that_is_answered_by_itself_is_no_answer(monkeypatch):
    predictor = make_predictor(monkeypatch, "exact", lambda line: line)
    (prediction,) = predictor.predict(["6 / 6"])
    assert prediction.predicted == "6 / 6"
    assert not prediction.is_correct
    assert prediction.solution[0].fault is not None


def test_lines_behind_one_without_an_answer_have_a_fault_too(monkeypatch):
    predictor = make_predictor(monkeypatch, "exact", lambda line: "5" if line == "4 / 0" else "4 / 0")
    (prediction,) = predictor.predict(["6 / 6"])
    assert [each.fault for each in prediction.solution] == [
        "it has no value: it divides by zero",
        "the line before it has no answer: 4 is divided by zero",
    ]


def test_a_model_without_steps_says_so():
    prediction = Prediction(question="1 + 2", predicted="3", expected="3")
    assert prediction.to_text(steps=True) == "☑ 1 + 2 = 3\n    this model answers at once, without steps"


def test_json_has_each_line_with_its_verdict_and_the_place_of_the_first_wrong_one(monkeypatch):
    lines = {"6 / 2": "3 + (6 - 2 * 3) / 2", "3 + (6 - 2 * 3) / 2": "3 + (6 - 5) / 2"}
    predictor = make_predictor(monkeypatch, "exact", lambda line: lines.get(line, "4"))
    (prediction,) = predictor.predict(["6 / 2"])
    mapping = prediction.to_dict(steps=True)
    assert mapping["first_wrong_step"] == 1
    first, second, third = mapping["steps"]
    assert first == {
        "line": "3 + (6 - 2 * 3) / 2",
        "verdict": "prescribed",
        "step": "digit of a quotient",
        "expected": "3 + (6 - 2 * 3) / 2",
        "fault": None,
    }
    assert second == {
        "line": "3 + (6 - 5) / 2",
        "verdict": "wrong value",
        "step": "product",
        "expected": "3 + (6 - 6) / 2",
        "fault": "its value is 3.5, not 3: 2 * 3 is 6, the line has 5",
    }
    assert third["line"] == prediction.predicted == "4"
    (right,) = make_predictor(monkeypatch, "exact", lambda _: "1").predict(["6 / 6"])
    assert right.to_dict(steps=True)["first_wrong_step"] is None


def test_a_line_that_was_asked_in_another_order_is_told_from_one_that_the_model_wrote(monkeypatch):
    answers = {"3 * 4": "1)", "4 * 3": "12", "5 * 6": "6 * 5", "6 * 5": "30"}
    # Where quotients are rounded to places, steps have many forms, and the other order is taken as it is written.
    predictor = make_predictor(monkeypatch, "decimal", answers.__getitem__, operators="*")
    asked, written = predictor.predict(["3 * 4", "5 * 6"])
    assert asked.to_text(steps=True) == "☑ 3 * 4 = 12\n      3 * 4\n    = 4 * 3  (asked again in this order)\n    = 12"
    assert asked.first_wrong_step is None
    assert [each.verdict for each in written.solution] == ["right value", "prescribed"]
    assert written.first_wrong_step == 0


def test_the_vote_and_the_order_whose_solution_is_shown_are_named():
    (line,) = judge_solution(
        ["2 + 1", "3"], make_recipe({"operands": {"min": 0, "max": 9}, "operators": "+"}).space, factored=False
    )
    vote = Vote(asked="2 + 1", num_orders=2, num_agreeing=1)
    prediction = Prediction(question="1 + 2", predicted="3", expected="3", solution=(line,), vote=vote)
    assert prediction.to_text(steps=True) == "☑ 1 + 2 = 3  (the answer of 1 of 2 orders)\n      2 + 1\n    = 3"
    assert prediction.to_dict()["vote"] == {"asked": "2 + 1", "num_orders": 2, "num_agreeing": 1}
    alone = Prediction(
        question="2 - 1", predicted="1", expected="1", vote=Vote(asked="2 - 1", num_orders=1, num_agreeing=1)
    )
    assert alone.to_text() == "☑ 2 - 1 = 1  (the answer of 1 of 1 order)"
