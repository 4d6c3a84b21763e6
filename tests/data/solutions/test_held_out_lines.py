"""Lines that another split holds, kept out of steps: against texts compared one by one."""

import pytest

from eqstream.data.reference.evaluation import canonical_key
from eqstream.data.reference.parsing import Number, parse, render
from eqstream.data.solutions.solving import BlockSolver
from eqstream.data.space.held_out_classes import HeldOut
from eqstream.data.space.prepared_space import prepare_space
from eqstream.data.splits.shared_equations import hold_out
from tests.brute_force import make_recipe
from tests.data.solutions.solving import block_of, questions_of, solutions_of

SPACES = {
    "sums and products": {"operands": {"min": -1, "max": 5}, "operators": "+-*", "terms": {"min": 2, "max": 3}},
    "brackets": {"operands": {"min": -1, "max": 4}, "operators": "-*", "terms": {"min": 2, "max": 3}, "brackets": True},
    "quotients": {"operands": {"min": 0, "max": 40}, "operators": "+/", "terms": {"min": 1, "max": 2}},
    "decimals": {"operands": {"min": 0, "max": 1, "decimals": 1}, "operators": "-", "terms": {"min": 2, "max": 3}},
    "larger numbers than operands": {"operands": {"min": 8, "max": 9}, "operators": "*", "terms": {"min": 2, "max": 4}},
}


def expect_steps(recipe, block, keys: set[str]) -> tuple[set, int]:
    """The steps, without those that have a line of such a class, and how many these are."""

    def is_held_out(line) -> bool:
        return not isinstance(line, Number) and canonical_key(line) in keys

    expected, num_left_out = set(), 0
    for equation, lines in enumerate(solutions_of(recipe, block)):
        held_out = [number > 0 and is_held_out(line) for number, line in enumerate(lines)]
        texts = [render(line, recipe.space.spacing) for line in lines]
        for number in range(len(lines) - 1):
            if held_out[number] or held_out[number + 1]:
                num_left_out += 1
            else:
                expected.add((texts[number], texts[number + 1], equation, number))
    return expected, num_left_out


@pytest.mark.parametrize(
    ("name", "commuted"),
    [
        # Each space with one, in turn; with the others it is slow.
        pytest.param(name, commuted, marks=() if number % 3 == place else pytest.mark.slow)
        for number, name in enumerate(SPACES)
        for place, commuted in enumerate(["together", "drop", "ignore"])
    ],
)
def test_steps_with_a_line_of_another_split_are_left_out_and_counted(name, commuted):
    splits = [{"name": "test", "fraction": 0.5}, {"name": "train", "rest": True}]
    recipe = make_recipe({"division": "quotient", **SPACES[name]}, splits, commuted=commuted)
    block = block_of(recipe)
    keys = {canonical_key(parse(question)) for question in questions_of(recipe, block_of(recipe, "test"))}
    held_out = HeldOut(hold_out(recipe, ["test"]))
    steps = BlockSolver(prepare_space(recipe.space)).solve(block, held_out)
    expected, num_left_out = expect_steps(recipe, block, keys)
    texts = steps.question.to_texts(), steps.answer.to_texts()
    found = list(zip(*texts, steps.equation.tolist(), steps.number.tolist(), strict=True))
    assert len(found) == len(expected)
    assert set(found) == expected
    assert steps.num_left_out == num_left_out
    assert num_left_out > 0 or name == "larger numbers than operands"
