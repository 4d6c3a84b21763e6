"""Solutions of the equations of small recipes, in bulk and by the reference."""

from eqstream.data.formats.column_encoder import ColumnEncoder
from eqstream.data.recipe import Recipe
from eqstream.data.reference.parsing import Tree, parse
from eqstream.data.reference.solution import solution
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
    return [solution(parse(question), recipe.space.division) for question in questions_of(recipe, block)]
