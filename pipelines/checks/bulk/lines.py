"""What lines of worked solutions come to, and whether the two lines of a step have one value."""

from dataclasses import dataclass

import numpy as np

from eqstream.data.space_recipe import SpaceRecipe
from eqstream.pipelines.checks.bulk.columns import Texts
from eqstream.pipelines.checks.bulk.evaluation import Arithmetic, Values, evaluate
from eqstream.pipelines.checks.bulk.facts import division_of, read_answers
from eqstream.pipelines.checks.bulk.ratios import round_to_places
from eqstream.pipelines.checks.bulk.tokens import Tokens, read_tokens

# Quotients of lines have more decimals than operands; of an exact one all are counted.
_DECIMALS = 18


@dataclass(frozen=True, eq=False)
class LineFacts:
    """What is true of n lines.

    Attributes:
        tokens: of the texts.
        values: exact; where `is_known` is False, nothing else means anything.
        is_known: bool (n,).
        is_number: whether a line is a plain number in its shortest form, bool (n,).
    """

    tokens: Tokens
    values: Values
    is_known: np.ndarray
    is_number: np.ndarray


def find_line_facts(texts: Texts, space: SpaceRecipe, salt: str) -> LineFacts:
    """Returns what is true of lines.

    Args:
        texts: n lines.
        space: of the equation that they solve.
        salt: of the hash.
    """
    tokens = read_tokens(texts, spacing=space.spacing)
    values = evaluate(tokens, Arithmetic(division=division_of(space), decimals=_DECIMALS), salt)
    return LineFacts(tokens, values, values.is_right, tokens.is_understood & (tokens.counts == 1))


def have_one_value(questions: LineFacts, answers: LineFacts, texts: Texts, *, space: SpaceRecipe) -> np.ndarray:
    """Returns where both lines of a step are known to have one value, bool (n,).

    Args:
        questions: the first line of each step.
        answers: the second one.
        texts: of the second ones.
        space: of the equations; says how a last line is rounded.
    """
    ours, theirs = questions.values.answers, answers.values.answers
    is_equal = answers.is_known & (ours.num == theirs.num) & (ours.den == theirs.den)
    division = division_of(space)
    if division == "decimal":
        rounded, is_rounded = round_to_places(ours, space.places)
        is_last = answers.is_known & answers.is_number & is_rounded
        is_equal |= is_last & (rounded.num == theirs.num) & (rounded.den == theirs.den)
    if division == "fraction":
        # The answer of a fraction is written without spaces.
        found, is_shortest = read_answers(texts, division)
        is_equal |= is_shortest & (ours.num == found.num) & (ours.den == found.den)
    return questions.is_known & is_equal
