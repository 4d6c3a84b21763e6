"""The edges of spaces, tables and mistakes of texts written by hand, and the text of a report, letter by letter."""

import dataclasses
from fractions import Fraction

import numpy as np
import pytest

from eqstream.data.formats.columns import EquationColumns
from eqstream.data.formats.string_matrix import ByteRows
from eqstream.data.recipe_files import load_recipe, shipped_recipes
from eqstream.data.reference.evaluation import count_carries, evaluate
from eqstream.data.reference.parsing import parse, parse_strict
from eqstream.data.space_recipe import Operands, SpaceRecipe, Terms
from eqstream.seq2seq.analysis.breakdown import GroupCount, TableTally, find_pairs
from eqstream.seq2seq.analysis.edge_cases import list_edge_cases, list_twins, swap_sides
from eqstream.seq2seq.analysis.report import EvaluationReport
from eqstream.seq2seq.analysis.report_contents import BY_DECODING, BY_ROUNDING, CommutingCount, EdgeCaseResult
from eqstream.seq2seq.analysis.report_text import render_brief_report, render_report, render_splits
from eqstream.seq2seq.analysis.wrong_answers import ErrorCount, MistakeTally, WrongAnswer


# Every third; the others differ from one of them in size alone, or are slow.
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if number % 3 == 0 else pytest.mark.slow)
        for number, name in enumerate(shipped_recipes())
    ],
)
def test_every_shipped_recipe_has_edge_cases_that_are_right_and_come_once(name):
    space = load_recipe(name).space
    cases = list_edge_cases(space)
    assert 10 <= len(cases) <= 140 + 20 * len(str(space.operands.max)) * len(space.operators)
    assert len({case.question for case in cases}) == len(cases)
    for case in cases:
        parse_strict(case.question, space.spacing)
        division = space.division if "/" in space.operators else "exact"
        value = evaluate(parse(case.question), division, space.operands.decimals)
        is_rounded = division == "decimal"
        assert abs(Fraction(case.expected) - value) <= (Fraction(1, 2 * 10**space.places) if is_rounded else 0)
    assert cases == list_edge_cases(space)


def test_the_longest_carry_chains_of_three_digits_are_among_them():
    cases = {case.question: case for case in list_edge_cases(SpaceRecipe(operands=Operands(min=0, max=999)))}
    assert {"999 + 1", "1 + 999", "999 + 999", "444 + 556", "0 + 0", "0 + 999"} <= set(cases)
    most = max(count_carries(parse(f"{a} + {b}")) for a in (999, 555) for b in (1, 999))
    carries = [count_carries(parse(case.question)) for case in cases.values() if case.kind == "longest carries"]
    assert max(carries) == most == 3


@pytest.mark.parametrize("operator", ["+", "-"])
def test_a_chain_of_every_length_is_among_them(operator):
    space = SpaceRecipe(operands=Operands(min=0, max=10**10 - 1), operators=operator)
    chains = {count_carries(parse(case.question)) for case in list_edge_cases(space) if "carr" in case.kind}
    # A borrow needs a place above it to be taken from.
    assert set(range(1, 11 if operator == "+" else 10)) <= chains


def test_numbers_of_one_digit_are_among_them():
    space = SpaceRecipe(operands=Operands(min=0, max=9999))
    questions = {case.question for case in list_edge_cases(space)}
    assert {f"{digit}{digit}{digit}{digit} + {digit}{digit}{digit}{digit}" for digit in range(1, 10)} <= questions
    assert {"222 + 888", "888 + 222", "2222 + 222"} & questions or {"333 + 777", "777 + 333"} <= questions


def test_a_suite_has_the_edges_that_its_space_has():
    whole = {case.kind for case in list_edge_cases(SpaceRecipe(operands=Operands(min=0, max=99), operators="+"))}
    assert not whole & {"negative answers", "decimals", "mixed", "most terms"}
    rich = SpaceRecipe(
        operands=Operands(min=-9, max=99, decimals=1), operators="+-*", terms=Terms(min=2, max=3), brackets=True
    )
    cases = list_edge_cases(rich)
    assert {"negative answers", "decimals", "mixed", "most terms"} <= {case.kind for case in cases}
    assert all(case.expected.startswith("-") for case in cases if case.kind == "negative answers")
    assert any("(" in case.question for case in cases)


def test_twins_of_a_long_sum_are_not_all_listed():
    long = " + ".join(map(str, range(1, 33)))
    assert list_twins(long) == set()
    assert list_twins("7") == set()
    assert list_twins("1*2") == {"2*1"}
    assert swap_sides("2 * (1 + 3)") == "(1 + 3) * 2"
    assert swap_sides("1 + 2 + 3") is None


def block_of(questions, answers, **numbers):
    columns = {name: np.array(numbers.get(name, [0] * len(questions))) for name in ("terms", "digits", "carries")}
    return EquationColumns(ByteRows.from_texts(questions), ByteRows.from_texts(answers), columns)


