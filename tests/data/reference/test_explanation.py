"""Verdicts on lines, what is said of wrong ones, by their texts, and that there is something to say of each of them."""

import pytest

from eqstream.data.reference.explanation import judge_line, judge_solution
from eqstream.data.reference.parsing import parse, render
from eqstream.data.reference.solution import next_line, solution
from tests.brute_force import make_recipe

RIGHT = "its value is right, but this is not the next step"
HUGE = " * ".join(["9" * 400] * 12)


def explain(before, line, **options):
    return judge_line(before, line, **options).fault


@pytest.mark.parametrize(
    ("line", "verdict"),
    [
        ("80 + 45 / 9", "prescribed"),
        ("79 + 54 / 9", "right value"),
        ("80 + 35 / 9", "wrong value"),
        ("80 + (52 - 7 - 1) / 9", "wrong value"),
        ("81 + 45 / 9", "miscopied"),
        ("81 + 35 / 9", "miscopied"),
        ("80 - 45 / 9", "miscopied"),
        ("(80 + 45) / 9", "miscopied"),
        ("125", "miscopied"),
        ("80 + 45 / 0", "wrong value"),
        ("80 + 45 /", "malformed"),
        ("80 + 045 / 9", "malformed"),
    ],
)
def test_a_line_has_one_verdict_and_the_step_that_belongs_there(line, verdict):
    judged = judge_line("80 + (52 - 7) / 9", line)
    assert (judged.before, judged.line, judged.verdict) == ("80 + (52 - 7) / 9", line, verdict)
    assert (judged.step, judged.expected) == ("difference", "80 + 45 / 9")
    assert (judged.fault is None) == (verdict == "prescribed")


def test_each_line_of_a_solution_is_judged_by_the_one_before():
    space = make_recipe({"operands": {"min": 0, "max": 99}, "operators": "+-/", "spacing": False}).space
    lines = ["9/(7-4)", "9/2", "4+(9-2*4)/2", "4+1/0", "4+1", "5"]
    judged = list(judge_solution(lines, space, factored=False))
    assert [each.line for each in judged] == lines[1:]
    assert [each.verdict for each in judged] == ["wrong value", "prescribed", "wrong value", "unjudged", "prescribed"]
    assert [each.step for each in judged] == ["difference", "digit of a quotient", "product", None, "sum"]
    assert judged[3].fault == "the line before it has no answer: 1 is divided by zero"
    assert judged[3].expected is None


@pytest.mark.parametrize(
    ("line", "following", "explanation"),
    [
        ("2 + 3", "5", None),
        ("2 + 3", "6", "its value is 6, not 5: 2 + 3 is 5, the line has 6"),
        ("2 + 3", "5 +", "'5 +' is not an equation: a number is missing at position 4"),
        ("2 + 3", "", "'' is not an equation: it is empty"),
        ("2 + 3 + 1", "5+1", "'5+1' is not how this equation is written: expected '5 + 1'"),
        ("2 + 3", "2 + 3", f"{RIGHT}: 2 + 3 is 5, the line has 2 + 3"),
        ("2 + 3 + 4", "9", f"{RIGHT}: 2 + 3 + 4 becomes 5 + 4, the line has 9"),
        ("2 + 3 + 4", "2 + 7", f"{RIGHT}: 2 + 3 + 4 becomes 5 + 4, the line has 2 + 7"),
        ("80 + (52 - 7) / 59", "80 + 35 / 59", "its value is 4755/59, not 4765/59: 52 - 7 is 45, the line has 35"),
        ("80 + (52 - 7) / 9", "81 + 45 / 9", "its value is 86, not 85: 80 stays, the line has 81"),
        ("80 + (52 - 7) / 9", "80 + 45 / 0", "it has no value: it divides by zero"),
        ("8 + (5 - 2)", "8 - 3", "its value is 5, not 11: 8 + (5 - 2) becomes 8 + 3, the line has 8 - 3"),
        (
            "0.2 / 4",
            "0.06",
            "its value is 0.06, not 0.05: 0.2 / 4 becomes 0.05 + (0.2 - 4 * 0.05) / 4, the line has 0.06",
        ),
        ("2 + 3", HUGE, f"its value is a number of more than 400 digits, not 5: 2 + 3 is 5, the line has {HUGE}"),
    ],
)
def test_explanations_say_what_is_wrong(line, following, explanation):
    assert explain(line, following) == explanation


