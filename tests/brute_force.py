"""Whole equation spaces, listed one equation at a time: the oracle for everything that is computed in bulk.

Numbers come from `fractions`, combinations from `itertools`, trees, texts and values from
`eqstream.data.reference.evaluation`. Nothing here uses the modules under test, but for `write`, which calls them.
"""

import functools
import io
import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from eqstream.data.dataset.shard_writer import ShardReceipt, ShardWriter
from eqstream.data.recipe import Recipe
from eqstream.data.reference.evaluation import (
    InexactDivisionError,
    answer_text,
    canonical_key,
    count_carries,
    count_digits,
    evaluate,
    list_operands,
    list_operators,
)
from eqstream.data.reference.parsing import Number, Operation, decimal_text, parse, render
from eqstream.data.reference.written_digits import (
    WrittenDigits,
    count_repeated,
    find_written_digits,
    has_equal_operands,
)
from eqstream.data.space.equation_block import EquationBlock
from eqstream.data.space_recipe import SpaceRecipe
from eqstream.data.splits.counting_policy import count_for_plan
from eqstream.data.splits.plan import SplitPlan, plan_splits
from eqstream.data.splits.shard_steps import add_step_counts
from tests.one_shape import list_shapes


@dataclass(frozen=True)
class Equation:
    """One equation and all that can be asked about it; `value` is the number that the text `answer` stands for."""

    question: str
    answer: str
    terms: int
    digits: int
    carries: int
    operands: tuple = field(repr=False)
    operators: str = field(repr=False)
    value: int | Fraction = field(repr=False)
    class_key: str = field(repr=False)
    tree: Any = field(repr=False)
    division: str = field(repr=False)

    @property
    def record(self) -> dict:
        """What a shard holds of it."""
        return {name: getattr(self, name) for name in ("answer", "carries", "digits", "question", "terms")}

    @property
    def combination(self) -> tuple:
        """The tree and the number of digits of each operand: what balanced sampling balances."""
        return skeleton(self.tree), tuple(len(str(abs(int(operand)))) for operand in self.operands)

    @property
    def class_combination(self) -> str:
        """A text shared by the combinations of commuted twins alone."""
        return canonical_key(with_lengths(self.tree))


def skeleton(tree) -> str:
    """The tree with an x for each operand, fully bracketed."""
    if isinstance(tree, Number):
        return "x"
    return f"({skeleton(tree.left)}{tree.operator}{skeleton(tree.right)})"


def with_lengths(tree):
    if isinstance(tree, Number):
        return Number(len(str(abs(int(tree.value)))))
    return Operation(tree.operator, with_lengths(tree.left), with_lengths(tree.right))


def plant(tree, values, scale: int = 1):
    """The oracle's tree for a tree of `tests.one_shape`: `values`, in steps of 1 / scale, for its leaves."""
    if isinstance(tree, int):
        return Number(int(values[tree]) if scale == 1 else exact(Fraction(int(values[tree]), scale)))
    return Operation(tree[0], plant(tree[1], values, scale), plant(tree[2], values, scale))


@functools.lru_cache(maxsize=1 << 14)
def exact(number: float | Fraction | str) -> int | Fraction:
    """A number as a user writes it, an int where it is whole."""
    value = Fraction(str(number))
    return value.numerator if value.denominator == 1 else value


def make_recipe(space: dict, splits: list[dict] | None = None, **changes) -> Recipe:
    """A recipe of that space; unless told otherwise all of it is one split."""
    splits = splits or [{"name": "train", "rest": True}]
    return Recipe.from_dict({"name": "small", "space": space, "splits": splits, **changes})


def list_numbers(low: int, high: int, decimals: int) -> list:
    """The grid from low to high, as ints wherever they are whole."""
    return [exact(Fraction(step, 10**decimals)) for step in range(low * 10**decimals, high * 10**decimals + 1)]


def list_trees(numbers: list, operators: str, terms: int) -> Iterator:
    """Every binary tree with every operator and every number in every place."""
    if terms == 1:
        yield from map(Number, numbers)
    for left_terms in range(1, terms):
        for operator in operators:
            for left in list_trees(numbers, operators, left_terms):
                for right in list_trees(numbers, operators, terms - left_terms):
                    yield Operation(operator, left, right)


