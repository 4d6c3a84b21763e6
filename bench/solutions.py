"""`python -m bench.solutions`: how many steps of worked solutions are written as texts in a second of CPU time.

Only `BlockSolver` is timed, on one core, on uniformly drawn equations that are there already. Small blocks cost more.
"""

import argparse
import time
from typing import Any

from eqstream.data.recipe import Recipe
from eqstream.data.solutions.solving import BlockSolver
from eqstream.data.space.equation_block import EquationBlock, join_blocks
from eqstream.data.space.prepared_space import PreparedSpace, prepare_space
from eqstream.data.streams.equation_stream import EquationStream

_MIXED = {"operands": {"min": 0, "max": 999}, "operators": "+-*/", "terms": {"min": 2, "max": 4}}
_PAIRS = {"operands": {"min": 0, "max": 999}, "operators": "/", "terms": 2}
SPACES: dict[str, dict[str, Any]] = {
    "2 to 4 terms of + - *": {**_MIXED, "operators": "+-*"},
    "2 to 4 terms of + - * /, floor": {**_MIXED, "division": "quotient"},
    "the same with brackets": {**_MIXED, "division": "quotient", "brackets": True},
    "a / b up to 6 digits, floor": {**_PAIRS, "operands": {"min": 0, "max": 999_999}, "division": "quotient"},
    "a / b, rounded to 2 decimals": {**_PAIRS, "division": "decimal", "places": 2},
    "a / b, in lowest terms": {**_PAIRS, "division": "fraction"},
    "a * b with 2 decimals": {"operands": {"min": 0, "max": 99, "decimals": 2}, "operators": "*"},
}


def draw_equations(space: dict[str, Any], count: int) -> tuple[PreparedSpace, EquationBlock]:
    """Returns so many equations of a space, and the space."""
    splits = [{"name": "train", "count": count}]
    recipe = Recipe.from_dict({"name": "steps", "space": space, "splits": splits, "commuted": "ignore"})
    blocks = EquationStream(recipe, num_examples=count, most_listed=0).equations(0)
    return prepare_space(recipe.space), join_blocks(list(blocks))


def measure(solver: BlockSolver, block: EquationBlock, block_size: int) -> tuple[int, float]:
    """Returns how many steps the solutions of some equations have, and the steps a second of CPU time."""
    start, num_steps = time.process_time(), 0
    for first in range(0, len(block), block_size):
        num_steps += len(solver.solve(block.take(slice(first, first + block_size))))
    return num_steps, num_steps / (time.process_time() - start)


def main(argv: list[str] | None = None) -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(prog="bench.solutions", description="Steps of worked solutions a second.")
    parser.add_argument("--equations", type=int, default=32_768, help="of each space (default: 32768)")
    parser.add_argument("--blocks", type=int, nargs="+", default=[2048, 16_384], help="equations in a block")
    options = parser.parse_args(argv)
    print(f"{'steps a second of CPU time':<32}{'a solution':>11}" + "".join(f"{size:>10,}" for size in options.blocks))
    for name, space in SPACES.items():
        prepared, block = draw_equations(space, options.equations)
        solver = BlockSolver(prepared)
        found = [measure(solver, block, size) for size in options.blocks]
        print(f"{name:<32}{found[0][0] / len(block):>11.1f}" + "".join(f"{rate:>10,.0f}" for _, rate in found))


if __name__ == "__main__":
    main()
