"""One step of worked solutions, for many lines at once; docs/solutions.md has the rules.

The first operator of a line in postfix order has numbers for its sides: the leftmost and innermost operation, which is
rewritten (`eqstream.data.solutions.operations`).
"""

import numpy as np

from eqstream.data.recipe_values import OPERATORS
from eqstream.data.solutions.lines import END, Lines
from eqstream.data.solutions.operations import PRODUCT, QUOTIENT, SIDES, VALUE, Operations, rewrite_operations
from eqstream.data.space.shapes import MINUS, OPERAND

# What an operation becomes, by form: `v` for the value, `x` and `y` for the sides, `o` for the operator as it was.
_TOKENS = {VALUE: "v", SIDES: "xyo", PRODUCT: "vxy*+", QUOTIENT: "vxyv*-y/+"}
# The same where the operation is the right side of a `+` or `-`, the `o` here: the value goes to the left side of that.
_JOINED_TOKENS = {PRODUCT: "voxy*", QUOTIENT: "voxyv*-y/"}
_NUM_TOKENS = np.array([len(_TOKENS[form]) for form in sorted(_TOKENS)])


def rewrite(lines: Lines, division: str) -> Lines:
    """Returns the next line of each line; one that is a plain number stays.

    Args:
        lines: whose values, and those of their operations, have at most 62 bits.
        division: `exact`, where every division has to come out even, or `quotient`, the floor.
    """
    is_open = ~lines.are_solved
    if is_open.all():
        return _rewrite_open(lines, division)
    rows = np.flatnonzero(is_open)
    rewritten = _rewrite_open(lines.take(rows), division)
    result = lines.take_tokens(np.zeros((len(lines), max(rewritten.kinds.shape[1], 2)), dtype=np.int64))
    result.kinds[:, 1:] = END
    for column, new in zip(result.columns(), rewritten.columns(), strict=True):
        column[rows, : new.shape[1]] = new
    return result


def _rewrite_open(lines: Lines, division: str) -> Lines:
    """Returns the next line of each line, none of which is a plain number."""
    num_rows, width = lines.kinds.shape
    kinds = lines.kinds.reshape(-1)
    operator_places = (lines.kinds < OPERAND).argmax(axis=1)
    flat_places = operator_places + np.arange(num_rows) * width
    operators, behind = kinds.take(flat_places), kinds.take(flat_places + 1)
    lefts, rights = lines.numbers_at(flat_places - 2), lines.numbers_at(flat_places - 1)
    found = rewrite_operations(operators, lefts, rights, division)
    result = _make_room(lines, operator_places, _NUM_TOKENS.take(found.forms))
    starts = operator_places - 2 + np.arange(num_rows) * result.kinds.shape[1]
    for form, tokens in _TOKENS.items():
        is_form = found.forms == form
        if form in _JOINED_TOKENS:
            rows = np.flatnonzero(is_form & (behind <= MINUS))
            _put(result, starts.take(rows), _JOINED_TOKENS[form], found.take(rows), behind.take(rows))
            is_form &= behind > MINUS
        rows = np.flatnonzero(is_form)
        _put(result, starts.take(rows), tokens, found.take(rows), operators.take(rows))
    return result


def _make_room(lines: Lines, operator_places: np.ndarray, num_tokens: np.ndarray) -> Lines:
    """Returns the lines with room for `num_tokens`, (n,), in place of the operation that ends at `operator_places`."""
    width = lines.kinds.shape[1]
    moves = num_tokens - 3
    lengths = (lines.kinds != END).sum(axis=1) + moves
    columns = np.arange(int(lengths.max(initial=1)) + 1)
    sources = columns - np.where(columns > (operator_places + moves)[:, None], moves[:, None], 0)
    # What stands behind the last token is an `END`, and so is the last column.
    return lines.take_tokens(np.clip(sources, 0, width - 1))


def _put(lines: Lines, starts: np.ndarray, tokens: str, found: Operations, operators: np.ndarray) -> None:
    """Writes tokens to the places from `starts`, int64 (n,), on; `operators`, (n,), are those for letters."""
    letters = {"v": found.values, "x": found.lefts, "y": found.rights}
    kinds = lines.kinds.reshape(-1)
    for place, token in enumerate(tokens):
        if token in letters:
            kinds[starts + place] = OPERAND
            lines.put_numbers(starts + place, letters[token])
        else:
            kinds[starts + place] = OPERATORS.index(token) if token in OPERATORS else operators
