"""What is wrong with wrong answers: by how much, in how many characters, at which places."""

import heapq
import itertools
import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from eqstream.data.formats.string_matrix import ByteRows
from eqstream.data.reference.explanation import JudgedLine
from eqstream.seq2seq.analysis.breakdown import GroupCount

_NUM_WORST = 10
_NUMBER = re.compile(r"(-?[0-9]+)(?:\.([0-9]+))?(?:/([0-9]+))?")


@dataclass(frozen=True, kw_only=True)
class WrongAnswer:
    """A question, what the model answers (`predicted`), and what is right (`expected`).

    Where the answer is the end of a solution, `wrong_line` is the first line of it that is not the prescribed one.
    """

    question: str
    predicted: str
    expected: str
    wrong_line: JudgedLine | None = None


@dataclass(frozen=True, kw_only=True)
class ErrorCount:
    """Wrong answers whose error, answer minus expected, has one sign and its first digit at one decimal place.

    Attributes:
        sign: 1, -1, or 0 for the right number that is written otherwise.
        place: exponent of ten of the error's first digit.
        num_answers: all of them.
        num_off_by_one: those whose error is exactly 1 at that place, such as a carry that was forgotten.
    """

    sign: int
    place: int
    num_answers: int
    num_off_by_one: int

    @property
    def value(self) -> str:
        """The range of the errors, such as `-10…-99`."""
        if not self.sign:
            return "0"
        low, high = (
            f"{digit * 10**self.place:,}" if self.place >= 0 else f"0.{digit:0{-self.place}}" for digit in (1, 9)
        )
        high = f"{10 ** (self.place + 1) - 1:,}" if self.place >= 0 else high
        sign = "+" if self.sign > 0 else "-"
        return f"{sign}{low}…{sign}{high}"


class MistakeTally:
    """Gathers what is wrong with the answers of blocks of examples, in memory that does not grow with them."""

    def __init__(self) -> None:
        self.num_examples = self.num_unreadable = 0
        self._sum_of_squares: int | Fraction = 0
        self._errors: Counter[tuple[int, int]] = Counter()
        self._off_by_one: Counter[tuple[int, int]] = Counter()
        self._wrong_characters: Counter[int] = Counter()
        self._lengths: Counter[int] = Counter()
        self._wrong_places: Counter[int] = Counter()
        # The worst answers in a heap, the least bad first: (badness, minus their number, answer).
        self._worst: list[tuple[tuple[bool, int | Fraction], int, WrongAnswer]] = []
        self._numbers = itertools.count()

    def add(self, expected_lengths: np.ndarray, wrong: Sequence[WrongAnswer]) -> None:
        """Counts a block.

        Args:
            expected_lengths: characters of each right answer, integers (num_examples,).
            wrong: the examples that are answered wrongly.
        """
        self.num_examples += len(expected_lengths)
        counts = np.bincount(expected_lengths)
        self._lengths.update({int(length): int(counts[length]) for length in np.flatnonzero(counts)})
        if wrong:
            self._add_characters(wrong)
        for each in wrong:
            self._add_error(each)

    def _add_characters(self, wrong: Sequence[WrongAnswer]) -> None:
        answers = ByteRows.from_texts([each.predicted for each in wrong]).reverse()
        expected = ByteRows.from_texts([each.expected for each in wrong]).reverse()
        width = max(answers.matrix.shape[1], expected.matrix.shape[1])
        # Texts are compared from the right, so that the places of whole numbers stand below each other; of decimals
        # whose lengths differ they don't.
        differs = answers.padded(width) != expected.padded(width)
        self._wrong_characters.update(differs.sum(axis=1).tolist())
        places = (differs & (np.arange(width) < expected.lengths[:, None])).sum(axis=0)
        self._wrong_places.update({place: int(count) for place, count in enumerate(places, start=1)})

    def _add_error(self, wrong: WrongAnswer) -> None:
        answer, expected = read_number(wrong.predicted), read_number(wrong.expected)
        if answer is None or expected is None:
            self.num_unreadable += 1
            badness = (True, 0)
        else:
            error = answer - expected
            key = ((error > 0) - (error < 0), first_place(error))
            self._errors[key] += 1
            self._off_by_one[key] += abs(error) == Fraction(10) ** key[1]
            self._sum_of_squares += error * error
            badness = (False, abs(error))
        entry = (badness, -next(self._numbers), wrong)
        if len(self._worst) < _NUM_WORST:
            heapq.heappush(self._worst, entry)
        elif entry[:2] > self._worst[0][:2]:
            heapq.heapreplace(self._worst, entry)

    @property
    def rmse(self) -> float | None:
        """Root of the mean squared error over answers that are numbers, in units of the answer; None without any."""
        count = self.num_examples - self.num_unreadable
        if not count:
            return None
        try:
            return math.sqrt(self._sum_of_squares / count)
        except OverflowError:
            return float(math.isqrt(int(self._sum_of_squares // count)))

    def errors(self) -> tuple[ErrorCount, ...]:
        """Returns the histogram of errors, from the most negative to the most positive."""
        return tuple(
            ErrorCount(sign=sign, place=place, num_answers=count, num_off_by_one=self._off_by_one[sign, place])
            for (sign, place), count in sorted(
                self._errors.items(), key=lambda item: (item[0][0], item[0][0] * item[0][1])
            )
        )

    def wrong_characters(self) -> dict[int, int]:
        """Returns how many wrong answers have how many wrong characters, missing and needless ones included."""
        return dict(sorted(self._wrong_characters.items()))

    def places(self) -> tuple[GroupCount, ...]:
        """Returns for each place from the right how many answers have a character there, and how many are right."""
        longest = max(self._lengths, default=0)
        totals = [
            sum(count for length, count in self._lengths.items() if length >= place + 1) for place in range(longest)
        ]
        return tuple(
            GroupCount(value=str(place), num_examples=total, num_right=total - self._wrong_places[place])
            for place, total in enumerate(totals, start=1)
        )

    def worst(self) -> tuple[WrongAnswer, ...]:
        """Returns some wrong answers: those that are no number first, then the largest errors; the first ones win."""
        return tuple(wrong for *_, wrong in sorted(self._worst, key=lambda entry: entry[:2], reverse=True))


def read_number(text: str) -> int | Fraction | None:
    """Returns the exact value of a whole number, decimal or fraction, None for anything else.

    >>> read_number("-12"), read_number("0.5"), read_number("4/6"), read_number("1?"), read_number("3/0")
    (-12, Fraction(1, 2), Fraction(2, 3), None, None)
    """
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    whole, decimals, divisor = match.groups()
    if decimals is None and divisor is None:
        return int(whole)
    if divisor is not None and not int(divisor):
        return None
    return Fraction(int(whole + (decimals or "")), 10 ** len(decimals or "")) / int(divisor or 1)


def first_place(number: int | Fraction) -> int:
    """Returns the exponent of ten of a number's first digit; 0 for 0.

    >>> first_place(-250), first_place(Fraction(1, 2)), first_place(Fraction(3, 200)), first_place(0)
    (2, -1, -2, 0)
    """
    if not number:
        return 0
    numerator, denominator = abs(number.numerator), number.denominator
    place = len(str(numerator)) - len(str(denominator))
    return place if abs(number) >= Fraction(10) ** place else place - 1
