"""The oracle against Python's own grammar and arithmetic."""

import ast
import itertools
import operator
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eqstream.data.errors import UserError
from eqstream.data.reference.evaluation import (
    InexactDivisionError,
    answer_text,
    canonical_key,
    count_carries,
    count_digits,
    evaluate,
    has_brackets,
    list_operands,
    list_operators,
    twins,
)
from eqstream.data.reference.parsing import (
    MAX_DIGITS,
    MAX_TERMS,
    Number,
    Operation,
    decimal_text,
    parse,
    parse_strict,
    render,
)

PYTHON_OPERATORS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
EXACT = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}

finite_decimals = st.builds(Fraction, st.integers(-2000, 2000), st.sampled_from([1, 1, 2, 10, 100]))
numbers = st.builds(lambda value: Number(value.numerator if value.denominator == 1 else value), finite_decimals)
trees = st.recursive(numbers, lambda child: st.builds(Operation, st.sampled_from("+-*/"), child, child), max_leaves=8)


def read_with_python(text):
    """Returns the tree that Python's own grammar gives a text, and its own exact value as a Fraction."""

    def walk(node):
        if isinstance(node, ast.BinOp):
            name = PYTHON_OPERATORS[type(node.op)]
            (left, left_value), (right, right_value) = walk(node.left), walk(node.right)
            return Operation(name, left, right), EXACT[name](left_value, right_value)
        literal = Fraction(ast.get_source_segment(text, node) or "")
        return Number(literal), literal

    return walk(ast.parse(text, mode="eval").body)


def all_trees(num_terms, values, operators="+-*/"):
    if num_terms == 1:
        yield from map(Number, values)
        return
    for num_left in range(1, num_terms):
        for left in all_trees(num_left, values, operators):
            for right in all_trees(num_terms - num_left, values, operators):
                for name in operators:
                    yield Operation(name, left, right)


@pytest.mark.parametrize("num_terms", [1, 2, 3, 4])
def test_every_small_tree_is_printed_so_that_python_reads_the_same_tree(num_terms):
    for tree in all_trees(num_terms, [2, 3] if num_terms < 4 else [2]):
        text = render(tree)
        try:
            python_tree, _ = read_with_python(text)
        except ZeroDivisionError:
            continue
        assert python_tree == tree
        assert parse(text) == parse(render(tree, spacing=False)) == tree


@pytest.mark.parametrize("num_terms", [2, 3, 4])
def test_every_small_tree_has_the_value_that_python_gives_its_text(num_terms):
    for tree in all_trees(num_terms, [3, 5, 7] if num_terms < 4 else [2, 5]):
        text = render(tree)
        try:
            _, python_value = read_with_python(text)
        except ZeroDivisionError:
            with pytest.raises(ZeroDivisionError):
                evaluate(tree, "fraction")
            continue
        assert evaluate(tree, "fraction") == python_value


def test_no_bracket_can_be_left_out_of_a_printed_tree():
    for tree in all_trees(4, [2]):
        text = render(tree)
        for opening, closing in itertools.product(range(len(text)), repeat=2):
            if text[opening] == "(" and text[closing] == ")":
                shorter = text[:opening] + text[opening + 1 : closing] + text[closing + 1 :]
                with pytest.raises((UserError, AssertionError)):
                    assert parse(shorter) == tree


@given(trees, st.booleans())
def test_parse_reads_back_what_render_prints(tree, spacing):
    text = render(tree, spacing)
    assert parse(text) == tree
    assert parse_strict(text, spacing) == tree
    assert parse(f"  {text} ") == tree
    assert (" " in text) == (spacing and isinstance(tree, Operation))


@given(trees)
def test_any_tree_is_read_by_python_as_the_same_tree_with_the_same_value(tree):
    try:
        python_tree, python_value = read_with_python(render(tree))
    except ZeroDivisionError:
        with pytest.raises(ZeroDivisionError):
            evaluate(tree, "fraction")
    else:
        assert python_tree == tree
        assert evaluate(tree, "fraction") == python_value


