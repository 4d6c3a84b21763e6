"""How long the texts of a space are, in characters and in tokens."""

from eqstream.data.space_recipe import Operands, SpaceRecipe


def count_digits(operands: Operands) -> int:
    """Returns the digits before the decimal point of the longest operand."""
    return max(len(str(abs(operands.min))), len(str(abs(operands.max))))


def count_question_tokens(space: SpaceRecipe, max_question_length: int, *, fill_up_to: int, drops_spaces: bool) -> int:
    """Returns the tokens of the longest question.

    Args:
        space: the space.
        max_question_length: the manifest's bound on a question's characters. It takes each operand for the longest
            number with a sign, if there are signs, and all decimals.
        fill_up_to: digits before the point to which operands are filled up with leading zeros; 1 for none.
        drops_spaces: whether spaces become no tokens.
    """
    operands, num_terms = space.operands, space.terms.max
    longest = longest_operand(operands, fill_up_to)
    # The longest question has the most terms; what is left of its bound are operators, brackets and spaces.
    width = max_question_length + (longest - _operand_bound(operands)) * num_terms
    return width - 2 * (num_terms - 1) * drops_spaces


def longest_operand(operands: Operands, digits: int) -> int:
    """Returns the characters of the longest operand, when each is filled up to `digits` before the point.

    >>> longest_operand(Operands(min=-5, max=120), 1)
    3
    >>> longest_operand(Operands(min=-5, max=100, decimals=1), 3)
    6
    """
    low, high, decimals = operands.min, operands.max, operands.decimals
    numbers = [(low, 0), (high, 0)]
    if decimals and low < high:
        # The ends are whole; the numbers with all decimals nearest to them have a whole part that is one smaller.
        numbers += [(side, decimals + 1) for side in (low, high) if side]
    longest = 0
    for number, length_of_decimals in numbers:
        whole = abs(number) - (length_of_decimals > 0)
        longest = max(longest, (number < 0) + max(len(str(whole)), digits) + length_of_decimals)
    return longest


def _operand_bound(operands: Operands) -> int:
    """Returns the characters of an operand with the most digits, a sign if there are signs, and all decimals."""
    decimals = operands.decimals + 1 if operands.decimals else 0
    return count_digits(operands) + (operands.min < 0) + decimals
