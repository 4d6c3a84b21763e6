"""One step of worked solutions, for many lines at once; docs/solutions.md has the rules.

The first operator of a line in postfix order has numbers for its sides: the leftmost and innermost operation, which is
rewritten (`eqstream.data.solutions.operations`).
"""

import numpy as np

from eqstream.data.recipe_values import OPERATORS
from eqstream.data.solutions.decimal_numbers import Decimals
from eqstream.data.solutions.lines import END, Lines, merge_lines
from eqstream.data.solutions.operations import CANCELLED, PRODUCT, QUOTIENT, SIDES, VALUE, rewrite_operations
from eqstream.data.space.shapes import MINUS, OPERAND

# What an operation becomes, by form: `v` for the value, `x` and `y` for the sides, `o` for the operator as it was.
_TOKENS = {VALUE: "v", SIDES: "xyo", PRODUCT: "vxy*+", QUOTIENT: "vxyv*-y/+", CANCELLED: "xv/yv//"}
# The same where the operation is the right side of a `+` or `-`, the `o` here: the value goes to the left side of that.
_JOINED_TOKENS = {PRODUCT: "voxy*", QUOTIENT: "voxyv*-y/"}
_NUM_TOKENS = np.array([len(_TOKENS[form]) for form in sorted(_TOKENS)])


def rewrite(lines: Lines, division: str) -> Lines:
    """Returns the next line of each line; one that is a plain number stays.

    Args:
        lines: whose values, and those of their operations, have at most 62 bits.
        division: `exact`, where every division has to come out even, or `quotient`, the floor.
    """
    solved, rows = np.flatnonzero(lines.are_solved), np.flatnonzero(~lines.are_solved)
    open_lines = lines.take(rows) if len(solved) else lines
    rewritten = rewrite_at(open_lines, (open_lines.kinds < OPERAND).argmax(axis=1), division)
    return merge_lines([(solved, lines.take(solved)), (rows, rewritten)]) if len(solved) else rewritten


def rewrite_at(lines: Lines, operator_places: np.ndarray, division: str) -> Lines:
    """Returns lines after a step at the operation whose operator has this place, int64 (n,); its sides are numbers."""
    kinds, width = lines.kinds.reshape(-1), int(lines.kinds.shape[1])
    flat_places = operator_places + np.arange(len(lines)) * width
    operators, behind = kinds.take(flat_places), kinds.take(flat_places + 1)
    lefts, rights = lines.numbers_at(flat_places - 2), lines.numbers_at(flat_places - 1)
    found = rewrite_operations(operators, lefts, rights, division=division)
    result = _make_room(lines, operator_places, _NUM_TOKENS.take(found.forms) - 3)
    # What is split off joins a number alone.
    is_joined = (behind <= MINUS) & (kinds.take(flat_places - 3) == OPERAND)
    starts = operator_places - 2 + np.arange(len(lines)) * int(result.kinds.shape[1])
    letters = {"v": found.values, "x": found.lefts, "y": found.rights}
    for form, tokens in _TOKENS.items():
        is_form = found.forms == form
        for own_tokens, is_own, own_operators in (
            (tokens, is_form & ~is_joined, operators),
            (_JOINED_TOKENS.get(form, tokens), is_form & is_joined, behind if form in _JOINED_TOKENS else operators),
        ):
            rows = np.flatnonzero(is_own)
            if len(rows):
                numbers = {letter: each.take(rows) for letter, each in letters.items() if letter in own_tokens}
                _put_tokens(
                    result, starts.take(rows), tokens=own_tokens, numbers=numbers, operators=own_operators.take(rows)
                )
    return result


def replace_tokens(
    lines: Lines, ends: np.ndarray, *, count: int, tokens: str, numbers: dict[str, Decimals], operators: np.ndarray
) -> Lines:
    """Returns lines with other tokens in place of those up to a place of each.

    Args:
        lines: n lines.
        ends: the places, int64 (n,).
        count: how many tokens are replaced.
        tokens: what they become: operators, letters of numbers, and `o` for one of `operators`.
        numbers: n numbers for each letter.
        operators: as numbers, uint8 (n,).
    """
    result = _make_room(lines, ends, np.full(len(lines), len(tokens) - count))
    starts = ends + 1 - count + np.arange(len(lines)) * result.kinds.shape[1]
    _put_tokens(result, starts, tokens=tokens, numbers=numbers, operators=operators)
    return result


def _make_room(lines: Lines, ends: np.ndarray, moves: np.ndarray) -> Lines:
    """Returns lines whose tokens behind the places `ends`, int64 (n,), are moved, forth or back, by `moves`, (n,)."""
    width = lines.kinds.shape[1]
    lengths = (lines.kinds != END).sum(axis=1) + moves
    columns = np.arange(int(lengths.max(initial=1)) + 1)
    sources = columns - np.where(columns > (ends + moves)[:, None], moves[:, None], 0)
    # What stands behind the last token is an `END`, and so is the last column.
    return lines.take_tokens(np.clip(sources, 0, width - 1))


def _put_tokens(
    lines: Lines, starts: np.ndarray, *, tokens: str, numbers: dict[str, Decimals], operators: np.ndarray
) -> None:
    """Writes tokens to the places from `starts`, int64 (n,), on, counted row by row."""
    kinds = lines.kinds.reshape(-1)
    for place, token in enumerate(tokens):
        if token in numbers:
            kinds[starts + place] = OPERAND
            lines.put_numbers(starts + place, numbers[token])
        else:
            kinds[starts + place] = OPERATORS.index(token) if token in OPERATORS else operators