@pytest.mark.parametrize(
    ("line", "following", "explanation"),
    [
        ("5 / 0", "7", "the line before it has no answer: 5 is divided by zero"),
        ("1 + 2 + 5 / 0", "7", "the line before it has no answer: 5 is divided by zero"),
        ("1 + 2 + 5 / 0", "3 + 5 / 0", None),
        ("7 / 3", "2", "the line before it has no answer: 7 / 3 has no finite decimal form"),
        ("1 + 2 + 7 / 3", "3 + 8 / 3", "its value is 17/3, not 16/3: 7 stays, the line has 8"),
    ],
)
def test_lines_behind_one_without_an_answer_are_explained(line, following, explanation):
    assert explain(line, following) == explanation


def test_a_wrong_digit_of_a_quotient_is_named():
    expected = "9 - 472 / 59 becomes 9 - 7 - (472 - 59 * 7) / 59, the line has 9 - 8 - (472 - 59 * 8) / 59"
    assert explain("9 - 472 / 59", "9 - 8 - (472 - 59 * 8) / 59") == f"{RIGHT}: {expected}"


def test_quotients_are_compared_as_they_are_rounded_down():
    assert explain("1 + 7 / 2", "1 + 3 + (7 - 2 * 3) / 2", division="quotient") is None
    expected = f"{RIGHT}: 1 + 7 / 2 becomes 1 + 3 + (7 - 2 * 3) / 2, the line has 1 + 6 / 2"
    assert explain("1 + 7 / 2", "1 + 6 / 2", division="quotient") == expected


@pytest.mark.parametrize("spacing", [True, False])
def test_every_wrong_line_and_no_right_one_has_an_explanation(spacing):
    chain = solution(parse("(12 - 34 * 56) / -4 * 3 + 7 * 12"), "quotient")
    texts = [render(line, spacing) for line in chain]
    for line in chain:
        right = render(next_line(line, "quotient"), spacing)
        for text in texts:
            explanation = explain(render(line, spacing), text, division="quotient", spacing=spacing)
            assert (explanation is None) == (text == right)
            assert explanation is None or explanation.startswith(RIGHT)


@pytest.mark.parametrize(
    ("line", "following", "explanation"),
    [
        ("2 / 3", "2/3", None),
        ("2 / 3", "3/4", "its value is 3/4, not 2/3: 2 / 3 is 2/3, the line has 3/4"),
        ("2 / 3", "4/6", f"{RIGHT}: 2 / 3 is 2/3, the line has 4/6"),
        ("2 / 3", "1/0", "it has no value: it divides by zero"),
        ("2 / 4", "1/2", "'1/2' is not how this equation is written: expected '1 / 2'"),
        ("2 / 4", "1 / 2", f"{RIGHT}: 2 / 4 becomes 2 / 2 / (4 / 2), the line has 1 / 2"),
    ],
)
def test_fractions_are_compared_as_they_are_written(line, following, explanation):
    assert explain(line, following, division="fraction") == explanation


@pytest.mark.parametrize(
    ("following", "explanation"),
    [
        ("0.13", None),
        ("0.12", "its value is 0.12, not 0.13: 0.127 + 0.001 / 8 is 0.13, the line has 0.12"),
        ("0.127125", f"{RIGHT}: 0.127 + 0.001 / 8 is 0.13, the line has 0.127125"),
    ],
)
def test_rounding_is_compared_with_the_rounded_value(following, explanation):
    assert explain("0.127 + 0.001 / 8", following, division="decimal", places=2) == explanation
