"""The bench of worked solutions."""

import pytest

from bench.solutions import SPACES, draw_equations, measure
from eqstream.data.solutions.solving import BlockSolver
from tests.covering import slow_but


@pytest.mark.parametrize("name", slow_but([*SPACES], "the same with brackets", "a / b, in lowest terms"))
def test_steps_of_every_space_are_counted_whatever_the_size_of_blocks(name):
    space, block = draw_equations(SPACES[name], 40)
    assert len(block) == 40
    solver = BlockSolver(space)
    counts = {measure(solver, block, block_size)[0] for block_size in (7, 40)}
    assert counts == {len(solver.solve(block))}