def test_a_sign_is_no_operator_and_tables_add_up_over_blocks():
    space = SpaceRecipe(operands=Operands(min=-99, max=99, decimals=1), operators="+-*")
    tally = TableTally(space)
    tally.add(block_of(["-3 + -4", "12 - -5.5"], ["-7", "17.5"], terms=[2, 2]), np.array([True, False]))
    tally.add(block_of(["0.5 * 0", "-3 + 4"], ["0", "1"], terms=[2, 2]), np.array([True, False]))
    tables = {
        name: {each.value: (each.num_examples, each.num_right) for each in groups}
        for name, groups in tally.tables().items()
    }
    assert tables["operators"] == {"+": (2, 1), "-": (1, 0), "*": (1, 1)}
    assert tables["lengths"] == {"1 x 1": (3, 2), "2 x 1": (1, 0)}
    assert tables["answer sign"] == {"negative": (1, 1), "zero": (1, 1), "positive": (2, 0)}
    assert tables["answer length"] == {"1": (2, 1), "2": (1, 1), "4": (1, 0)}
    assert "terms" not in tables


def test_operators_are_read_without_spaces_and_in_brackets():
    tally = TableTally(SpaceRecipe(operands=Operands(min=-9, max=9), operators="+-*/", terms=Terms(min=1, max=3)))
    questions = ["-3", "(1+2)-3", "3--4*5", "8/(-2-2)"]
    block = block_of(questions, ["-3", "0", "23", "-2"], digits=[1, 1, 1, 1], terms=[1, 3, 3, 3])
    tally.add(block, np.ones(4, bool))
    tables = tally.tables()
    assert {each.value: each.num_examples for each in tables["operators"]} == {"none": 1, "+ -": 1, "- *": 1, "- /": 1}
    assert {each.value: each.num_examples for each in tables["terms"]} == {"1": 1, "3": 3}
    assert "lengths" not in tables


def wrong(answer, expected):
    return WrongAnswer(question="?", predicted=answer, expected=expected)


def test_errors_are_exact_however_large_and_the_worst_come_first():
    tally = MistakeTally()
    huge = 10**40
    answers = [
        wrong(str(huge + 1), str(huge)),
        wrong("1?", "10"),
        wrong("0.75", "0.7"),
        wrong("07", "7"),
        wrong("90", "100"),
        wrong("1/3", "4/3"),
        wrong("5/0", "5"),
    ]
    tally.add(np.array([len(each.expected) for each in answers] + [1]), answers)
    assert tally.num_unreadable == 2
    assert tally.rmse == pytest.approx(((1 + 0.05**2 + 0 + 100 + 1) / 6) ** 0.5)
    assert [(each.value, each.num_answers, each.num_off_by_one) for each in tally.errors()] == [
        ("-10…-99", 1, 1),
        ("-1…-9", 1, 1),
        ("0", 1, 0),
        ("+0.01…+0.09", 1, 0),
        ("+1…+9", 1, 1),
    ]
    assert [each.predicted for each in tally.worst()] == ["1?", "5/0", "90", str(huge + 1), "1/3", "0.75", "07"]
    assert tally.wrong_characters() == {1: 4, 2: 1, 3: 1, 4: 1}


def test_the_root_of_what_no_float_holds_is_found():
    tally = MistakeTally()
    tally.add(np.array([1]), [wrong("1" + "0" * 200, "0")])
    assert tally.rmse == pytest.approx(1e200)


def test_only_so_many_of_the_worst_are_kept_and_the_first_win():
    tally = MistakeTally()
    for start in (0, 50):
        tally.add(
            np.ones(50, int), [WrongAnswer(question=str(start + n), predicted="2", expected="1") for n in range(50)]
        )
    assert [each.question for each in tally.worst()] == [str(number) for number in range(10)]


GOLDEN = """\
exact match 75.0000%: 3 of 4 right, 1 wrong
on `test`
of sums 1.0.0, by greedy decoding, the whole answer and its end
95 % interval for what they are a sample of: 30.0000% to 95.0000%
RMSE 5 in units of the answer, 4.5 before rounding
sides swapped: 2 of 3 pairs get the same answer, 1 twice the right one

by carries                  examples       wrong   exact match
0                                  3           0          100%
1                                  1           1            0%

by place *                   answers       wrong         right
1                                  4           0          100%
2                                  2           1      50.0000%
* of a character in the right answer, 1 is the last one

error *                      answers  off by one
-10…-99                            1           1
* answer minus what is right; off by one: exactly 1, 10, 100, … too much or too little

wrong characters: 1 for all 1 wrong answers

edge cases                  examples       wrong      unseen       wrong
zeros                              2           1           1           1
  ☒ 0 + 9 = 8  (expected 9; unseen)

the worst answers
  ☒ 5 + 7 = 2  (expected 12)"""


