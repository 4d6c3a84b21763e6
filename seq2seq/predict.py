"""Answers to questions that a person types."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from eqstream.data.arguments import check_list, check_text, check_whole
from eqstream.data.limits import MAX_ORDERS
from eqstream.data.loading.codec_options import CodecOptions
from eqstream.data.reference.explanation import JudgedLine, judge_solution
from eqstream.data.reference.membership import KnownQuestion
from eqstream.seq2seq.analysis.solution_lines import end_fraction
from eqstream.seq2seq.models.decoding import DecodedAnswers, Decoder, Vote, estimate_answers
from eqstream.seq2seq.models.solving_decoder import make_decoder
from eqstream.seq2seq.runs.shipped_models import ShippedModel, choose_model, list_shipped_models
from eqstream.seq2seq.runs.trained_model import TrainedModel, load_trained_model

_BATCH_SIZE = 64
_STEP_KEYS = ("line", "verdict", "step", "expected", "fault")
# Compiling pays from about as many questions on, sooner where a model writes a whole solution for each.
_MIN_QUESTIONS_TO_COMPILE, _MIN_SOLUTIONS_TO_COMPILE = 10_000, 1_000


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """A question, what the model answers, and what is right.

    Attributes:
        question: natural text, as the space writes it.
        predicted: the answer of the model, greedy; a `?` in it is no character or no end.
        expected: the right answer.
        characters: each emitted character, `∎` for the end, with its probability, in the order they were emitted; none
            of a regression, which has no probabilities.
        writing: how the characters follow each other, for a person.
        estimate: of a regression, before it is rounded; None of other models.
        solution: the lines that a model which is trained on steps wrote behind the question, each judged by the one
            before; none of other models.
        vote: which order of the question the answer and all that led to it is from; None if it was asked as it is.
    """

    question: str
    predicted: str
    expected: str
    characters: tuple[tuple[str, float], ...] = ()
    writing: str = ""
    estimate: float | None = None
    solution: tuple[JudgedLine, ...] = ()
    vote: Vote | None = None

    @property
    def is_correct(self) -> bool:
        """Whether the whole answer is right."""
        return self.predicted == self.expected

    @property
    def first_wrong_step(self) -> int | None:
        """The place in `solution`, from 0, of the first line that is not the prescribed one; None if there is none."""
        return next((place for place, each in enumerate(self.solution) if each.fault is not None), None)

    def to_text(self, explain: bool = False, *, steps: bool = False) -> str:
        """Returns a line such as `☑ 31 + 87 = 118`.

        With `explain`, one more per character follows, or one with the estimate; with `steps`, the solution's lines,
        the first one that is wrong with what is wrong, or one that says that there are none.
        """
        line = f"☑ {self.question} = {self.predicted}"
        if not self.is_correct:
            line = f"☒ {self.question} = {self.predicted}  (expected {self.expected})"
        if self.vote is not None:
            line += f"  ({_describe_vote(self.vote)})"
        if steps:
            line += "".join(f"\n    {each}" for each in self._list_steps())
        if explain:
            line += f"\n    {self.writing}" if self.writing else ""
            line += "".join(f"\n    {character}  {share:8.4%}" for character, share in self.characters)
            line += "" if self.estimate is None else f"\n    {self.estimate:.6g} before rounding"
        return line

    def _list_steps(self) -> Iterator[str]:
        if not self.solution:
            yield "this model answers at once, without steps"
            return
        yield f"  {self.question if self.vote is None else self.vote.asked}"
        for place, each in enumerate(self.solution):
            # What follows a wrong line follows from it; the first one says it all.
            yield f"☒ {each.line}  ({each.fault})" if place == self.first_wrong_step else f"= {each.line}{_note(each)}"

    def to_dict(self, explain: bool = False, *, steps: bool = False) -> dict[str, Any]:
        """Returns the prediction as JSON types.

        With `explain`, with each character's probability, or the estimate; with `steps`, with the solution's lines
        and the place of the first wrong one.
        """
        mapping: dict[str, Any] = {
            "question": self.question,
            "predicted": self.predicted,
            "expected": self.expected,
            "is_correct": self.is_correct,
        }
        if self.vote is not None:
            mapping["vote"] = asdict(self.vote)
        if steps:
            mapping["steps"] = [{name: getattr(each, name) for name in _STEP_KEYS} for each in self.solution]
            mapping["first_wrong_step"] = self.first_wrong_step
        if explain and self.estimate is not None:
            mapping["estimate"] = self.estimate
        elif explain:
            mapping["characters"] = [
                {"character": character, "probability": share} for character, share in self.characters
            ]
        return mapping


class Predictor:
    """A trained model that answers natural text."""

    def __init__(self, trained: TrainedModel) -> None:
        self.trained = trained
        self._decoder = make_decoder(trained.model, trained.spaces, batch_size=_BATCH_SIZE, jit_compile=False)
        self._compiled_decoder: Decoder | None = None

    @classmethod
    def load(cls, run_directory: str | Path) -> "Predictor":
        """Returns the predictor of a run.

        Raises:
            UserError: the directory is no run with a model.
        """
        return cls(load_trained_model(run_directory))

    def __call__(self, question: str) -> str:
        """Returns the model's answer to a question, right or not; a `?` in it is no character or no end.

        Raises:
            UserError: the question is no equation or not in the model's space.
        """
        check_text("question", question)
        (prediction,) = self.predict([question])
        return prediction.predicted

    def predict(self, questions: Sequence[str], *, orders: int = 1) -> list[Prediction]:
        """Returns the answers, greedy; questions may be written with or without spaces.

        Args:
            questions: natural text.
            orders: in how many of its orders each question is asked, from 1 to `MAX_ORDERS`, see `VotingDecoder`; takes
                as many times as long.

        Raises:
            UserError: a question is no equation or not in the model's space; nothing is answered then.
        """
        check_whole(1, MAX_ORDERS, orders=orders)
        check_list("questions", questions)
        questions = list(questions)
        for position, question in enumerate(questions):
            check_text(f"questions[{position}]", question)
        return self.answer([self.trained.read_question(text) for text in questions], orders=orders)

    def answer(self, known: Sequence[KnownQuestion], *, orders: int = 1) -> list[Prediction]:
        """Returns the answers, greedy, to questions that `read_question` has found in the model's space.

        Args:
            known: the questions.
            orders: see `predict`.
        """
        if not known:
            return []
        questions = self.trained.codec.encode_questions([each.question for each in known])
        decoded = self.trained.ask_in_orders(_ByNumber(self._choose_decoder), orders).decode(questions)
        votes: Sequence[Vote | None] = decoded.votes or [None] * len(known)
        written = zip(decoded.solutions or [[]] * len(known), decoded.reordered or [()] * len(known), strict=True)
        solutions = [self._judge(lines, reordered) for lines, reordered in written]
        answers = [each[-1].line for each in solutions if each] or self.trained.codec.decode_predictions(decoded.tokens)
        columns = zip(known, answers, self._explain(questions, decoded), solutions, votes, strict=True)
        return [
            Prediction(
                question=each.question,
                predicted=predicted,
                expected=each.answer,
                solution=solution,
                vote=vote,
                **explanation,
            )
            for each, predicted, explanation, solution, vote in columns
        ]

    def _explain(self, questions: np.ndarray, decoded: DecodedAnswers) -> list[dict[str, Any]]:
        """Returns the attributes of predictions that say how the model came to its answers."""
        if self.trained.model.writes_numbers:
            estimates = estimate_answers(self.trained.model, questions)
            return [{"estimate": estimate} for estimate in estimates.tolist()]
        codec = self.trained.codec
        return [
            {
                "characters": tuple(zip(codec.describe_tokens(tokens), shares.tolist(), strict=False)),
                "writing": _describe_writing(codec.options),
            }
            for tokens, shares in zip(decoded.tokens, decoded.probabilities, strict=True)
        ]

    def _judge(self, lines: Sequence[str], reordered: Sequence[int]) -> tuple[JudgedLine, ...]:
        """Returns the lines behind a question, the first one, each with what is wrong with it; none for none."""
        if not lines:
            return ()
        space, factored = self.trained.recipe.space, self.trained.factored
        lines = end_fraction(lines, space, factored=factored)
        return tuple(judge_solution(lines, space, factored=factored, reordered=reordered))

    def _choose_decoder(self, num_questions: int) -> Decoder:
        """Returns a decoder; once there is a compiled one, it serves whatever follows."""
        least = _MIN_SOLUTIONS_TO_COMPILE if self.trained.codec.options.steps else _MIN_QUESTIONS_TO_COMPILE
        if self._compiled_decoder is None and num_questions >= least:
            self._compiled_decoder = make_decoder(self.trained.model, self.trained.spaces)
        return self._compiled_decoder or self._decoder


@dataclass(frozen=True)
class _ByNumber:
    """Asks by the decoder for so many questions as there are: not all have as many orders as are wanted.

    Attributes:
        choose: returns the decoder for a number of questions.
    """

    choose: Callable[[int], Decoder]

    def decode(self, questions: np.ndarray, on_batch: Callable[[int], None] | None = None) -> DecodedAnswers:
        """Returns the answers to encoded questions, uint8 (num_questions, question_width); see `Decoder`."""
        return self.choose(len(questions)).decode(questions, on_batch)


class ShippedPredictor:
    """The models that come with eqstream; `choose_model` says which one answers a question.

    Args:
        report: called with a line on each model, when it first answers.
    """

    def __init__(self, report: Callable[[str], object]) -> None:
        self._models = list_shipped_models()
        self._report = report
        self._predictors: dict[str, Predictor] = {}

    def answer(self, known: Sequence[KnownQuestion], *, orders: int = 1) -> list[Prediction]:
        """Returns the answers to questions that `read_question` has found in the space of a model.

        Args:
            known: the questions.
            orders: see `Predictor.predict`.
        """
        chosen = [choose_model(self._models, each.question) for each in known]
        answers: dict[int, Prediction] = {}
        for model in {each.name: each for each in chosen}.values():
            rows = [row for row, each in enumerate(chosen) if each is model]
            predictions = self._load(model).answer([known[row] for row in rows], orders=orders)
            if beyond := sum(not model.was_judged_by(known[row].question) for row in rows):
                self._report(_describe_beyond(model.name, beyond, orders))
            answers |= dict(zip(rows, predictions, strict=True))
        return [answers[row] for row in range(len(known))]

    def _load(self, model: ShippedModel) -> Predictor:
        if model.name not in self._predictors:
            self._report(f"{model.name} answers ({model.verdict})")
            self._predictors[model.name] = Predictor.load(model.run.path)
        return self._predictors[model.name]


def _describe_beyond(name: str, count: int, orders: int) -> str:
    questions = "1 question is" if count == 1 else f"{count:,} questions are"
    advice = "; --orders 5 asks in several orders, which makes wrong answers fewer" if orders == 1 else ""
    return f"{questions} beyond the equations that {name} was judged by: longer numbers, or more of them{advice}"


def _note(line: JudgedLine) -> str:
    return "  (asked again in this order)" if line.verdict == "reordered" else ""


def _describe_vote(vote: Vote) -> str:
    orders = "1 order" if vote.num_orders == 1 else f"{vote.num_orders} orders"
    return f"the answer of {vote.num_agreeing} of {orders}"


def _describe_writing(options: CodecOptions) -> str:
    parts = ["last character first"] if options.reverse_answer else []
    parts += ["zeros fill it up"] if options.zero_padding else []
    what = "the last line, as" if options.steps else "as"
    return f"{what} the model writes it: {', '.join([*parts, '∎ ends it'])}"
