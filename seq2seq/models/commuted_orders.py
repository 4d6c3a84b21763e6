"""The orders in which a question can be asked: the sides of its sums and products swapped, or not."""

from collections.abc import Callable, Iterator
from itertools import islice

from eqstream.data.reference.evaluation import COMMUTATIVE, canonical_key
from eqstream.data.reference.parsing import Number, Operation, Tree, parse, render

# Odd, so that multiplying by it loses no bit.
_MULTIPLIER = 0x9E3779B97F4A7C15
_ROUNDS = 3
# So many orders are looked at for each that is asked: a bracket more may be one too many for the model.
_TRIES = 4


def iterate_orders(question: str, *, spacing: bool = True, brackets: bool = True) -> Iterator[str]:
    """Yields the texts of a question and its twins, itself first and the others shuffled, each once; deterministic.

    >>> list(iterate_orders("1 + 2 * 3"))
    ['1 + 2 * 3', '1 + 3 * 2', '3 * 2 + 1', '2 * 3 + 1']

    Args:
        question: an equation's.
        spacing: whether texts have spaces around operators.
        brackets: whether twins that take more brackets are among them; else nothing is swapped that would need one.
    """
    tree = parse(question)
    num_swaps = _count_swaps(tree, brackets)
    for number in range(1 << num_swaps):
        order, _ = _swap(tree, _mix(number, num_swaps), brackets)
        yield render(order, spacing)


def list_other_orders(
    question: str, number: int, *, fits: Callable[[str], bool], spacing: bool = True, brackets: bool = True
) -> list[str]:
    """Returns at most `number` twins of a question that fit a model, the first ones of `iterate_orders`."""
    orders = iterate_orders(question, spacing=spacing, brackets=brackets)
    return list(islice(filter(fits, islice(orders, 1, _TRIES * (number + 1))), number))


def _count_swaps(tree: Tree, brackets: bool) -> int:
    if isinstance(tree, Number):
        return 0
    return _count_swaps(tree.left, brackets) + _count_swaps(tree.right, brackets) + _can_swap(tree, brackets)


def _swap(tree: Tree, choice: int, brackets: bool) -> tuple[Tree, int]:
    """Returns the tree with each pair of sides swapped whose bit of `choice` is set, and the bits that are left."""
    if isinstance(tree, Number):
        return tree, choice
    left, choice = _swap(tree.left, choice, brackets)
    right, choice = _swap(tree.right, choice, brackets)
    if not _can_swap(tree, brackets):
        return Operation(tree.operator, left, right), choice
    sides = (right, left) if choice & 1 else (left, right)
    return Operation(tree.operator, *sides), choice >> 1


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