@pytest.mark.parametrize(
    ("tree", "text"),
    [
        (Operation("-", Number(9), Operation("+", Number(1), Number(2))), "9 - (1 + 2)"),
        (Operation("-", Number(9), Operation("-", Number(1), Number(2))), "9 - (1 - 2)"),
        (Operation("-", Operation("-", Number(9), Number(1)), Number(2)), "9 - 1 - 2"),
        (Operation("+", Number(9), Operation("+", Number(1), Number(2))), "9 + (1 + 2)"),
        (Operation("*", Number(9), Operation("/", Number(1), Number(2))), "9 * (1 / 2)"),
        (Operation("/", Operation("*", Number(9), Number(1)), Number(2)), "9 * 1 / 2"),
        (Operation("+", Number(9), Operation("*", Number(1), Number(2))), "9 + 1 * 2"),
        (Operation("-", Number(3), Number(-5)), "3 - -5"),
        (Operation("*", Number(-3), Number(-5)), "-3 * -5"),
        (Operation("*", Number(Fraction(-1, 4)), Number(2)), "-0.25 * 2"),
    ],
)
def test_brackets_are_kept_exactly_where_the_tree_needs_them(tree, text):
    assert render(tree) == text
    assert render(tree, spacing=False) == text.replace(" ", "")
    assert has_brackets(tree) == ("(" in text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "'' is not an equation: it is empty"),
        ("   ", "'   ' is not an equation: it is empty"),
        ("31 +", "'31 +' is not an equation: a number is missing at position 5"),
        ("+ 31", "'+ 31' is not an equation: a number is missing at position 1"),
        ("31 + * 2", "'31 + * 2' is not an equation: a number is missing at position 6"),
        ("- 5", "'- 5' is not an equation: a number is missing at position 1"),
        ("-(5)", "'-(5)' is not an equation: a number is missing at position 1"),
        ("3 --- 5", "'3 --- 5' is not an equation: a number is missing at position 4"),
        ("()", "'()' is not an equation: a number is missing at position 2"),
        ("31 87", "'31 87' is not an equation: an operator is missing at position 4"),
        ("3 (4)", "'3 (4)' is not an equation: an operator is missing at position 3"),
        ("(3)4", "'(3)4' is not an equation: an operator is missing at position 4"),
        ("31 + 8x", "'31 + 8x' is not an equation: unknown character 'x' at position 7"),
        ("31 + ?", "'31 + ?' is not an equation: unknown character '?' at position 6"),
        ("3 ** 4", "'3 ** 4' is not an equation: a number is missing at position 4"),
        ("1\n+ 2", r"'1\n+ 2' is not an equation: unknown character '\n' at position 2"),
        ("1 + \u0663", "'1 + \u0663' is not an equation: unknown character '\u0663' at position 5"),
        ("(1 + 2", "'(1 + 2' is not an equation: the bracket opened at position 1 is never closed"),
        ("1 * (2 + (3", "'1 * (2 + (3' is not an equation: the bracket opened at position 10 is never closed"),
        ("1 + 2)", "'1 + 2)' is not an equation: the bracket closed at position 6 was never opened"),
        ("(1))", "'(1))' is not an equation: the bracket closed at position 4 was never opened"),
        ("1. + 2", "'1. + 2' is not an equation: the point at position 2 needs a digit on both sides"),
        (".5", "'.5' is not an equation: the point at position 1 needs a digit on both sides"),
        ("1.2.3", "'1.2.3' is not an equation: the point at position 4 needs a digit on both sides"),
    ],
)
def test_text_that_is_no_equation_is_refused_with_its_position(text, message):
    with pytest.raises(UserError) as caught:
        parse(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "spacing", "expected"),
    [
        ("31+87", True, "31 + 87"),
        ("31 + 87", False, "31+87"),
        (" 31 + 87", True, "31 + 87"),
        ("031 + 87", True, "31 + 87"),
        ("-0 + 87", True, "0 + 87"),
        ("1.50 + 2", True, "1.5 + 2"),
        ("(1 + 2) + 3", True, "1 + 2 + 3"),
        ("(1)", True, "1"),
    ],
)
def test_text_that_is_not_the_one_of_its_equation_is_accepted_only_by_the_lenient_parser(text, spacing, expected):
    assert render(parse(text), spacing) == expected
    with pytest.raises(UserError, match="is not how this equation is written: expected '"):
        parse_strict(text, spacing)


@given(st.text(alphabet="0123456789.+-*/() x", max_size=12))
def test_any_text_is_either_an_equation_or_refused_with_one_line(text):
    message = refusal_of(text)
    if message is None:
        assert parse(render(parse(text))) == parse(text)
    else:
        assert "\n" not in message


def refusal_of(text):
    try:
        parse(text)
    except UserError as error:
        return str(error)
    return None


