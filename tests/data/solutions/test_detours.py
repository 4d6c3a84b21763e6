"""Solutions that go on from a digit of a quotient that is too large, against the rules one line at a time."""

import itertools

import numpy as np
import pytest

from eqstream.data.recipe_values import OPERATORS
from eqstream.data.reference.parsing import Number, parse
from eqstream.data.reference.solution import line_text, next_line, solution
from eqstream.data.solutions.detours import Detours, raise_digits
from eqstream.data.solutions.fractions import rewrite_decimals
from eqstream.data.solutions.line_text import LineEncoder
from eqstream.data.solutions.lines import END, Lines, lines_of
from eqstream.data.solutions.rewriting import rewrite
from eqstream.data.solutions.solving import BlockSolver
from eqstream.data.space.held_out_classes import HeldOut
from eqstream.data.space.prepared_space import prepare_space
from eqstream.data.space.shapes import OPERAND
from eqstream.data.splits.shared_equations import hold_out
from tests.brute_force import by_question, examine_space, make_recipe, pick
from tests.data.solutions.solving import block_of, questions_of

SPACES = {
    "exact": {"operands": {"min": -400, "max": 900}, "operators": "/", "terms": 2},
    "exact, brackets": {"operands": {"min": 1, "max": 90}, "operators": "*/", "terms": 3, "brackets": True},
    "quotient": {"operands": {"min": -30, "max": 900}, "operators": "+/", "terms": 3, "brackets": True},
    "decimal": {"operands": {"min": -30, "max": 900}, "operators": "-/", "terms": {"min": 2, "max": 3}, "places": 2},
    "fraction": {"operands": {"min": -30, "max": 9000}, "operators": "/", "terms": 2},
    "exact, decimals": {"operands": {"min": 1, "max": 9, "decimals": 1}, "operators": "/", "terms": 2},
}


def make(name, count=60):
    division = name.split(",")[0]
    splits = [{"name": "train", "count": count}]
    return make_recipe(SPACES[name] | {"division": division}, splits, commuted="ignore")


@pytest.mark.parametrize("name", SPACES)
def test_solutions_go_on_by_the_rules_from_digits_that_are_too_large(name):
    recipe = make(name)
    division, places, factored = recipe.space.division, recipe.space.places, recipe.space.factors_fractions
    solver, block = BlockSolver(prepare_space(recipe.space)), block_of(recipe)
    steps = solver.solve(block, detours=Detours(0.5, seed=3))
    chains: dict[int, list[tuple[str, str]]] = {}
    pairs = zip(steps.question.to_texts(), steps.answer.to_texts(), strict=True)
    for equation, pair in zip(steps.equation.tolist(), pairs, strict=True):
        chains.setdefault(equation, []).append(pair)
    num_detours = 0
    for question, chain in zip(questions_of(recipe, block), chains.values(), strict=True):
        assert chain[0][0] == question
        assert chain[-1][1] == line_text(solution(parse(question), division, places, factored=factored)[-1], division)
        for line, answer in chain:
            assert line_text(next_line(parse(line), division, places, factored=factored), division) == answer
        for (_, answer), (line, _) in itertools.pairwise(chain):
            num_detours += answer != line
    assert num_detours > len(chains) / 20
    straight = solver.solve(block).question.to_texts()
    assert any("(-" in line for line in set(steps.question.to_texts()).difference(straight))


def to_lines(text):
    """Returns an equation of whole numbers as the only one of the lines that it begins."""

    def list_tokens(tree):
        if isinstance(tree, Number):
            return [(OPERAND, int(tree.value))]
        return [*list_tokens(tree.left), *list_tokens(tree.right), (OPERATORS.index(tree.operator), 0)]

    kinds, steps = zip(*list_tokens(parse(text)), (END, 0), strict=True)
    return Lines(np.array([kinds], dtype=np.uint8), np.array([steps], dtype=np.int64))


@pytest.mark.parametrize(
    ("line", "raised"),
    [
        ("74 / 37", "2 + (74 - 37 * 2) / 37"),
        ("500 - 74 / 37", "500 - 2 - (74 - 37 * 2) / 37"),
        ("500 + 84138 / 37", "500 + 3000 + (84138 - 37 * 3000) / 37"),
        ("-74 / 37", "-2 + (-74 - 37 * -2) / 37"),
        # 9 is the largest digit.
        ("63 / 7 - 4", None),
        ("74 - 37", None),
        ("2 * (3 - 4)", None),
    ],
)
def test_a_digit_of_a_quotient_is_raised_by_one(line, raised):
    space = make_recipe(
        {
            "operands": {"min": -999, "max": 99_999},
            "operators": "+-*/",
            "terms": {"min": 2, "max": 3},
            "brackets": True,
        },
        [{"name": "train", "count": 1}],
    ).space
    rows, changed = raise_digits(rewrite(to_lines(line), "exact"))
    texts = LineEncoder(prepare_space(space)).encode(changed).to_texts() if len(rows) else []
    assert (rows.tolist(), texts) == (([], []) if raised is None else ([0], [raised]))


def test_a_digit_with_decimals_is_raised_at_its_place():
    recipe = make_recipe({"operands": {"min": 1, "max": 9}, "operators": "/", "division": "decimal"})
    space, block = prepare_space(recipe.space), block_of(recipe)
    lines = rewrite_decimals(lines_of(block, space), 2)
    _, changed = raise_digits(lines)
    texts = LineEncoder(space).encode(changed).to_texts()
    assert "0.8 + (3 - 4 * 0.8) / 4" in texts
    assert "2 + (8 - 5 * 2) / 5" in texts


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_a_share_of_lines_is_chosen_whatever_comes_with_them(share):
    detours = Detours(share, seed=1)
    equations = np.arange(20_000)
    chosen = [detours.choose(equations, number) for number in (1, 2)]
    for each in chosen:
        assert abs(each.mean() - share) < 5 * np.sqrt(share * (1 - share) / len(equations))
    assert abs((chosen[0] & chosen[1]).mean() - share**2) < 5 * share / np.sqrt(len(equations))
    assert detours.choose(equations[777:900], 2).tolist() == chosen[1][777:900].tolist()
    assert Detours(share, seed=2).choose(equations, 1).tolist() != chosen[0].tolist()


def test_no_line_of_a_detour_is_held_out_either():
    space = {"operands": {"min": -6, "max": 12}, "operators": "+/", "terms": 3}
    recipe = make_recipe(space, [{"name": "test", "count": 2000}, {"name": "train", "rest": True}])
    solver, block = BlockSolver(prepare_space(recipe.space)), block_of(recipe)
    detours = Detours(0.5, seed=0)
    steps = solver.solve(block, HeldOut(hold_out(recipe, ["test"])), keep_first=False, detours=detours)
    everything = solver.solve(block, detours=detours)
    known = by_question(examine_space(recipe.space))
    held_out = {known[question].class_key for question in pick(recipe)["test"]}

    def is_held_out(line):
        return line in known and known[line].class_key in held_out

    pairs = list(zip(everything.question.to_texts(), everything.answer.to_texts(), strict=True))
    expected = [pair for pair in pairs if not any(map(is_held_out, pair))]
    assert list(zip(steps.question.to_texts(), steps.answer.to_texts(), strict=True)) == expected
    assert steps.num_left_out == len(pairs) - len(expected) > 0
    # Some of them are lines of detours alone.
    straight = set(solver.solve(block).question.to_texts())
    assert {question for question, _ in pairs if is_held_out(question)} - straight