def list_chains(numbers: list, operators: str, terms: int) -> Iterator:
    """Every text without brackets, read by the usual precedence."""
    for values in itertools.product(map(decimal_text, numbers), repeat=terms):
        for signs in itertools.product(operators, repeat=terms - 1):
            yield parse(values[0] + "".join(sign + value for sign, value in zip(signs, values[1:], strict=True)))


def examine(tree, space: SpaceRecipe) -> Equation | None:
    """The equation of a tree, or None if it is not in the space."""
    division = space.division if "/" in space.operators else "exact"
    try:
        exact_value = evaluate(tree, division, space.operands.decimals)
    except (ZeroDivisionError, InexactDivisionError):
        return None
    answer = answer_text(exact_value, division, space.places)
    value = exact(answer)
    if not in_range(value, {"min": space.answer.min, "max": space.answer.max}):
        return None
    operators = list_operators(tree)
    return Equation(
        question=render(tree, space.spacing),
        answer=answer,
        terms=len(operators) + 1,
        digits=count_digits(tree),
        carries=count_carries(tree, division),
        operands=tuple(list_operands(tree)),
        operators=operators,
        value=value,
        class_key=canonical_key(tree),
        tree=tree,
        division=division,
    )


@functools.lru_cache(maxsize=256)
def examine_space(space: SpaceRecipe) -> tuple[Equation, ...]:
    """Every equation of the space."""
    numbers = list_numbers(space.operands.min, space.operands.max, space.operands.decimals)
    list_all = list_trees if space.brackets else list_chains
    found = (
        examine(tree, space)
        for terms in range(space.terms.min, space.terms.max + 1)
        for tree in list_all(numbers, space.operators, terms)
    )
    return tuple(equation for equation in found if equation is not None)


def list_equations(space: SpaceRecipe) -> dict[str, tuple]:
    """Question to (answer, tree) of every equation of the space."""
    return {equation.question: (equation.answer, equation.tree) for equation in examine_space(space)}


def by_question(equations) -> dict[str, Equation]:
    return {equation.question: equation for equation in equations}


def in_range(value, bounds) -> bool:
    """Whether a value lies in a range of a recipe, which may be one number."""
    if not isinstance(bounds, dict):
        return value == exact(bounds)
    low, high = bounds.get("min"), bounds.get("max")
    return (low is None or value >= exact(low)) and (high is None or value <= exact(high))


def meets(equation: Equation, where: dict) -> bool:
    """Whether an equation meets every condition of a `where` as a user writes it."""
    return all(_TESTS[key](equation, value) for key, value in where.items())


def _has_any(equation: Equation, values) -> bool:
    values = values if isinstance(values, list) else [values]
    return any(exact(value) in equation.operands for value in values)


_TESTS = {
    "terms": lambda equation, bounds: in_range(equation.terms, bounds),
    "digits": lambda equation, bounds: in_range(equation.digits, bounds),
    "carries": lambda equation, bounds: in_range(equation.carries, bounds),
    "answer": lambda equation, bounds: in_range(equation.value, bounds),
    "operands": lambda equation, bounds: all(in_range(operand, bounds) for operand in equation.operands),
    "contains": _has_any,
    "excludes": lambda equation, values: not _has_any(equation, values),
    "operators": lambda equation, allowed: all(operator in allowed for operator in equation.operators),
    "brackets": lambda equation, wanted: ("(" in equation.question) == wanted,
    "longest_carry_chain": lambda equation, bounds: in_range(_written(equation).longest_carry_chain, bounds),
    "zero_borrows": lambda equation, bounds: in_range(_written(equation).zero_borrows, bounds),
    "equal_operands": lambda equation, wanted: has_equal_operands(equation.tree) == wanted,
    "repeated_digits": lambda equation, bounds: in_range(count_repeated(equation.tree), bounds),
    "quotient_digits": lambda equation, digits: not _written(equation).quotient_digits.isdisjoint(digits),
}