def test_an_equation_that_is_too_long_is_refused():
    longest = "+".join(["1"] * MAX_TERMS)
    assert evaluate(parse(longest)) == MAX_TERMS
    with pytest.raises(UserError, match=f"has more than {MAX_TERMS} terms"):
        parse(longest + "+1")
    assert evaluate(parse("9" * MAX_DIGITS)) == 10**MAX_DIGITS - 1
    with pytest.raises(UserError, match=f"has a number of more than {MAX_DIGITS} digits"):
        parse("9" * (MAX_DIGITS + 1))
    assert parse("(" * 5000 + "7" + ")" * 5000) == Number(7)


def test_facts_are_listed_in_reading_order():
    tree = parse("(12.5 - -700) * 0 / 3")
    assert list_operands(tree) == [Fraction(25, 2), -700, 0, 3]
    assert list_operators(tree) == "-*/"
    assert count_digits(tree) == 3
    assert has_brackets(tree)


def test_zero_and_pure_decimals_have_one_digit():
    assert [count_digits(parse(text)) for text in ["0", "0.25", "-9.99", "10"]] == [1, 1, 1, 2]


@pytest.mark.parametrize("dividend", range(-12, 13))
def test_quotients_are_pythons_floor_divisions(dividend):
    for divisor in [*range(-5, 0), *range(1, 6)]:
        tree = Operation("/", Number(dividend), Number(divisor))
        assert evaluate(tree, "quotient") == dividend // divisor
        if dividend % divisor == 0:
            assert evaluate(tree) == dividend // divisor
            assert isinstance(evaluate(tree), int)
        else:
            with pytest.raises(InexactDivisionError, match=f"^{dividend} / {divisor} is not a whole number$"):
                evaluate(tree)


def test_an_exact_quotient_may_lie_anywhere_on_the_grid_of_the_operands():
    assert evaluate(parse("1 / 4"), decimals=2) == Fraction(1, 4)
    with pytest.raises(InexactDivisionError, match=r"^1 / 4 has more than 1 decimal$"):
        evaluate(parse("1 / 4"), decimals=1)
    with pytest.raises(InexactDivisionError, match=r"^1 / 3 has more than 9 decimals$"):
        evaluate(parse("1 / 3"), decimals=9)


@pytest.mark.parametrize("division", ["exact", "quotient", "decimal", "fraction"])
@pytest.mark.parametrize("text", ["1 / 0", "1 / (2 - 2)", "1 + 0 / (0 * 5)"])
def test_division_by_zero_is_in_no_space(text, division):
    with pytest.raises(ZeroDivisionError, match="is divided by zero"):
        evaluate(parse(text), division)


def test_inner_quotients_are_floored_where_they_stand():
    assert evaluate(parse("7 / 2 * 2"), "quotient") == 6
    assert evaluate(parse("-7 / 2 + 0.5"), "quotient") == Fraction(-7, 2)
    assert evaluate(parse("7 / 2 * 2"), "fraction") == 7


@pytest.mark.parametrize("numerator", range(-60, 61))
def test_decimal_answers_are_rounded_half_to_even(numerator):
    for denominator, places in itertools.product(range(1, 17), range(3)):
        value = Fraction(numerator, denominator)
        text = answer_text(value, "decimal", places)
        scaled = value * 10**places
        floor = scaled.numerator // scaled.denominator
        rest = scaled - floor
        up = rest > Fraction(1, 2) or (rest == Fraction(1, 2) and floor % 2 == 1)
        assert Fraction(text) == Fraction(floor + up, 10**places)
        assert text == decimal_text(Fraction(text))


@given(finite_decimals)
def test_decimal_texts_are_the_shortest_of_their_values(value):
    text = decimal_text(value)
    assert Fraction(text) == value
    assert text != "-0"
    if "." in text:
        assert not text.endswith("0")
    assert text.lstrip("-").split(".")[0] == str(int(abs(value)))


def test_answers_are_written_as_the_division_asks():
    assert answer_text(Fraction(-7, 3), "fraction") == "-7/3"
    assert answer_text(2, "fraction") == "2"
    assert answer_text(Fraction(5, 2), "exact") == "2.5"
    with pytest.raises(ValueError, match="`value` must have a finite decimal form, got 1/3"):
        answer_text(Fraction(1, 3), "quotient")


