"""Solutions in bulk against solutions made one line at a time."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eqstream.data.errors import UserError
from eqstream.data.solutions import solving
from eqstream.data.solutions.lines import Lines, lines_of
from eqstream.data.solutions.rewriting import rewrite
from eqstream.data.solutions.solving import BlockSolver, join_steps
from eqstream.data.space.prepared_space import prepare_space
from tests.brute_force import make_recipe
from tests.data.solutions.solving import assert_solved, block_of
from tests.examples import examples


@pytest.mark.parametrize(
    "space",
    [
        {"operands": {"min": -12, "max": 25}, "operators": "+-*/", "terms": {"min": 1, "max": 2}, "division": "exact"},
        {"operands": {"min": -12, "max": 25}, "operators": "*/", "terms": 2, "division": "quotient", "spacing": False},
        {"operands": {"min": -2, "max": 1}, "operators": "+-*/", "terms": 3, "division": "exact", "brackets": True},
        {"operands": {"min": 10, "max": 12}, "operators": "-*/", "terms": 3, "division": "quotient", "brackets": True},
        {"operands": {"min": -1, "max": 1, "decimals": 1}, "operators": "+-*/", "terms": {"min": 1, "max": 2}},
        *(
            pytest.param(space, marks=pytest.mark.slow)
            for space in (
                {"operands": {"min": 9, "max": 12}, "operators": "+-*/", "terms": 3, "division": "quotient"},
                {"operands": {"min": 0, "max": 1, "decimals": 1}, "operators": "/", "terms": 3, "division": "quotient"},
                {"operands": {"min": 3, "max": 4, "decimals": 1}, "operators": "*", "terms": 3, "spacing": False},
            )
        ),
    ],
)  # fmt: skip
def test_every_line_of_small_spaces_is_that_of_the_reference(space):
    assert_solved(make_recipe(space, commuted="ignore"))


@examples(10)
@given(
    st.sampled_from([12, 99, 1_234, 123_456]),
    st.integers(0, 1),
    st.sampled_from(["+-*/", "-*", "/", "+/"]),
    st.sampled_from(["exact", "quotient"]),
    st.tuples(st.booleans(), st.booleans()),
    st.integers(0, 1000),
)
def test_lines_of_drawn_equations_are_those_of_the_reference(largest, decimals, operators, division, booleans, seed):
    brackets, spacing = booleans
    space = {
        # With decimals, numbers of larger spaces would leave 62 bits.
        "operands": {"min": 1 - largest, "max": largest, "decimals": decimals if largest < 99 else 0},
        "operators": operators,
        "terms": {"min": 2, "max": 3},
        "division": division,
        "brackets": brackets,
        "spacing": spacing,
    }
    splits = [{"name": "train", "count": 20}]
    assert_solved(make_recipe(space, splits, commuted="ignore", seed=seed))


def test_many_terms_make_lines_of_any_width():
    space = {"operands": {"min": 0, "max": 99}, "operators": "+-*/", "terms": {"min": 4, "max": 9}}
    splits = [{"name": "train", "count": 40}]
    assert_solved(make_recipe({**space, "division": "quotient", "brackets": True}, splits, commuted="ignore"))


def test_steps_of_several_blocks_are_joined_in_order():
    recipe = make_recipe({"operands": {"min": 10, "max": 13}, "operators": "*", "terms": 3})
    solver, block = BlockSolver(prepare_space(recipe.space)), block_of(recipe)
    parts = [solver.solve(block.take(rows)) for rows in (slice(0, 5), slice(5, 5), slice(5, None))]
    joined = join_steps(parts)
    assert joined.question.to_texts() == list(itertools.chain.from_iterable(part.question.to_texts() for part in parts))
    assert joined.number.tolist() == [number for part in parts for number in part.number.tolist()]
    assert len(joined) == len(solver.solve(block))
    assert len(join_steps([])) == 0


def test_lines_are_the_same_however_many_are_written_together(monkeypatch):
    recipe = make_recipe({"operands": {"min": 9, "max": 13}, "operators": "-*", "terms": 3, "brackets": True})
    solver, block = BlockSolver(prepare_space(recipe.space)), block_of(recipe)
    together = solver.solve(block)
    monkeypatch.setattr(solving, "_LINES_AT_ONCE", 1)
    apart = solver.solve(block)
    assert apart.question.to_texts() == together.question.to_texts()
    assert apart.answer.to_texts() == together.answer.to_texts()


def test_plain_numbers_have_no_steps_and_stay():
    recipe = make_recipe({"operands": {"min": -3, "max": 3}, "operators": "+", "terms": {"min": 1, "max": 2}})
    space, block = prepare_space(recipe.space), block_of(recipe)
    lines = lines_of(block, space)
    rewritten = rewrite(lines, "exact")
    assert rewritten.are_solved.all()
    assert rewritten.steps[:, 0].tolist() == block.numerators.tolist()
    again = rewrite(rewritten, "exact")
    assert again.steps[:, 0].tolist() == block.numerators.tolist()
    assert isinstance(again, Lines)


@pytest.mark.parametrize(
    ("space", "message"),
    [
        (
            {"operands": {"min": 0, "max": 9, "decimals": 2}, "operators": "+/", "division": "fraction"},
            "steps with `division: fraction` need operands without `decimals`, got 2; leave them out",
        ),
        (
            {"operands": {"min": 0, "max": 10**10}, "operators": "*"},
            "steps need numbers of at most 62 bits, and those of this space get larger; use fewer `terms`, or shorter "
            "`operands`",
        ),
    ],
)
def test_spaces_without_solutions_in_bulk_are_refused_before_anything_starts(space, message):
    with pytest.raises(UserError) as refused:
        BlockSolver(prepare_space(make_recipe(space).space))
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("operands", "operators", "terms"),
    [
        ({"min": 10**9 - 3, "max": 10**9}, "*", 2),
        ({"min": 10**7, "max": 10**7, "decimals": 1}, "*", 2),
        ({"min": 98, "max": 99, "decimals": 3}, "*", 2),
        ({"min": 0, "max": 1000, "decimals": 5}, "+-", 3),
        ({"min": 900, "max": 999, "decimals": 1}, "/", 2),
    ],
)
def test_largest_numbers_are_exact(operands, operators, terms):
    space = {"operands": operands, "operators": operators, "terms": terms}
    recipe = make_recipe(space, commuted="ignore")
    wanted = min(prepare_space(recipe.space).whole.size, 4)
    assert_solved(make_recipe(space, [{"name": "train", "count": wanted}], commuted="ignore"))
