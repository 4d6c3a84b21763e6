"""The equations at the edges of a space, on which arithmetic that has only been imitated breaks first."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

from eqstream.data.errors import UserError
from eqstream.data.reference.evaluation import count_carries, has_brackets, list_operands, twins
from eqstream.data.reference.membership import read_question
from eqstream.data.reference.parsing import Number, Operation, Tree, parse, render
from eqstream.data.space_recipe import SpaceRecipe

_MAX_CHAINS = 12
# The twins of more terms are too many to look for.
_MAX_TERMS_WITH_TWINS = 6
_COMMUTING = "+*"
Pair: TypeAlias = tuple[int | Fraction, int | Fraction]


@dataclass(frozen=True, kw_only=True)
class EdgeCase:
    """An equation of the space, the first `kind` that it belongs to, and its right answer."""

    kind: str
    question: str
    expected: str


def list_edge_cases(space: SpaceRecipe) -> list[EdgeCase]:
    """Returns the suite of a space: each equation once, those that the space does not contain left out.

    Kinds, as far as a space has them: `longest carries` (and borrows), `carry chains` (of every length), `zeros`,
    `equal operands`, `repeated digits`, `negative answers`, `symmetric inputs` (both orders), `smallest and largest`,
    `round numbers`, `decimals`, `most terms`, `mixed`.
    Deterministic in the space.
    """
    cases: dict[str, EdgeCase] = {}
    for kind, trees in _list_trees(space):
        for tree in trees:
            try:
                known = read_question(render(tree, space.spacing), space)
            except UserError:
                continue
            case = EdgeCase(kind=kind, question=known.question, expected=known.answer)
            if kind != "negative answers" or case.expected.startswith("-"):
                cases.setdefault(case.question, case)
    return list(cases.values())


def list_twins(question: str) -> set[str]:
    """Returns the commuted twins of a question, itself left out, in its own spacing; of many terms only itself swapped.

    >>> sorted(list_twins("1 + 2 * 3"))
    ['1 + 3 * 2', '2 * 3 + 1', '3 * 2 + 1']
    """
    tree = parse(question)
    spacing = " " in question
    if len(list_operands(tree)) <= _MAX_TERMS_WITH_TWINS:
        return {render(twin, spacing) for twin in twins(tree)} - {question}
    swapped = swap_sides(question)
    return set() if swapped is None else {swapped}


def swap_sides(question: str) -> str | None:
    """Returns the question with the sides of its last operation swapped; None if that is another value or no change.

    >>> swap_sides("1 + 2"), swap_sides("1 + 2 * 3"), swap_sides("1 - 2"), swap_sides("4 + 4")
    ('2 + 1', '2 * 3 + 1', None, None)
    """
    tree = parse(question)
    if not isinstance(tree, Operation) or tree.operator not in _COMMUTING or tree.left == tree.right:
        return None
    swapped = Operation(tree.operator, tree.right, tree.left)
    # A side that needs new brackets may leave the space.
    if has_brackets(swapped) and not has_brackets(tree):
        return None
    return render(swapped, " " in question)


def _list_trees(space: SpaceRecipe) -> Iterator[tuple[str, Iterator[Tree]]]:
    low, high = space.operands.min, space.operands.max
    step = Fraction(1, 10**space.operands.decimals)
    nines = [10**length - 1 for length in range(1, len(str(max(abs(low), abs(high)))) + 1)]
    yield "longest carries", iter(_list_chains(space, nines))
    yield "carry chains", _of_pairs(space, _list_chain_pairs(len(nines)))
    yield "zeros", _of_pairs(space, [(0, 0), *_both_orders((0, high), (0, 1), (0, low), (0, step))])
    equal = [1, 5, *nines, *(nine // 9 for nine in nines), high, low]
    yield "equal operands", _of_pairs(space, [(number, number) for number in equal])
    yield "repeated digits", _of_pairs(space, _list_repeated_digits(nines))
    yield "negative answers", _of_pairs(space, _both_orders((low, high), (1, high), (0, high), (0, 1), (-1, 1)))
    unequal = _both_orders(*itertools.pairwise([*nines[:-1], high]), (1, high), (12, 345), (2, high - 1))
    yield "symmetric inputs", _of_pairs(space, unequal)
    extremes = [low, low + step, high - step, high]
    yield "smallest and largest", _of_pairs(space, itertools.product(extremes, repeat=2))
    tens = [10**length for length in range(1, len(nines))]
    yield "round numbers", _of_pairs(space, [(ten, other) for ten in tens for other in (ten, ten // 10, 5 * ten, 1)])
    if space.operands.decimals:
        yield "decimals", _of_pairs(space, _list_decimal_pairs(step))
    if space.terms.max > 2:
        rows = [[number] * space.terms.max for number in (0, 1, 9, high, low)]
        yield "most terms", (_chain(operator, row) for operator in space.operators for row in rows)
        yield "mixed", _list_mixed(space)


def _of_pairs(space: SpaceRecipe, pairs: Iterable[Pair]) -> Iterator[Tree]:
    """Yields the pairs under each operator; where more terms are needed, the second operand is repeated."""
    for operator, (first, second) in itertools.product(space.operators, list(pairs)):
        yield _chain(operator, [first, *[second] * (max(space.terms.min, 2) - 1)])


def _list_chains(space: SpaceRecipe, nines: Sequence[int]) -> list[Tree]:
    """Returns the sums and differences with the most carries, of numbers that make them ripple."""
    pairs: list[Pair] = []
    for nine in nines:
        fours, five, ten = 4 * (nine // 9), 5 * (nine // 9), nine + 1
        pairs += [(nine, 1), (1, nine), (nine, nine), (five + fours, 1), (fours, five + 1), (five, five), (nine, 2)]
        pairs += [(ten, 1), (ten, nine), (1, ten), (ten // 10 * 5, ten // 10 * 5), (ten // 10, 1), (nine - 1, 2)]
    ripples = []
    for tree in _of_pairs(space, pairs):
        if isinstance(tree, Operation) and tree.operator in "+-":
            try:
                read_question(render(tree, space.spacing), space)
            except UserError:
                continue
            ripples.append((count_carries(tree), tree))
    chosen = []
    for operator in "+-":
        mine = sorted((each for each in ripples if each[1].operator == operator), key=lambda each: -each[0])
        chosen += [tree for carries, tree in dict.fromkeys(mine) if carries][:_MAX_CHAINS]
    return chosen


def _list_chain_pairs(num_digits: int) -> list[Pair]:
    """Returns pairs whose carries, or whose borrows through zeros, run on for 1, 2, … places from either end."""
    pairs: list[Pair] = []
    for length in range(1, num_digits + 1):
        nine = 10**length - 1
        for unit in sorted({1, 10 ** (num_digits - length)}):
            pairs += _both_orders((nine * unit, unit), ((nine // 9 * 4 + 1) * unit, nine // 9 * 5 * unit))
            pairs += [((nine + 1) * unit, unit), ((nine + 1) * unit, nine * unit)]
    return pairs


def _list_repeated_digits(nines: Sequence[int]) -> list[Pair]:
    """Returns pairs of numbers of one digit each: all digits at full length, one at every length."""
    ones = nines[-1] // 9
    pairs: list[Pair] = [(digit * ones, digit * ones) for digit in range(1, 10)]
    for length, nine in enumerate(nines):
        digit = 1 + length % 9
        pairs += _both_orders((nine // 9 * digit, nine // 9 * (10 - digit)), (nine // 9 * digit, ones * digit))
    return pairs


def _list_decimal_pairs(step: Fraction) -> list[Pair]:
    tenth, almost = Fraction(1, 10), 1 - step
    pairs = _both_orders((almost, step), (step, 0), (tenth, almost), (1, step), (9 + almost, step), (tenth, 1))
    return [*pairs, (step, step), (Fraction(1, 2), Fraction(1, 2)), (5 * step, 5 * step), (tenth, tenth)]


def _list_mixed(space: SpaceRecipe) -> Iterator[Tree]:
    rows = [(space.operands.max, 2, 1), (8, 4, 2), (12, 6, 3), (1, 2, 3)]
    for (one, two), row in itertools.product(itertools.product(space.operators, repeat=2), rows):
        first, second, third = (_number(value) for value in row)
        yield parse(f"{render(first)} {one} {render(second)} {two} {render(third)}")
        yield Operation(one, first, Operation(two, second, third))
        yield Operation(two, Operation(one, first, second), third)


def _both_orders(*pairs: Pair) -> list[Pair]:
    return [each for pair in pairs for each in (pair, (pair[1], pair[0]))]


def _chain(operator: str, values: Sequence[int | Fraction]) -> Tree:
    tree: Tree = _number(values[0])
    for value in values[1:]:
        tree = Operation(operator, tree, _number(value))
    return tree


def _number(value: int | Fraction) -> Number:
    return Number(value.numerator if value.denominator == 1 else value)
