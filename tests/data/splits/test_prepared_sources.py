"""In what blocks the equations of a recipe are computed."""

import pytest

from eqstream.data.recipe_files import load_recipe
from eqstream.data.splits.prepared_sources import PreparedSources

FRACTIONS = ["sampling=uniform", "space.terms=6", "space.operators='+-*/'", "space.operands.max=999"]


@pytest.mark.parametrize(
    ("name", "overrides", "has_large_blocks"),
    [
        ("addition-3digit", [], True),
        ("mixed-4", ["sampling=uniform"], True),
        ("mixed-4", [], False),
        # Numbers beyond 63 bits.
        ("brackets", [*FRACTIONS, "space.division=fraction"], False),
    ],
)
def test_blocks_are_large_but_of_many_kinds_and_of_large_numbers(name, overrides, has_large_blocks):
    assert PreparedSources(load_recipe(name, overrides)).has_large_blocks is has_large_blocks
