"""The next lines of worked solutions, asked for again where one is unsure or cannot be a step."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from eqstream.data.errors import UserError
from eqstream.data.loading.codec import Codec
from eqstream.data.loading.token_alphabet import PAD
from eqstream.data.reference.parsing import Operation, Tree, parse, render
from eqstream.seq2seq.models.commuted_orders import list_other_orders
from eqstream.seq2seq.models.decoding import DecodedAnswers, join_answers
from eqstream.seq2seq.models.step_check import can_be_step

# In how many orders a line is asked at most.
LINE_ORDERS = 16
# Next to nothing is wrong of what has more probability than this; of what has less, most is right, too.
_SURE = math.log(0.99)
# At how many places of a line a second choice is followed at most, and how probable a mistake has to be there.
_SECOND_CHOICES = 16
_LEAST_DOUBT = 0.01
# Solutions that go on together: each may take up to 70 kB.
_MOST_TOGETHER = 4096


@dataclass(frozen=True, kw_only=True, eq=False)
class WrittenLines:
    """What a model wrote behind lines.

    Attributes:
        asked: each line as it was asked, natural text: as it was given, or in another order.
        lines: what was written behind it, natural text.
        decoded: the same as tokens, with their probabilities.
    """

    asked: list[str]
    lines: list[str]
    decoded: DecodedAnswers


class _Score(NamedTuple):
    """How good a next line is, of two the larger one better.

    Attributes:
        leads_on: whether it is an answer, or an equation that was not there before.
        is_step: whether it is written as equations are, and can be a step from the line that was asked, too.
        log_probability: of its text, a natural logarithm.
    """

    leads_on: bool
    is_step: bool
    log_probability: float

    @property
    def is_sure(self) -> bool:
        return self.is_step and self.log_probability >= _SURE


@dataclass(frozen=True, kw_only=True, eq=False)
class _Candidates(WrittenLines):
    """What a model wrote behind the last lines of solutions, several times for some.

    Attributes:
        rows: the number of the solution, of each.
        scores: of each.
    """

    rows: list[int]
    scores: list[_Score]

    def join(self, others: "_Candidates | None") -> "_Candidates":
        if others is None:
            return self
        return _Candidates(
            asked=self.asked + others.asked,
            lines=self.lines + others.lines,
            decoded=join_answers([self.decoded, others.decoded]),
            rows=self.rows + others.rows,
            scores=self.scores + others.scores,
        )

    def choose(self) -> list[int]:
        """Returns the place of the best candidate of each solution, the first of equal ones."""
        best: dict[int, int] = {}
        for place, row in enumerate(self.rows):
            if row not in best or self.scores[place] > self.scores[best[row]]:
                best[row] = place
        return [best[row] for row in sorted(best)]


class LineWriter:
    """Asks a model for the next line of each of many solutions.

    The last line is asked in other orders, too, the sides of its sums and products swapped and differences that are
    taken away turned, where what is written

    - has less than 99 % probability,
    - is no equation, or was there before and is no answer,
    - or cannot be a step from the last line, see `can_be_step`.

    Of all that is written behind a line an equation is taken that is new to its solution, if there is one, of these one
    that can be a step, of these the most probable, and of equal ones the first.

    If none can be a step, second choices are followed. Of all that was written behind the orders of a line, the places
    are taken at which the first mistake most probably is. There the second most probable character is written, and
    behind it again the most probable ones.

    To choose, no operation is worked out. Deterministic as `decode` is.

    Args:
        codec: of the model.
        decode: asks the model encoded lines, uint8 (num_lines, question_width), as they are; the second argument is
            `barred` of `GreedyDecoder.decode`.
        num_orders: in how many orders a line is asked at most; 1: each line is asked once, and that is all.
        is_answer: whether a line that was written ends its solution.
        can_bracket: whether in orders that take more brackets than it has, too.
        one_step: whether `can_be_step` is true of all steps, by the rules of the spaces that the model was trained on;
            else every equation may be one, and no second choices are followed.
    """

    def __init__(
        self,
        codec: Codec,
        decode: Callable[[np.ndarray, np.ndarray | None], DecodedAnswers],
        *,
        num_orders: int,
        is_answer: Callable[[str], bool],
        can_bracket: bool,
        one_step: bool,
    ) -> None:
        self._codec, self._decode = codec, decode
        self._num_orders, self._is_answer = num_orders, is_answer
        self._can_bracket, self._one_step = can_bracket, one_step

    def write(self, solutions: Sequence[Sequence[str]]) -> WrittenLines:
        """Returns what the model writes behind the last lines of solutions, natural text, at least one."""
        starts = range(0, len(solutions), _MOST_TOGETHER)
        parts = [self._write(solutions[start : start + _MOST_TOGETHER]) for start in starts]
        return WrittenLines(
            asked=[asked for part in parts for asked in part.asked],
            lines=[line for part in parts for line in part.lines],
            decoded=join_answers([part.decoded for part in parts]),
        )

    def _write(self, solutions: Sequence[Sequence[str]]) -> WrittenLines:
        asked = [solution[-1] for solution in solutions]
        if self._num_orders == 1:
            decoded = self._decode(self._codec.encode_questions(asked), None)
            return WrittenLines(asked=asked, lines=self._codec.decode_predictions(decoded.tokens), decoded=decoded)
        candidates = self._ask(solutions, list(enumerate(asked)))
        candidates = candidates.join(self._ask_in_orders(solutions, candidates))
        if self._one_step:
            candidates = candidates.join(self._ask_for_second_choices(solutions, candidates))
        chosen = candidates.choose()
        return WrittenLines(
            asked=[candidates.asked[place] for place in chosen],
            lines=[candidates.lines[place] for place in chosen],
            decoded=candidates.decoded.take(chosen),
        )

    def _ask(
        self, solutions: Sequence[Sequence[str]], asked: Sequence[tuple[int, str]], barred: np.ndarray | None = None
    ) -> _Candidates:
        """Returns what is written behind lines, each the last one of the solution of a number, in some order."""
        rows, orders = [row for row, _ in asked], [order for _, order in asked]
        decoded = self._decode(self._codec.encode_questions(orders), barred)
        lines = self._codec.decode_predictions(decoded.tokens)
        each = zip(rows, orders, lines, decoded.log_probabilities.tolist(), strict=True)
        scores = [self._score(solutions[row], order, line, logarithm) for row, order, line, logarithm in each]
        return _Candidates(asked=orders, lines=lines, decoded=decoded, rows=rows, scores=scores)

    def _score(self, solution: Sequence[str], order: str, line: str, log_probability: float) -> _Score:
        following = _read(line)
        # A fraction in lowest terms is its own answer.
        if following is None or ((line == order or line in solution) and not self._is_answer(line)):
            return _Score(False, False, log_probability)
        is_as_written = render(following, self._codec.spacing) == line
        is_step = not self._one_step or (is_as_written and can_be_step(parse(order), following))
        return _Score(True, is_step, log_probability)

    def _ask_in_orders(self, solutions: Sequence[Sequence[str]], candidates: _Candidates) -> _Candidates | None:
        """Returns what is written behind the other orders of lines; of each line there is one candidate by now."""
        doubtful = [row for row, score in zip(candidates.rows, candidates.scores, strict=True) if not score.is_sure]
        asked = [(row, order) for row in doubtful for order in self._list_orders(solutions[row][-1])]
        return self._ask(solutions, asked) if asked else None

    def _list_orders(self, line: str) -> list[str]:
        return list_other_orders(
            line,
            self._num_orders - 1,
            fits=self._codec.fits_question,
            spacing=self._codec.spacing,
            brackets=self._can_bracket,
            turned=True,
        )

    def _ask_for_second_choices(
        self, solutions: Sequence[Sequence[str]], candidates: _Candidates
    ) -> _Candidates | None:
        """Returns what is written behind lines of which no candidate can be a step, other than these."""
        failed = [candidates.rows[place] for place in candidates.choose() if not candidates.scores[place].is_step]
        # A line that is a number has no step.
        places_of = {row: [] for row in failed if isinstance(parse(solutions[row][-1]), Operation)}
        for place, row in enumerate(candidates.rows):
            if row in places_of:
                places_of[row].append(place)
        doubts = [
            (row, places[number], step)
            for row, places in places_of.items()
            for number, step in find_doubts(candidates.decoded.probabilities[places])
        ]
        if not doubts:
            return None
        barred = np.full((len(doubts), self._codec.answer_width), PAD, np.uint8)
        for number, (_, place, step) in enumerate(doubts):
            barred[number, step] = candidates.decoded.tokens[place, step]
        return self._ask(solutions, [(row, candidates.asked[place]) for row, place, _ in doubts], barred)


def find_doubts(probabilities: np.ndarray) -> list[tuple[int, int]]:
    """Returns where the first mistake of some texts most probably is, the most probable place first.

    There are at most `_SECOND_CHOICES` places, and at each a mistake is at least as probable as `_LEAST_DOUBT`.

    >>> find_doubts(np.array([[0.9, 0.6, 1.0], [0.5, 0.5, 0.999]]))
    [(1, 0), (0, 1), (1, 1), (0, 0)]

    Args:
        probabilities: of the tokens of texts, (num_texts, width), each if those before it are right.

    Returns:
        The number of a text and of a token, for each place.
    """
    probabilities = probabilities.astype(np.float64)
    before = np.cumprod(np.insert(probabilities[:, :-1], 0, 1.0, axis=1), axis=1)
    chances = (before * (1.0 - probabilities)).ravel()
    order = np.argsort(-chances, kind="stable")[:_SECOND_CHOICES].tolist()
    return [divmod(place, probabilities.shape[1]) for place in order if chances[place] >= _LEAST_DOUBT]


def is_equation(text: str) -> bool:
    """Returns whether a text that a model wrote can be read, as an equation or as a number."""
    return _read(text) is not None


def _read(text: str) -> "Tree | None":
    try:
        return parse(text)
    except UserError:
        return None