def _written(equation: Equation) -> WrittenDigits:
    return find_written_digits(equation.tree, equation.division)


def fill_one_by_one(total: int, capacities: dict) -> dict:
    """What each combination holds when they take turns, one equation each, as long as they have any."""
    amounts = dict.fromkeys(capacities, 0)
    while total:
        open_places = [place for place in capacities if amounts[place] < capacities[place]]
        step = min(min(capacities[place] - amounts[place] for place in open_places), total // len(open_places))
        if not step:
            return amounts
        for place in open_places:
            amounts[place] += step
            total -= step
    return amounts


@dataclass(frozen=True)
class Written:
    """What the modules under test make of a recipe."""

    plan: SplitPlan
    records: dict[str, list[dict]]
    receipts: dict[str, ShardReceipt]
    files: dict[str, dict[str, bytes]]

    def questions(self, split: str) -> list[str]:
        return [record["question"] for record in self.records[split]]

    @property
    def split_of(self) -> dict[str, str]:
        """Each question with its split; fails if one stands twice."""
        pairs = [(question, split) for split in self.records for question in self.questions(split)]
        twice = [question for question, count in Counter(question for question, _ in pairs).items() if count > 1]
        assert not twice, f"written twice: {twice[:5]}"
        return dict(pairs)


_list_shapes = functools.cache(list_shapes)


def list_questions(recipe: Recipe, block: EquationBlock) -> list[str]:
    """The texts of a block, row by row."""
    shapes, scale = _list_shapes(recipe.space), 10**recipe.space.operands.decimals
    rows = zip(block.shapes.tolist(), *(operand.tolist() for operand in block.operands), strict=True)
    return [_question(shapes[number], tuple(operands), scale, recipe.space.spacing) for number, *operands in rows]


@functools.lru_cache(maxsize=1 << 17)
def _question(tree, operands: tuple[int, ...], scale: int, spacing: bool) -> str:
    return render(plant(tree, operands, scale), spacing)


@functools.lru_cache(maxsize=1 << 17)
def class_key_of(question: str) -> str:
    """A text that commuted twins share."""
    return canonical_key(parse(question))


def make_plan(recipe: Recipe, *, block_size: int | None = None) -> SplitPlan:
    """The plan of a recipe."""
    return plan_splits(count_for_plan(recipe, block_size=block_size))


def pick(recipe: Recipe, *, block_size: int | None = None) -> dict[str, list[str]]:
    """The questions of each split as they are enumerated, not as they are written: much faster than `write`."""
    counts = count_for_plan(recipe, block_size=block_size)
    found: dict[str, list[str]] = {split.name: [] for split in recipe.splits}
    for task in plan_splits(counts).shards:
        for segment in task.segments:
            blocks = counts.by_source[segment.source].enumeration.equations(
                segment.first, segment.count, position=segment.position, before=segment.before
            )
            for block in blocks:
                found[task.split] += list_questions(recipe, block)
    return found


def read_parquet(contents: bytes) -> list[dict]:
    return pq.read_table(pa.BufferReader(contents), use_threads=False).to_pylist()


def write(recipe: Recipe, formats: tuple[str, ...] = ("parquet",)) -> Written:
    """Plans and writes every shard of a recipe into memory, one after the other."""
    plan = make_plan(recipe)
    writer = ShardWriter(recipe)
    if writer.steps is not None:
        plan = add_step_counts(plan, map(writer.steps.count, plan.shards))
    records: dict[str, list[dict]] = {split.name: [] for split in plan.splits}
    receipts, files = {}, {}
    for task in plan.shards:
        sinks = {file_format: io.BytesIO() for file_format in formats}
        receipts[task.name] = writer.write(task, sinks)
        files[task.name] = {file_format: sink.getvalue() for file_format, sink in sinks.items()}
        if "parquet" in files[task.name]:
            records[task.split] += read_parquet(files[task.name]["parquet"])
    return Written(plan, records, receipts, files)


def write_rows(recipe: Recipe) -> tuple[SplitPlan, dict[str, list[dict]]]:
    """The plan, and the rows of each split as they are written."""
    written = write(recipe)
    return written.plan, written.records
