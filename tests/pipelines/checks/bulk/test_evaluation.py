"""Whatever the bulk way says of an equation is what the reference says, for right texts and for wrong ones."""

import random
from fractions import Fraction

import pytest

from eqstream.data.errors import UserError
from eqstream.data.reference.evaluation import count_carries, count_digits, evaluate, list_operands
from eqstream.data.reference.hash_bucket import hash_tree
from eqstream.data.reference.parsing import Number, Operation, parse_strict, render
from eqstream.pipelines.checks.bulk import evaluation as bulk
from eqstream.pipelines.checks.bulk.tokens import read_tokens
from tests.covering import cover_values
from tests.pipelines.checks.bulk.texts import join_texts

LARGEST = (3, 20, 999, 10**6, 10**11)


def draw_tree(generator, num_terms, decimals):
    if num_terms == 1:
        largest = generator.choice(LARGEST)
        value = Fraction(generator.randint(-largest, largest), 10 ** generator.randint(0, decimals))
        return Number(value.numerator if value.denominator == 1 else value)
    left = generator.randint(1, num_terms - 1)
    sides = draw_tree(generator, left, decimals), draw_tree(generator, num_terms - left, decimals)
    return Operation(generator.choice("+-*/"), *sides)


def spoil(generator, text):
    """Changes one character, or puts brackets around all."""
    place, letter = generator.randrange(len(text) + 1), generator.choice("0123456789+-*/(). x")
    return generator.choice(
        [text[:place] + letter + text[place:], text[:place] + text[place + 1 :], f"({text})", f"{text}.", ""]
    )


def examine(text, spacing, division, decimals):
    """The value, carries, digits, operands and hash of an equation, None if there is none."""
    try:
        tree = parse_strict(text, spacing)
        value = Fraction(evaluate(tree, division, decimals))
        carries = count_carries(tree, division)
    except (UserError, ArithmeticError):
        return None
    return value, carries, count_digits(tree), list_operands(tree), hash_tree(tree, "salt")


@cover_values("division, written", ["exact", "quotient", "decimal", "fraction"], [(2, True), (2, False), (0, True)])
def test_equations_are_evaluated_as_the_reference_evaluates_them(division, written):
    decimals, spacing = written
    generator = random.Random(f"{division} {decimals} {spacing}")
    texts = [render(draw_tree(generator, generator.randint(1, 6), decimals), spacing) for _ in range(1500)]
    texts = [spoil(generator, text) if number % 3 == 0 else text for number, text in enumerate(texts)]
    tokens = read_tokens(join_texts(texts), spacing=spacing)
    values = bulk.evaluate(tokens, bulk.Arithmetic(division=division, decimals=decimals), "salt")
    num_declined = 0
    for row, text in enumerate(texts):
        expected = examine(text, spacing, division, decimals)
        if not values.is_right[row]:
            num_declined += expected is not None
            continue
        numbers = slice(tokens.first_number[row], tokens.first_number[row + 1])
        operands = zip(tokens.steps[numbers].tolist(), tokens.places[numbers].tolist(), strict=True)
        found = (
            Fraction(int(values.answers.num[row]), int(values.answers.den[row])),
            values.carries[row],
            tokens.whole_digits[numbers].max(),
            [Fraction(steps, 10**places) for steps, places in operands],
            int(values.hashes[row]),
        )
        assert found == expected, text
    assert num_declined < 120


@pytest.mark.parametrize(
    ("text", "is_right"),
    [
        ("999999999999999999 + 1", True),
        ("1000000000000000000 + 1", False),
        ("4611686018423 * 1000000", True),
        ("4611686018428 * 1000000", False),
        ("99999999999 * 99999999999 - 99999999999 * 99999999999", False),
        ("007 + 1", False),
        ("-0 + 1", False),
        ("1.50 + 1", False),
        ("(1 + 2) + 3", False),
        ("1 + (2 + 3)", True),
        ("((1 + 2)) * 3", False),
        ("(1)", False),
        ("1 + 2)", False),
        ("1 / (2 - 2)", False),
        ("1  + 2", False),
        ("1 +2", False),
        ("", False),
        ("\u0663 + 1", False),
    ],
)
def test_only_short_numbers_in_the_one_text_of_an_equation_are_right(text, is_right):
    # What stands before and behind a text is nothing to it.
    tokens = read_tokens(join_texts(["1 + 1.", text, ".5 - 5"]), spacing=True)
    values = bulk.evaluate(tokens, bulk.Arithmetic(division="exact", decimals=2), "")
    assert values.is_right.tolist() == [False, is_right, False]
