"""What stands around the operands of equations: operators with the brackets beside them, as numbers.

A *literal* is the text before the first operand, between two, or behind the last one: brackets that close, an operator,
brackets that open. An equation of `k` terms has `k + 1` of them, in *slots* 0 to `k`. Brackets are only set where the
tree needs them.
"""

import numpy as np

from eqstream.data.recipe_values import OPERATORS
from eqstream.data.space.shapes import OPERAND, ShapeColumns
from eqstream.data.space.trees import MOST_LEAVES, Numbers, Slots, find_places
from eqstream.data.space_recipe import SpaceRecipe

# Stands in slots that an equation does not have.
ABSENT = 0
NUM_LITERALS = 1 + MOST_LEAVES * (OPERAND + 1) * MOST_LEAVES


def find_literals(columns: ShapeColumns) -> np.ndarray:
    """Returns the numbers of all literals, uint16 (num_terms + 1, n)."""
    num_terms, num_rows = columns.operators.shape
    operators = Slots(columns.operators)
    roots = Slots(np.full((num_terms, num_rows), OPERAND, dtype=np.uint8))
    # How many brackets open before each operand, and close behind it.
    opened, closed = (Slots(np.zeros((num_terms, num_rows), dtype=np.uint16)) for _ in range(2))
    steps = columns.steps
    for step, (left, right, *_) in enumerate(steps.nodes(num_rows)):
        operator = operators.get(right)
        is_left_bracketed = roots.get(left) >> 1 < operator >> 1
        is_right_bracketed = roots.get(right) >> 1 <= operator >> 1
        sides = (left, steps.middles[step], is_left_bracketed), (right, steps.ends[step], is_right_bracketed)
        for first, behind, is_bracketed in sides:
            last = find_places(behind - 1, num_rows)
            opened.put(first, opened.get(first) + is_bracketed)
            closed.put(last, closed.get(last) + is_bracketed)
        roots.put(left, operator)
    result = np.empty((num_terms + 1, num_rows), dtype=np.uint16)
    opened, closed = opened.to_matrix(), closed.to_matrix()
    result[0] = literal_number(0, OPERAND, opened[0])
    result[1:-1] = literal_number(closed[:-1], columns.operators[1:].astype(np.uint16), opened[1:])
    result[-1] = literal_number(closed[-1], OPERAND, 0)
    return result


def literal_number(closed: Numbers, operator: Numbers, opened: Numbers) -> Numbers:
    """Returns the number of the literal with so many brackets that close, this operator, and so many that open."""
    return 1 + (closed * (OPERAND + 1) + operator) * MOST_LEAVES + opened


def has_brackets(columns: ShapeColumns) -> np.ndarray:
    """Returns whether the text of each equation holds brackets, bool (n,)."""
    literals = find_literals(columns)
    # Brackets that open somewhere close elsewhere.
    return np.any((literals - 1) % MOST_LEAVES > 0, axis=0)


def literal_text(number: int, *, spacing: bool) -> str:
    """Returns the text of a literal.

    >>> literal_text(int(literal_number(1, 2, 2)), spacing=True)
    ') * (('
    """
    if number == ABSENT:
        return ""
    rest, opened = divmod(number - 1, MOST_LEAVES)
    closed, operator = divmod(rest, OPERAND + 1)
    gap = " " if spacing else ""
    between = "" if operator == OPERAND else f"{gap}{OPERATORS[operator]}{gap}"
    return ")" * closed + between + "(" * opened


def list_literals(space: SpaceRecipe) -> list[int]:
    """Returns the numbers of all literals that the equations of a space can have, and perhaps some more."""
    operators = [OPERATORS.index(operator) for operator in space.operators]
    most = max(most_brackets(space), default=0)
    counts = [(closed, opened) for closed in range(most + 1) for opened in range(most + 1 - closed)]
    numbers = {int(literal_number(closed, operator, opened)) for closed, opened in counts for operator in operators}
    at_ends = [pair for count in range(most + 1) for pair in ((0, OPERAND, count), (count, OPERAND, 0))]
    ends = {int(literal_number(*pair)) for pair in at_ends}
    return [ABSENT, *sorted(numbers | ends)]


def most_brackets(space: SpaceRecipe) -> list[int]:
    """Returns the largest number of pairs of brackets in equations with so many terms, for each that the space has."""
    bindings = sorted({OPERATORS.index(operator) >> 1 for operator in space.operators}) if space.brackets else []
    leaf = OPERAND >> 1
    # By number of terms: the most pairs, by how strongly the operator at the root binds.
    by_size: list[dict[int, int]] = [{}, {leaf: 0}]
    for size in range(2, space.terms.max + 1):
        by_size.append(
            {
                binding: max(
                    left_pairs + (left < binding) + right_pairs + (right <= binding)
                    for left_size in range(1, size)
                    for left, left_pairs in by_size[left_size].items()
                    for right, right_pairs in by_size[size - left_size].items()
                )
                for binding in bindings
            }
        )
    return [max(by_size[size].values(), default=0) for size in range(space.terms.min, space.terms.max + 1)]
