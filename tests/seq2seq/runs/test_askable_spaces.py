import pytest

from eqstream.data.space_recipe import MAX_TERMS, Operands, SpaceRecipe, Terms
from eqstream.seq2seq.runs.askable_spaces import drop_covered, widen


@pytest.mark.parametrize("operators", ["/", "+-*/"])
def test_a_model_of_prime_factors_is_asked_what_its_space_has(operators):
    space = SpaceRecipe(operands=Operands(min=0, max=99), operators=operators, division="fraction")
    assert space.factors_fractions
    assert widen(space) == space


def test_other_models_of_steps_are_asked_for_more_terms_and_longer_numbers():
    space = SpaceRecipe(
        operands=Operands(min=0, max=99), operators="+/", terms=Terms(min=2, max=3), division="fraction"
    )
    assert widen(space).terms == Terms(min=2, max=MAX_TERMS)
    assert widen(space).operands == Operands(min=0, max=999)
    assert not widen(space).factors_fractions


def test_quotients_that_are_rounded_down_are_not_those_that_come_out_even():
    exact, floor = (
        SpaceRecipe(operands=Operands(min=0, max=9), operators="/", division=division)
        for division in ("exact", "quotient")
    )
    assert drop_covered([floor, exact]) == drop_covered([exact, floor]) == (floor,)
    sums = SpaceRecipe(operands=Operands(min=0, max=9), operators="+", division="quotient")
    both = SpaceRecipe(operands=Operands(min=0, max=9), operators="+/")
    assert drop_covered([sums, both]) == (both,)
