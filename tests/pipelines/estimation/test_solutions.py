"""Samples that are solved together have the steps that each has alone."""

import dataclasses

import numpy as np
import pytest

from eqstream.data.dataset.shard_writer import ShardWriter
from eqstream.data.recipe import Recipe
from eqstream.data.recipe_values import Range
from eqstream.data.splits import shard_steps
from eqstream.data.splits.prepared_sources import PreparedSources
from eqstream.pipelines.estimation import solutions

SIZES = {"a": 30, "b": 50, "none": 0, "c": 7}
RECIPE = Recipe.from_dict(
    {
        "name": "steps",
        "space": {"operands": {"min": 0, "max": 40}, "operators": "+*", "terms": 3, "brackets": True},
        "splits": [{"name": "train", "count": 100}],
        "steps": True,
    }
)


def texts_of(steps) -> list[tuple]:
    texts = steps.question.to_texts(), steps.answer.to_texts()
    return list(zip(*texts, steps.equation.tolist(), steps.number.tolist(), steps.classes.tolist(), strict=True))


@pytest.mark.parametrize(("at_once", "splits_at_once"), [(1 << 13, 64), (1 << 13, 2), (32, 64), (8, 1)])
def test_each_split_has_its_own_steps_however_many_are_solved_together(at_once, splits_at_once, monkeypatch):
    for module in (shard_steps, solutions):
        monkeypatch.setattr(module, "EQUATIONS_AT_ONCE", at_once)
    monkeypatch.setattr(solutions, "_SPLITS_AT_ONCE", splits_at_once)
    steps = ShardWriter(RECIPE).steps
    block = next(PreparedSources(RECIPE).enumeration(0).equations(0, 100))
    drawn = []

    def draw(split: str, number: int):
        drawn.append(split)
        first = sum(size for name, size in SIZES.items() if name < split)
        return block.take(slice(first, first + SIZES[split])) if SIZES[split] else None

    solved = solutions.Solutions(steps, draw, SIZES)
    for split in SIZES:
        parts = solved.of(split)
        assert [len(part.block) for part in parts[:-1]] == [at_once] * len(parts[:-1])
        assert sum(len(part.block) for part in parts) == SIZES[split]
        for part in parts:
            assert texts_of(part.steps) == texts_of(steps.solve(part.block))
            assert len(part.steps) >= len(part.block)
            assert part.seconds > 0
    assert sorted(drawn) == sorted(SIZES)


@pytest.mark.parametrize(("most_steps", "fewest", "most"), [(1, 32, 32), (500, 160, 250), (1 << 20, 1000, 1000)])
def test_of_equations_with_many_steps_fewer_are_solved(most_steps, fewest, most, monkeypatch):
    """Those of the recipe have two or three."""
    monkeypatch.setattr(solutions, "MOST_STEPS", most_steps)
    steps = ShardWriter(RECIPE).steps
    block = next(PreparedSources(RECIPE).enumeration(0).equations(0, 1000))
    solved = solutions.Solutions(steps, lambda _, number: block.take(slice(0, number)), {"a": 1000, "b": 1000})
    for split in "ab":
        (part,) = solved.of(split)
        assert fewest <= len(part.block) <= most
        assert texts_of(part.steps) == texts_of(steps.solve(part.block))


def test_each_split_has_as_many_equations_as_its_own_steps_allow(monkeypatch):
    """One of long solutions takes nothing from another, and what few were drawn of many splits stays."""
    monkeypatch.setattr(solutions, "MOST_STEPS", 1500)
    sources = PreparedSources(
        dataclasses.replace(RECIPE, space=dataclasses.replace(RECIPE.space, terms=Range(min=2, max=3)))
    )
    block = next(sources.enumeration(0).equations(0, 30_000))
    num_terms, _ = sources.space.terms_and_operators.of(block.shapes)
    long, short = (block.take(np.flatnonzero(num_terms == number)) for number in (3, 2))
    drawn = {"long": long.take(slice(0, 1000)), "short": short, "few": long.take(slice(0, 20))}
    solved = solutions.Solutions(
        ShardWriter(sources.recipe).steps, lambda split, _: drawn[split], {name: len(drawn[name]) for name in drawn}
    )
    numbers = {name: sum(len(part.block) for part in solved.of(name)) for name in drawn}
    # Two to four steps, and one.
    assert 300 <= numbers["long"] <= 750
    assert len(short) > 100
    assert (numbers["short"], numbers["few"]) == (len(short), 20)
