"""What recipes can be planned: conditions that keep commuted twins together."""

import pytest

from eqstream.data.errors import UserError
from eqstream.data.splits.prepared_sources import PreparedSources
from eqstream.data.splits.strata import list_selections
from eqstream.data.streams.spare import spare_equations
from tests.brute_force import make_recipe

SPACE = {"operands": {"min": 0, "max": 4}, "operators": "+-", "terms": 3, "brackets": True}


@pytest.mark.parametrize("wanted", [True, False])
def test_condition_on_brackets_is_refused_where_twins_stay_together(wanted):
    splits = [{"name": "train", "count": 9}, {"name": "deep", "where": {"brackets": wanted}, "count": 9}]
    # The recipe itself may be read: datasets that earlier versions made of it are loaded and trained on.
    recipe = make_recipe(SPACE, splits)
    with pytest.raises(UserError) as caught:
        list_selections(recipe)
    assert str(caught.value) == (
        "split `deep`: `where.brackets` needs `commuted: drop` or `commuted: ignore`; commuted twins may differ in "
        "brackets, and `commuted: together` keeps them in one split"
    )
    assert spare_equations(recipe, "train", 5) == spare_equations(recipe, "deep", 5) == []
    for commuted in ("drop", "ignore"):
        assert len(list_selections(make_recipe(SPACE, splits, commuted=commuted))) == 2


def test_too_many_strata_are_balanced_one_key_within_the_other():
    space = {"operands": {"min": 0, "max": 10**12}, "terms": 6}
    strata = PreparedSources(make_recipe(space, sampling="balanced")).sources
    assert [source.scope for source in strata[:2]] == [
        "everything, balance 6, +++++, trees of 06 terms, 00, 1",
        "everything, balance 6, +++++, trees of 06 terms, 00, 2",
    ]
    assert len(strata) == 13
    assert strata[0].levels == (("6", 1), ("+++++", 1), ("trees of 06 terms, 00", 1), ("1", 1))
