"""Solutions of the equations of small recipes, in bulk and by the reference."""

import numpy as np

from eqstream.data.formats.column_encoder import ColumnEncoder
from eqstream.data.recipe import Recipe
from eqstream.data.reference.parsing import Tree, parse
from eqstream.data.reference.solution import line_text, solution
from eqstream.data.solutions.solving import BlockSolver
from eqstream.data.space.equation_block import EquationBlock, join_blocks
from eqstream.data.space.prepared_space import prepare_space
from eqstream.data.splits.counting_policy import count_for_plan
from eqstream.data.splits.plan import plan_splits


def block_of(recipe: Recipe, split: str = "train") -> EquationBlock:
    """All equations of a split; few positions are looked at where few equations are wanted."""
    counts = count_for_plan(recipe, block_size=64)
    segments = [segment for task in plan_splits(counts).shards if task.split == split for segment in task.segments]
    return join_blocks(
        [
            block
            for segment in segments
            for block in counts.by_source[segment.source].enumeration.equations(
                segment.first, segment.count, position=segment.position, before=segment.before
            )
        ]
    )


def questions_of(recipe: Recipe, block: EquationBlock) -> list[str]:
    return ColumnEncoder(prepare_space(recipe.space)).to_columns(block).question.to_texts()


def solutions_of(recipe: Recipe, block: EquationBlock) -> list[list[Tree]]:
    """The lines of each equation's solution, by the reference."""
    space = recipe.space
    return [
        solution(parse(question), space.division, space.places, factored=space.factors_fractions)
        for question in questions_of(recipe, block)
    ]


def assert_solved(recipe: Recipe) -> None:
    """Checks the solutions of all equations of a recipe against the reference, line by line."""
    space, block = recipe.space, block_of(recipe)
    chains = [[question] for question in questions_of(recipe, block)]
    steps = BlockSolver(prepare_space(space)).solve(block)
    assert (np.diff(steps.number * len(block) + steps.equation) > 0).all()
    assert steps.num_left_out == 0
    texts = zip(steps.question.to_texts(), steps.answer.to_texts(), strict=True)
    rows = zip(steps.equation.tolist(), steps.number.tolist(), strict=True)
    for (question, answer), (equation, number) in zip(texts, rows, strict=True):
        assert chains[equation][-1] == question
        assert len(chains[equation]) == number + 1
        chains[equation].append(answer)
    expected = [
        [line_text(line, space.division, space.spacing) for line in lines] for lines in solutions_of(recipe, block)
    ]
    assert chains == expected
