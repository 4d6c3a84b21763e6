"""Whether a line can be the next one of a worked solution, as far as can be seen without calculating its values."""

from eqstream.data.reference.parsing import Number, Operation, Rational, Tree, decimal_places
from eqstream.data.reference.step_rules import first_place, has_one_digit, leading_part


def can_be_step(line: Tree, following: Tree) -> bool:
    """Returns whether one operation of a line has become what a step makes of it, and the rest is as it was.

    No sum, difference, product or digit of a quotient is worked out. Of a value that an operation gives only the sign
    and the number of digits are compared with those that it may have, and what 0, 1 or equal numbers give. What a rule
    of docs/solutions.md takes from the line has to be right: the factor that is kept, the digits that are left, the
    signs that change. Numbers that are added may have changed their signs: `7 + -3` is as good as `7 - 3`.

    It is true of all steps of spaces without quotients and with `division: exact` or `quotient`. With other kinds of
    division it may be false of a step.

    >>> from eqstream.data.reference.parsing import parse
    >>> can_be_step(parse("(301 + 552) * 7 - 12 * 3"), parse("853 * 7 - 12 * 3"))
    True
    >>> can_be_step(parse("(301 + 552) * 7 - 12 * 3"), parse("853 * 7 - 12 + 3"))
    False
    """
    return _is_changed_once(line, following) or _is_changed_once(_join_signs(line), _join_signs(following))


def _is_changed_once(line: Tree, following: Tree) -> bool:
    if isinstance(line, Number):
        return False
    if _is_rewritten(line, following):
        return True
    if isinstance(following, Number) or following.operator != line.operator:
        return False
    if line.left == following.left and _is_changed_once(line.right, following.right):
        return True
    return line.right == following.right and _is_changed_once(line.left, following.left)


def _is_rewritten(line: Operation, following: Tree) -> bool:
    """Returns whether a step at a line's outermost operation, or at the right side of it, can give what follows."""
    match line, following:
        case Operation(operator, Number(left), Number(right)), Number(value):
            return _can_be_value(operator, left, right, value)
        case Operation(_, Number(), Number()), Operation("+", Number() as part, rest):
            return _is_split(line, part, rest)
        case (
            Operation("*" | "/" as operator, Number(left), Number(right)),
            Operation(same, Number(left_after), Number(right_after)),
        ):
            return operator == same and _has_moved(operator, (left, right), (left_after, right_after))
        # What is split off goes to the left side of a sum or difference.
        case (
            Operation("+" | "-" as operator, before, Operation(_, Number(), Number()) as split),
            Operation(outer, Operation(inner, left, Number() as part), rest),
        ):
            return operator == outer == inner and left == before and _is_split(split, part, rest)
    return False


def _can_be_value(operator: str, left: Rational, right: Rational, value: Rational) -> bool:
    """Returns whether an operation may have a value, and a step gives it at once."""
    if operator == "*":
        return (has_one_digit(left) or has_one_digit(right)) and _has_size_of_product(left, right, value)
    if operator == "/":
        return _is_known_quotient(left, right, value)
    return _has_size_of_sum(left, right if operator == "+" else -right, value)


def _is_known_quotient(dividend: Rational, divisor: Rational, value: Rational) -> bool:
    """Returns whether a quotient is known without a division, and this is it."""
    if divisor == 1:
        return value == dividend
    if abs(dividend) == abs(divisor):
        return abs(value) == 1 and (value > 0) == (dividend == divisor)
    # Rounded down, if it is not 0.
    return abs(dividend) < abs(divisor) and value == (-1 if dividend * divisor < 0 else 0)


def _is_split(operation: Operation, part: Number, rest: Tree) -> bool:
    """Returns whether `rest` can be what a product or quotient leaves when a part is split off."""
    match operation:
        case Operation("*", Number(left) as factor, Number(right)) if right > 0 and not has_one_digit(right):
            digit = leading_part(right)
            is_rest = rest == Operation("*", factor, Number(right - digit))
            return is_rest and not has_one_digit(left) and _has_size_of_product(left, digit, part.value)
        case Operation("/", Number(left) as dividend, Number(right) as divisor) if left and right > 0:
            is_digit = part.value and has_one_digit(abs(part.value)) and (part.value > 0) == (left > 0)
            is_rest = rest == Operation("/", Operation("-", dividend, Operation("*", divisor, part)), divisor)
            return bool(is_digit and is_rest)
    return False


def _has_moved(operator: str, before: tuple[Rational, Rational], after: tuple[Rational, Rational]) -> bool:
    """Returns whether both numbers have other signs, or were taken times a power of ten, where a rule says so."""
    left, right = before
    power = 10 ** (decimal_places(right) or 0)
    if operator == "/" and power > 1:
        return after == (left * power, right * power)
    return right < 0 and after == (-left, -right)


def _has_size_of_product(left: Rational, right: Rational, value: Rational) -> bool:
    """Returns whether a value has the sign of a product, and as many digits as it may have."""
    if 0 in (left, right, value):
        return value == 0 and 0 in (left, right)
    least = first_place(left) * first_place(right)
    return (value > 0) == ((left > 0) == (right > 0)) and least <= first_place(value) <= 10 * least


def _has_size_of_sum(left: Rational, right: Rational, value: Rational) -> bool:
    """Returns whether a value has the sign of a sum, and as many digits as it may have."""
    larger, smaller = (left, right) if abs(left) >= abs(right) else (right, left)
    if smaller == 0 or larger == -smaller or value == 0:
        return value == (0 if larger == -smaller else larger)
    place, least = first_place(value), first_place(larger)
    has_size = least <= place <= 10 * least if (larger > 0) == (smaller > 0) else place <= least
    return has_size and (value > 0) == (larger > 0)


def _join_signs(tree: Tree) -> Tree:
    """Returns a tree in which no negative number is added or taken away: the one with its sign changed is."""
    if isinstance(tree, Number):
        return tree
    operator, left, right = tree.operator, _join_signs(tree.left), _join_signs(tree.right)
    if operator in "+-" and isinstance(right, Number) and right.value < 0:
        operator, right = "-" if operator == "+" else "+", Number(-right.value)
    return Operation(operator, left, right)
