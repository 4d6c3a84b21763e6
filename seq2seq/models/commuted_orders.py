"""The orders in which a question can be asked: sides swapped or not, differences that are taken away turned or not."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import TypeGuard

from eqstream.data.reference.evaluation import COMMUTATIVE, canonical_key
from eqstream.data.reference.parsing import Number, Operation, Tree, parse, render

# Odd, so that multiplying by it loses no bit.
_MULTIPLIER = 0x9E3779B97F4A7C15
_ROUNDS = 3
# So many orders are looked at for each that is asked: a bracket more may be one too many for the model.
_TRIES = 4


def iterate_orders(
    question: str, *, spacing: bool = True, brackets: bool = True, turned: bool = False
) -> Iterator[str]:
    """Yields the texts of a question in all its orders, as it is first, then shuffled, each once; deterministic.

    >>> list(iterate_orders("1 + 2 * 3"))
    ['1 + 2 * 3', '1 + 3 * 2', '3 * 2 + 1', '2 * 3 + 1']
    >>> list(iterate_orders("9 - (5 - 2)", turned=True))
    ['9 - (5 - 2)', '2 - 5 + 9', '9 + (2 - 5)']

    Args:
        question: an equation's.
        spacing: whether texts have spaces around operators.
        brackets: whether orders that take more brackets are among them; else nothing is swapped that would need one.
        turned: whether differences that are taken away may be turned, too, and added, if `brackets`. Such an order is
            no twin, but its value is the same.
    """
    tree = parse(question)
    num_bits = _count_bits(tree, brackets, turned)
    seen: set[str] = set()
    for number in range(1 << num_bits):
        order, _ = _arrange(tree, _mix(number, num_bits), brackets, turned)
        text = render(order, spacing)
        if text not in seen:
            seen.add(text)
            yield text


def list_other_orders(
    question: str,
    number: int,
    *,
    fits: Callable[[str], bool],
    spacing: bool = True,
    brackets: bool = True,
    turned: bool = False,
) -> list[str]:
    """Returns at most `number` other orders of a question that fit a model, the first ones of `iterate_orders`."""
    orders = iterate_orders(question, spacing=spacing, brackets=brackets, turned=turned)
    return list(islice(filter(fits, islice(orders, 1, _TRIES * (number + 1))), number))


def _count_bits(tree: Tree, brackets: bool, turned: bool) -> int:
    """Returns how many bits say how `_arrange` arranges a tree."""
    if isinstance(tree, Number):
        return 0
    sides = (_count_bits(side, brackets, turned) for side in (tree.left, tree.right))
    return sum(sides) + _count_own_bits(tree, brackets, turned)


def _count_own_bits(tree: Operation, brackets: bool, turned: bool) -> int:
    if turned and brackets and tree.operator == "-" and _is_difference(tree.right):
        return 2
    return int(_can_swap(tree, brackets))


def _arrange(tree: Tree, choice: int, brackets: bool, turned: bool) -> tuple[Tree, int]:
    """Returns the tree as the bits of `choice` say, 0 as it is, and the bits that are left.

    One bit swaps the sides of a sum or product. Where a difference is taken away, a second one turns it before.
    """
    if isinstance(tree, Number):
        return tree, choice
    left, choice = _arrange(tree.left, choice, brackets, turned)
    right, choice = _arrange(tree.right, choice, brackets, turned)
    operator, num_bits = tree.operator, _count_own_bits(tree, brackets, turned)
    # On the right may be a sum now, of a difference that was turned.
    if num_bits == 2 and choice & 2 and _is_difference(right):
        operator, right = "+", Operation("-", right.right, right.left)
    if num_bits and choice & 1 and operator in COMMUTATIVE:
        left, right = right, left
    return Operation(operator, left, right), choice >> num_bits


def _is_difference(tree: Tree) -> TypeGuard[Operation]:
    return isinstance(tree, Operation) and tree.operator == "-"


def _can_swap(tree: Operation, brackets: bool) -> bool:
    """Returns whether swapping the sides gives a tree that no swaps within them give."""
    if tree.operator not in COMMUTATIVE or canonical_key(tree.left) == canonical_key(tree.right):
        return False
    # Without brackets a sum stays on the left of a sum, and a product on the left of a product.
    return brackets or isinstance(tree.left, Number) or (tree.operator == "+" and tree.left.operator in "*/")


def _mix(number: int, num_bits: int) -> int:
    """Returns a number of as many bits, another one for each; 0 for 0."""
    mask = (1 << num_bits) - 1
    mixed = number
    for _ in range(_ROUNDS):
        mixed = mixed * _MULTIPLIER & mask
        mixed ^= mixed >> (num_bits + 1) // 2
    return mixed
