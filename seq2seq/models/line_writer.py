"""The next lines of worked solutions, asked for again where one is unsure or cannot be a step."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from eqstream.data.errors import UserError
from eqstream.data.loading.codec import Codec
from eqstream.data.reference.parsing import parse
from eqstream.seq2seq.models.commuted_orders import list_other_orders
from eqstream.seq2seq.models.decoding import DecodedAnswers, join_answers
from eqstream.seq2seq.models.line_change import changes_one_place

# In how many orders a line is asked at most.
LINE_ORDERS = 16
# Next to nothing is wrong of what has more probability than this; of what has less, most is right, too.
_SURE = math.log(0.95)


@dataclass(frozen=True, kw_only=True, eq=False)
class WrittenLines:
    """What a model wrote behind lines.

    Attributes:
        asked: each line as it was asked, natural text: as it was given, or with sides swapped.
        lines: what was written behind it, natural text.
        decoded: the same as tokens, with their probabilities.
    """

    asked: list[str]
    lines: list[str]
    decoded: DecodedAnswers


class LineWriter:
    """Asks a model for the next line of each of many solutions.

    The last line is asked in other orders, too, the sides of its sums and products swapped, where what is written

    - has less than 95 % probability,
    - is no equation, or was there before,
    - or differs from the last line in more places than one, see `changes_one_place`.

    Of all that is written behind a line an equation is taken that is new to its solution, if there is one, of these one
    that differs in one place, of these the most probable, and of equal ones the first. Nothing is calculated to choose.
    Deterministic as `decode` is.

    Args:
        codec: of the model.
        decode: asks the model encoded lines, uint8 (num_lines, question_width), as they are.
        num_orders: in how many orders a line is asked at most; 1: as it is alone.
        can_bracket: whether in orders that take more brackets than it has, too.
        one_place: whether all steps change one place, by the rules of the spaces that the model was trained on.
    """

    def __init__(
        self,
        codec: Codec,
        decode: Callable[[np.ndarray], DecodedAnswers],
        *,
        num_orders: int,
        can_bracket: bool,
        one_place: bool,
    ) -> None:
        self._codec, self._decode = codec, decode
        self._num_orders, self._can_bracket, self._one_place = num_orders, can_bracket, one_place

    def write(self, solutions: Sequence[Sequence[str]]) -> WrittenLines:
        """Returns what the model writes behind the last lines of solutions, natural text, at least one."""
        asked = [solution[-1] for solution in solutions]
        decoded = self._decode(self._codec.encode_questions(asked))
        written = self._codec.decode_predictions(decoded.tokens)
        others = self._list_others(solutions, written, decoded.log_probabilities)
        if not others:
            return WrittenLines(asked=asked, lines=written, decoded=decoded)
        asked += [order for _, order in others]
        decoded = join_answers([decoded, self._decode(self._codec.encode_questions(asked[len(solutions) :]))])
        written = self._codec.decode_predictions(decoded.tokens)
        chosen = list(range(len(solutions)))
        for place, (row, _) in enumerate(others, start=len(solutions)):
            best, lines = chosen[row], solutions[row]
            scores = [
                (*self._check([*lines, asked[each]], written[each]), decoded.log_probabilities[each])
                for each in (best, place)
            ]
            chosen[row] = place if scores[1] > scores[0] else best
        return WrittenLines(
            asked=[asked[place] for place in chosen],
            lines=[written[place] for place in chosen],
            decoded=decoded.take(chosen),
        )

    def _list_others(
        self, solutions: Sequence[Sequence[str]], written: Sequence[str], log_probabilities: np.ndarray
    ) -> list[tuple[int, str]]:
        """Returns the rows of lines to ask again, each with an order that it can be asked in, too."""
        if self._num_orders == 1:
            return []
        return [
            (row, order)
            for row, (solution, line) in enumerate(zip(solutions, written, strict=True))
            if log_probabilities[row] < _SURE or not all(self._check(solution, line))
            for order in self._list_orders(solution[-1])
        ]

    def _check(self, solution: Sequence[str], line: str) -> tuple[bool, bool]:
        """Returns whether a line leads on, and whether it can be a step from the last one, the first counting more."""
        leads_on = line not in solution and is_equation(line)
        return leads_on, not self._one_place or changes_one_place(solution[-1], line)

    def _list_orders(self, line: str) -> list[str]:
        fits, spacing = self._codec.fits_question, self._codec.spacing
        return list_other_orders(line, self._num_orders - 1, fits=fits, spacing=spacing, brackets=self._can_bracket)


def is_equation(text: str) -> bool:
    """Returns whether a text that a model wrote can be read, as an equation or as a number."""
    try:
        parse(text)
    except UserError:
        return False
    return True
