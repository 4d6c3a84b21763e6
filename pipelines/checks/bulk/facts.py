"""What is true of each equation of a block, told from its text, and whether the stored columns say the same."""

import functools
from dataclasses import dataclass

import numpy as np

from eqstream.data.space_recipe import SpaceRecipe
from eqstream.pipelines.checks.bulk.columns import Columns, Texts
from eqstream.pipelines.checks.bulk.evaluation import Arithmetic, Values, evaluate
from eqstream.pipelines.checks.bulk.ratios import Ratios, make_ratios, round_to_places
from eqstream.pipelines.checks.bulk.tokens import NUMBER, OPEN, OPERATORS, OVER, Tokens, read_tokens


@dataclass(frozen=True, eq=False)
class Facts:
    """What is true of n equations; where `is_known` is False, nothing else means anything.

    Attributes:
        tokens: of the questions.
        values: before rounding.
        answers: as they are to be written, rounded where the space rounds.
        terms: how many operands there are, int64 (n,).
        digits: of the integer part of the longest operand, int64 (n,).
        operators: one bit for each operator that occurs, `1 << kind`, uint8 (n,).
        is_known: bool (n,).
    """

    tokens: Tokens
    values: Values
    answers: Ratios
    terms: np.ndarray
    digits: np.ndarray
    operators: np.ndarray
    is_known: np.ndarray

    @functools.cached_property
    def has_brackets(self) -> np.ndarray:
        """Whether each text has a bracket, bool (n,)."""
        return self.operators & np.uint8(1 << OPEN) != 0

    @functools.cached_property
    def row_of_number(self) -> np.ndarray:
        """The equation of each operand, int64 (num_numbers,)."""
        return np.repeat(np.arange(len(self.terms)), self.terms)


def find_facts(questions: Texts, space: SpaceRecipe, salt: str, *, with_written: bool = False) -> Facts:
    """Returns what is true of equations whose texts are `questions`.

    Args:
        questions: n texts.
        space: says how texts are spaced, what a division gives and how answers are rounded.
        salt: of the hash.
        with_written: whether `Values.written` is wanted.
    """
    division = division_of(space)
    tokens = read_tokens(questions, spacing=space.spacing)
    arithmetic = Arithmetic(division=division, decimals=space.operands.decimals, with_written=with_written)
    values = evaluate(tokens, arithmetic, salt)
    answers, is_known = values.answers, values.is_right
    if division == "decimal":
        answers, is_rounded = round_to_places(answers, space.places)
        is_known = is_known & is_rounded
    terms = tokens.num_numbers
    operators = np.bitwise_or.reduceat(_bit_of_kind()[tokens.kinds], tokens.first)
    return Facts(
        tokens=tokens,
        values=values,
        answers=answers,
        terms=terms,
        digits=_longest(tokens),
        operators=operators,
        is_known=is_known,
    )


def have_right_columns(facts: Facts, columns: Columns, space: SpaceRecipe) -> np.ndarray:
    """Returns where all columns are known to be right, bool (n,).

    Args:
        facts: of the questions of `columns`.
        columns: as they are stored.
        space: that they are of.
    """
    is_right = facts.is_known & (columns.carries == facts.values.carries)
    is_right &= (columns.digits == facts.digits) & (columns.terms == facts.terms)
    answers, is_shortest = read_answers(columns.answer, division_of(space))
    return is_right & is_shortest & (answers.num == facts.answers.num) & (answers.den == facts.answers.den)


def division_of(space: SpaceRecipe) -> str:
    """Returns what a division gives; where there is none, answers are decimals as under `exact`."""
    return space.division if "/" in space.operators else "exact"


def read_answers(texts: Texts, division: str) -> tuple[Ratios, np.ndarray]:
    """Returns the numbers that answers stand for, and where an answer is the shortest text of its number, bool (n,)."""
    tokens = read_tokens(texts, spacing=False)
    if not len(tokens.steps):
        return Ratios(np.zeros(texts.num_texts, np.int64), np.ones(texts.num_texts, np.int64)), np.zeros(
            texts.num_texts, bool
        )
    place = np.minimum(tokens.first_number[:-1], len(tokens.steps) - 1)
    steps, places = tokens.steps[place], tokens.places[place]
    is_number = tokens.is_understood & (tokens.counts == 1) & (tokens.kinds[tokens.first] == NUMBER)
    if division == "fraction":
        return _read_fractions(tokens, steps, place=place, is_whole=is_number & (places == 0))
    return make_ratios(steps, np.clip(places, 0, 18)), is_number


def _read_fractions(
    tokens: Tokens, steps: np.ndarray, *, place: np.ndarray, is_whole: np.ndarray
) -> tuple[Ratios, np.ndarray]:
    is_fraction = tokens.is_understood & (tokens.counts == 3)
    is_fraction &= tokens.kinds[np.minimum(tokens.first + 1, len(tokens.kinds) - 1)] == OVER
    below = np.minimum(place + 1, len(tokens.steps) - 1)
    is_fraction &= (tokens.places[place] == 0) & (tokens.places[below] == 0) & (tokens.steps[below] > 1)
    den = np.where(is_fraction, tokens.steps[below], 1)
    return Ratios(steps, den), is_whole | (is_fraction & (np.gcd(steps, den) == 1))


@functools.cache
def _bit_of_kind() -> np.ndarray:
    """Returns a bit for each kind of token that is an operator or opens a bracket, uint8 (8,)."""
    bits = np.zeros(8, np.uint8)
    for kind in (*OPERATORS.values(), OPEN):
        bits[kind] = 1 << kind
    return bits


def _longest(tokens: Tokens) -> np.ndarray:
    if not len(tokens.whole_digits):
        return np.zeros(len(tokens.first), np.int64)
    return np.maximum.reduceat(tokens.whole_digits, np.minimum(tokens.first_number[:-1], len(tokens.steps) - 1))
