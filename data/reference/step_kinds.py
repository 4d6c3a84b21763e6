"""What kind of step leads from a line of a worked solution to the next one, and where; docs/solutions.md lists them."""

from eqstream.data.reference.factored_fractions import drop_sign, factor, reopen
from eqstream.data.reference.parsing import Number, Operation, Rational, Tree

_OTHER = {"left": "right", "right": "left"}
_VALUES = {"+": "sum", "-": "difference", "*": "product", "/": "quotient"}


def name_step(line: Tree, following: Tree, division: str = "exact", *, factored: bool = False) -> str:
    """Returns the kind of the step from a line to the one that follows by the rules.

    Args:
        line: a line; an answer has `no step`.
        following: what `eqstream.data.reference.solution.next_line` returns for it.
        division: as of `next_line`.
        factored: as of `next_line`.

    >>> from eqstream.data.reference.parsing import parse
    >>> from eqstream.data.reference.solution import next_line
    >>> [name_step(line, next_line(line)) for line in map(parse, ["9 - 34 * 12", "5 * (8 / -2)", "12 - (3 + 4)"])]
    ['digit of a product', 'sign change', 'sum']
    """
    if factored and isinstance(line, Operation):
        if found := factor(line):
            return found[1]
        line, written = drop_sign(line), reopen(following)
        following = following if written == line else written
    match _narrow(line, following):
        case Operation(operator, Number(left), Number(right)), after:
            return _name_operation(operator, left, right, after=after, division=division)
        # What is split off has gone to the left side.
        case Operation("+" | "-" as operator, _, Operation(inner)), Operation(same) if same == operator:
            return f"digit of a {_VALUES[inner]}"
        case Operation(operator), Operation():
            return f"{_VALUES[operator]} of fractions"
        case before, after:
            return "no step" if before == after else "rounding"


def keeps_rest(line: Tree, following: Tree, found: Tree) -> bool:
    """Returns whether a wrong line leaves all as it is that the step from `line` to `following` leaves as it is.

    >>> from eqstream.data.reference.parsing import parse
    >>> [keeps_rest(parse("4 * (9 - 1)"), parse("4 * 8"), parse(found)) for found in ("4 * 7", "5 * 8")]
    [True, False]
    """
    for name in _find_path(line, following, ends_at_numbers=False):
        if not isinstance(found, Operation) or not isinstance(following, Operation):
            return False
        if found.operator != following.operator or getattr(found, _OTHER[name]) != getattr(following, _OTHER[name]):
            return False
        following, found = getattr(following, name), getattr(found, name)
    return True


def _narrow(before: Tree, after: Tree) -> tuple[Tree, Tree]:
    """Returns the operation that a step is made at, and what it becomes."""
    for name in _find_path(before, after):
        before, after = getattr(before, name), getattr(after, name)
    return before, after


def _find_path(before: Tree, after: Tree, *, ends_at_numbers: bool = True) -> list[str]:
    """Returns the sides, `left` or `right`, that lead from the whole to the operation that a step is made at.

    To the number that is split, if not `ends_at_numbers`.
    """
    path: list[str] = []
    while isinstance(before, Operation) and isinstance(after, Operation) and before.operator == after.operator:
        if before.left == after.left and not (ends_at_numbers and isinstance(before.right, Number)):
            before, after, name = before.right, after.right, "right"
        elif before.right == after.right and not (ends_at_numbers and isinstance(before.left, Number)):
            before, after, name = before.left, after.left, "left"
        else:
            break
        path.append(name)
    return path


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