def report_of(**changes):
    fields = {
        "run": "run",
        "model_sha256": "ab",
        "data": "sums 1.0.0",
        "split": "test",
        "name": "test",
        "decoded_by": BY_DECODING,
        "about": "`test`",
        "num_examples": 4,
        "num_right": 3,
        "characters_right": 0.9,
        "interval": (0.3, 0.95),
        "rmse": 5.0,
        "rmse_unrounded": 4.5,
        "num_unreadable": 0,
        "tables": {
            "carries": (
                GroupCount(value="0", num_examples=3, num_right=3),
                GroupCount(value="1", num_examples=1, num_right=0),
            )
        },
        "places": (
            GroupCount(value="1", num_examples=4, num_right=4),
            GroupCount(value="2", num_examples=2, num_right=1),
        ),
        "errors": (ErrorCount(sign=-1, place=1, num_answers=1, num_off_by_one=1),),
        "wrong_characters": {1: 1},
        "edge_cases": (
            EdgeCaseResult(kind="zeros", question="0 + 0", predicted="0", expected="0", is_right=True, seen="trained"),
            EdgeCaseResult(kind="zeros", question="0 + 9", predicted="8", expected="9", is_right=False, seen="unseen"),
        ),
        "commuting": CommutingCount(num_pairs=3, num_same=2, num_both_right=1),
        "worst": (WrongAnswer(question="5 + 7", predicted="2", expected="12"),),
        "solutions": None,
    }
    return EvaluationReport(**(fields | changes))


def test_the_text_is_what_it_was():
    assert render_report(report_of()) == GOLDEN


def test_a_perfect_report_speaks_of_no_mistakes():
    perfect = report_of(
        num_right=4,
        interval=None,
        rmse=0.0,
        rmse_unrounded=None,
        errors=(),
        wrong_characters={},
        worst=(),
        edge_cases=(),
        commuting=None,
        tables={},
    )
    assert render_report(perfect).splitlines() == [
        "exact match 100%: 4 of 4 right, 0 wrong",
        "on `test`",
        "of sums 1.0.0, by greedy decoding, the whole answer and its end",
        "RMSE 0 in units of the answer",
    ]


def test_a_report_on_a_regression_says_so_and_begins_with_its_error():
    lines = render_report(report_of(decoded_by=BY_ROUNDING)).splitlines()
    assert lines[1:4] == [
        "RMSE 5 in units of the answer, 4.5 before rounding",
        "on `test`",
        "of sums 1.0.0, by rounding the estimate to the nearest answer",
    ]


def test_a_report_at_a_terminal_shows_few_edge_cases_and_ends_with_the_headline_and_the_files():
    wrong = [
        EdgeCaseResult(kind="zeros", question=f"0 + {n}", predicted="x", expected=f"{n}", is_right=False, seen="unseen")
        for n in range(13)
    ]
    files = ("run/reports/test.txt", "run/reports/test.json", "run/reports/test.csv")
    lines = render_brief_report(report_of(edge_cases=tuple(wrong), files=files)).splitlines()
    assert sum(line.startswith("  ☒ 0 + ") for line in lines) == 10
    assert "  … 3 more in run/reports/test.txt" in lines
    assert lines[-3:] == ["", "exact match 75.0000%: 3 of 4 right, 1 wrong", "saved: run/reports/test.txt, .json, .csv"]
    assert render_report(report_of(edge_cases=tuple(wrong))).count("  ☒ 0 + ") == 13


def test_several_splits_are_one_table():
    files = ("run/reports/test.txt",)
    held_out = report_of(split="far", name="far-first-2", about="the first 2 of `far`", num_examples=2, num_right=0)
    reports = [dataclasses.replace(each, files=files) for each in (report_of(), held_out)]
    assert render_splits(reports).splitlines() == [
        "split                       examples       wrong   exact match",
        "test                               4           1      75.0000%",
        "far-first-2                        2           2            0%",
        "far-first-2: the first 2 of `far`",
        "sums 1.0.0, by greedy decoding, the whole answer and its end",
        "saved: run/reports/test.txt, run/reports/test.txt",
    ]


def test_pairs_are_read_from_either_spacing_and_others_are_left_out():
    pairs = find_pairs(ByteRows.from_texts(["12 - -5.5", "-3*4", "1 + 2 + 3", "7", "2 * (1 + 1)"]))
    assert pairs.rows.tolist() == [0, 1]
    assert pairs.operands.tolist() == [[12, -5.5], [-3, 4]]
    assert pairs.lengths.tolist() == [[2, 1], [1, 1]]
    assert pairs.operators.tolist() == ["-", "*"]
    assert find_pairs(ByteRows.from_texts(["7", "1 + 2 + 3"])).operands.shape == (0, 2)
