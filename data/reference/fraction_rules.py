"""What a step of a worked solution makes of an operation between fractions."""

from eqstream.data.reference.parsing import Number, Operation, Tree

# The denominator of what is no fraction; told from other ones by identity, as those are written.
_ONE = Number(1)


def combine(operator: str, left: Tree, right: Tree) -> Operation:
    """Returns an operation between two fractions, or a number and a fraction, as one fraction with terms to compute.

    A fraction is a `/` between two numbers.

    >>> from eqstream.data.reference.parsing import parse, render
    >>> [render(combine(operator, parse("1 / 4"), parse("5 / 6"))) for operator in "+*/"]
    ['(1 * 6 + 5 * 4) / (4 * 6)', '1 * 5 / (4 * 6)', '1 * 6 / (4 * 5)']
    >>> [render(combine(operator, Number(2), parse("5 / 6"))) for operator in "+*/"]
    ['(2 * 6 + 5) / 6', '2 * 5 / 6', '2 * 6 / 5']
    >>> render(combine("-", parse("1 / 4"), parse("5 / 4")))
    '(1 - 5) / 4'
    """
    numerator, denominator = _terms(left)
    other_numerator, other_denominator = _terms(right)
    if operator == "/":
        other_numerator, other_denominator = other_denominator, other_numerator
    if operator in "*/":
        return Operation("/", _product(numerator, other_numerator), _product(denominator, other_denominator))
    if denominator == other_denominator:
        return Operation("/", Operation(operator, numerator, other_numerator), denominator)
    sides = _product(numerator, other_denominator), _product(other_numerator, denominator)
    return Operation("/", Operation(operator, *sides), _product(denominator, other_denominator))


def _terms(tree: Tree) -> tuple[Tree, Tree]:
    """Returns numerator and denominator."""
    return (tree, _ONE) if isinstance(tree, Number) else (tree.left, tree.right)


def _product(left: Tree, right: Tree) -> Tree:
    """Returns the product, without the denominator 1 of a number."""
    if left is _ONE or right is _ONE:
        return right if left is _ONE else left
    return Operation("*", left, right)