def count_on_paper(first, second, sign):
    """Returns carries or borrows of two naturals, column by column on their digits as texts."""
    width = max(len(str(first)), len(str(second)))
    top, bottom = str(first).zfill(width), str(second).zfill(width)
    count = moved = 0
    for upper, lower in zip(reversed(top), reversed(bottom), strict=True):
        column = int(upper) + sign * (int(lower) + moved)
        moved = int(not 0 <= column <= 9)
        count += moved
    return count


def test_carries_and_borrows_are_those_on_paper():
    values = [*range(130), 199, 900, 901, 989, 990, 999, 1000, 1001]
    for first, second in itertools.product(values, repeat=2):
        added = count_on_paper(first, second, 1)
        taken = count_on_paper(max(first, second), min(first, second), -1)
        assert count_carries(Operation("+", Number(first), Number(second))) == added
        assert count_carries(Operation("-", Number(first), Number(second))) == taken
        if first and second:
            assert count_carries(Operation("-", Number(-first), Number(second))) == added
            assert count_carries(Operation("-", Number(first), Number(-second))) == added
            assert count_carries(Operation("+", Number(first), Number(-second))) == taken
            assert count_carries(Operation("+", Number(-first), Number(second))) == taken


def test_added_carries_agree_with_the_digit_sum_identity():
    def digit_sum(value):
        return sum(map(int, str(value)))

    for first, second in itertools.product(range(0, 3000, 37), range(0, 3000, 41)):
        expected = (digit_sum(first) + digit_sum(second) - digit_sum(first + second)) // 9
        assert count_carries(parse(f"{first}+{second}")) == expected


@pytest.mark.parametrize(
    ("text", "division", "carries"),
    [
        ("0.05 + 0.95", "exact", 2),
        ("0.5 + 0.55", "exact", 1),
        ("1 - 0.01", "exact", 2),
        ("5 + 5 + 90", "exact", 2),
        ("5 * 5 + 5", "exact", 1),
        ("5 - 6 - 9", "exact", 1),
        ("15 - 6 - 9", "exact", 1),
        ("0 - 5", "exact", 0),
        ("-5 + 0", "exact", 0),
        ("9 / 3 + 8", "exact", 1),
        ("9 / 2 + 6", "quotient", 1),
        ("9 / 3 + 8", "fraction", 0),
        ("9 / 3 + 8", "decimal", 0),
        ("9 / 3 + (8 + 2)", "decimal", 1),
    ],
)
def test_carries_of_several_nodes_add_up(text, division, carries):
    assert count_carries(parse(text), division) == carries


@pytest.mark.parametrize("num_terms", [1, 2, 3, 4])
def test_twins_are_the_closure_under_single_swaps_and_share_one_key(num_terms):
    for tree in all_trees(num_terms, [1, 2] if num_terms < 4 else [1], operators="+-*"):
        expected, waiting = {tree}, [tree]
        while waiting:
            for neighbour in single_swaps(waiting.pop()):
                if neighbour not in expected:
                    expected.add(neighbour)
                    waiting.append(neighbour)
        assert twins(tree) == expected
        assert {canonical_key(twin) for twin in expected} == {canonical_key(tree)}
        assert parse(canonical_key(tree)) in expected


def single_swaps(tree):
    if isinstance(tree, Number):
        return
    name, left, right = tree
    if name in "+*":
        yield Operation(name, right, left)
    yield from (Operation(name, swapped, right) for swapped in single_swaps(left))
    yield from (Operation(name, left, swapped) for swapped in single_swaps(right))


def test_trees_that_are_no_twins_have_different_keys():
    everything = list(all_trees(3, [1, 2, -2]))
    classes = {frozenset(twins(tree)) for tree in everything}
    assert len({canonical_key(tree) for tree in everything}) == len(classes)
    assert sum(map(len, classes)) == len(set(everything))


def test_regrouping_is_no_commuting():
    assert parse("1 + (2 + 3)") not in twins(parse("1 + 2 + 3"))
    assert canonical_key(parse("1 + 2 + 3")) != canonical_key(parse("1 + 3 + 2"))
    assert canonical_key(parse("1 + 2 + 3")) == canonical_key(parse("3 + (2 + 1)"))


def test_twins_have_one_value_and_one_count_of_carries():
    for tree in all_trees(3, [18, -7, Fraction(5, 2)], operators="+-*"):
        members = twins(tree)
        assert len({evaluate(twin) for twin in members}) == 1
        assert len({count_carries(twin) for twin in members}) == 1
