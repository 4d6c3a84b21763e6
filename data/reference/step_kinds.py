"""What kind of step leads from one line of a worked solution to the next, in the words of docs/solutions.md."""

from eqstream.data.reference.parsing import Number, Operation, Rational, Tree

_VALUES = {"+": "sum", "-": "difference", "*": "product", "/": "quotient"}


def name_step(line: Tree, following: Tree, division: str = "exact") -> str:
    """Returns the kind of the step from a line to the one that follows by the rules.

    Args:
        line: a line that is no answer.
        following: what `eqstream.data.reference.solution.next_line` returns for it.
        division: as of `next_line`.

    >>> from eqstream.data.reference.parsing import parse
    >>> from eqstream.data.reference.solution import next_line
    >>> [name_step(line, next_line(line)) for line in map(parse, ["9 - 34 * 12", "5 * (8 / -2)", "12 - (3 + 4)"])]
    ['digit of a product', 'sign change', 'sum']
    """
    match _narrow(line, following):
        case Operation(operator, Number(left), Number(right)), after:
            return _name_operation(operator, left, right, after=after, division=division)
        # What is split off has gone to the left side.
        case Operation("+" | "-" as operator, _, Operation(inner)), Operation(same) if same == operator:
            return f"digit of a {_VALUES[inner]}"
        case Operation(operator), Operation():
            return f"{_VALUES[operator]} of fractions"
        case _:
            return "rounding"


def _narrow(before: Tree, after: Tree) -> tuple[Tree, Tree]:
    """Returns the operation that a step is made at, and what it becomes."""
    while isinstance(before, Operation) and isinstance(after, Operation) and before.operator == after.operator:
        if before.left == after.left and isinstance(before.right, Operation):
            before, after = before.right, after.right
        elif before.right == after.right and isinstance(before.left, Operation):
            before, after = before.left, after.left
        else:
            break
    return before, after


def _name_operation(operator: str, left: Rational, right: Rational, *, after: Tree, division: str) -> str:
    """Returns the kind of a step at an operation between two numbers."""
    match operator, after:
        case "/", Number(value) if division == "decimal" and value * right != left:
            return "rounding"
        case "/", Number(value) if division == "fraction" and value.denominator > 1:
            return "lowest terms"
        case "/" | "*", Operation("+"):
            return f"digit of a {_VALUES[operator]}"
        case "/", Operation("/", Operation()):
            return "common factor"
        case "/", Operation(_, _, Number(other)) if abs(other) != abs(right):
            return "power of ten"
        case ("/", Operation()) | ("*", Operation("*")):
            return "sign change"
        # A value with more places than an answer may have is written over 1.
        case _:
            return _VALUES[operator]
