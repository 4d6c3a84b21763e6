"""Whole small spaces, listed one equation at a time by code that shares nothing with the one under test."""

import io
import itertools
from collections.abc import Iterator
from fractions import Fraction

import pyarrow.parquet as pq

from data.census import Census
from data.expression import InexactDivisionError, Number, Operation, answer_text, evaluate, render
from data.recipe import Recipe, SpaceRecipe, exact
from data.shards import ShardWriter
from data.splits import SplitPlan, plan_splits

BINDING = {"+": 1, "-": 1, "*": 2, "/": 2}


def make_recipe(space: dict, splits: list[dict] | None = None, **changes) -> Recipe:
    """Returns a recipe with one split of everything, unless told otherwise."""
    splits = splits or [{"name": "train", "rest": True}]
    return Recipe.from_dict({"name": "small", "space": space, "splits": splits, **changes})


def list_trees(operands: list, operators: tuple) -> Iterator:
    """Yields every binary tree over the operands, with the operators in order."""
    if len(operands) == 1:
        yield Number(operands[0])
        return
    for middle in range(1, len(operands)):
        lefts = list(list_trees(operands[:middle], operators[: middle - 1]))
        rights = list(list_trees(operands[middle:], operators[middle:]))
        for left, right in itertools.product(lefts, rights):
            yield Operation(operators[middle - 1], left, right)


def list_equations(space: SpaceRecipe) -> dict[str, tuple]:
    """Returns question to (answer, tree) of all equations of a space."""
    scale = 10**space.operands.decimals
    numbers = [Fraction(step, scale) for step in range(space.operands.min * scale, space.operands.max * scale + 1)]
    numbers = [int(number) if number.denominator == 1 else number for number in numbers]
    division = space.division if "/" in space.operators else "exact"
    equations = {}
    for terms in range(space.terms.min, space.terms.max + 1):
        for operands in itertools.product(numbers, repeat=terms):
            for operators in itertools.product(space.operators, repeat=terms - 1):
                for tree in list_trees(list(operands), operators):
                    question = render(tree, space.spacing)
                    if "(" in question and not space.brackets:
                        continue
                    try:
                        value = evaluate(tree, division, space.operands.decimals)
                    except (ZeroDivisionError, InexactDivisionError):
                        continue
                    answer = answer_text(value, division, space.places)
                    if is_within(answer, space.answer.min, space.answer.max):
                        assert question not in equations
                        equations[question] = (answer, tree)
    return equations


def is_within(answer: str, low, high) -> bool:
    """Returns whether the printed answer lies within the bounds."""
    value = Fraction(answer)
    return (low is None or value >= exact(low)) and (high is None or value <= exact(high))


def write_rows(recipe: Recipe) -> tuple[SplitPlan, dict[str, list[dict]]]:
    """Returns the plan, and the rows of each split as they are written."""
    census = Census(recipe).run()
    plan = plan_splits(recipe, census)
    writer = ShardWriter(recipe)
    rows: dict[str, list[dict]] = {split.name: [] for split in plan.splits}
    for task in plan.shards:
        file = io.BytesIO()
        receipt = writer.write(task, {"parquet": file})
        found = pq.read_table(io.BytesIO(file.getvalue())).to_pylist()
        assert receipt.num_equations == len(found) == task.num_equations
        rows[task.split] += found
    return plan, rows
