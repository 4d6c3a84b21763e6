"""The lines of solutions, counted by what is said of them."""

from eqstream.seq2seq.analysis.solution_lines import SolutionTally, StepCount, end_fraction
from eqstream.seq2seq.analysis.solution_text import render_lines, render_wrong_lines
from eqstream.seq2seq.models.solving_decoder import MAX_LINES
from tests.brute_force import make_recipe

SPACE = make_recipe({"operands": {"min": 0, "max": 99}, "operators": "+-*/", "terms": {"min": 2, "max": 3}}).space
FRACTIONS = make_recipe({"operands": {"min": 0, "max": 99}, "operators": "/", "division": "fraction"}).space
SOLUTIONS = [
    (True, "1 + 2 + 3|3 + 3|6"),
    (True, "2 * 3 + 4|6 + 4|10"),
    # Another way to the right answer.
    (True, "1 + 2 + 4|1 + 6|7"),
    (False, "9 - 8|2"),
    (False, "12 * 34|360 + 12 * 4|360 + 47|407"),
    (False, "7 - 5 + 1|7 - 6|1 +"),
    (False, "8 - 2|2 - 8|8 - 2"),
    (False, "6 / 3|6 / 0|5"),
    (False, "5 - 1 - 1|5 - 2|4"),
]


def tally_of(solutions, space=SPACE, *, factored=False, reordered=()):
    tally = SolutionTally(space, factored=factored)
    return tally, [tally.add(lines.split("|"), is_right=is_right, reordered=reordered) for is_right, lines in solutions]


def test_lines_are_counted_by_step_and_verdict():
    tally, first = tally_of(SOLUTIONS)
    counts = tally.counts()
    assert [each and each.line for each in first] == [
        None,
        None,
        "1 + 6",
        "2",
        "360 + 47",
        "7 - 6",
        "2 - 8",
        "6 / 0",
        "5 - 2",
    ]
    assert counts.lines == StepCount(
        step="all",
        num_lines=17,
        num_prescribed=7,
        num_right_value=2,
        num_wrong_value=6,
        num_miscopied=1,
        num_malformed=1,
    )
    assert counts.num_unjudged == 1
    assert counts.num_mended == 1
    assert {each.step: each.num_lines for each in counts.steps} == {
        "sum": 6,
        "product": 2,
        "difference": 7,
        "digit of a product": 1,
        "digit of a quotient": 1,
    }
    assert sum(each.num_lines for each in counts.steps) == counts.lines.num_lines
    # Those that fail most often come first.
    assert counts.steps[0] == StepCount(
        step="difference",
        num_lines=7,
        num_prescribed=0,
        num_right_value=1,
        num_wrong_value=4,
        num_miscopied=1,
        num_malformed=1,
    )


def test_first_wrong_lines_are_those_of_wrong_answers():
    counts = tally_of(SOLUTIONS)[0].counts()
    assert {each.step: (each.num_wrong_value, each.num_miscopied) for each in counts.first_wrong} == {
        "difference": (2, 1),
        "product": (1, 0),
        "digit of a quotient": (1, 0),
    }
    assert all(each.num_prescribed == 0 for each in counts.first_wrong)
    # The rarest kinds first.
    assert counts.examples[-1].line == "2 - 8"
    assert {each.line for each in counts.examples[:4]} == {"360 + 47", "7 - 6", "6 / 0", "5 - 2"}


def test_a_line_that_was_asked_in_another_order_is_none_of_the_models_own():
    solutions = [(True, "3 * 4 + 5|5 + 3 * 4|5 + 12|17"), (False, "2 + 9 - 8|9 + 2 - 8|8 - 9|-1")]
    tally, first = tally_of(solutions, reordered=[1])
    counts = tally.counts()
    assert counts.num_reordered == 2
    assert counts.lines.num_lines == 4
    assert counts.lines.num_prescribed == 3
    assert [each and each.line for each in first] == [None, "8 - 9"]
    assert any("asked" not in line and "another order" in line for line in render_lines(counts))


def test_a_line_that_the_model_itself_wrote_in_another_order_is_its_own_and_wrong_unless_it_is_prescribed():
    tally, (circle, sign) = tally_of([(False, "3 * 4|4 * 3|3 * 4"), (True, "75 * -75|-75 * 75|-5625")])
    assert circle is not None
    assert (circle.line, circle.verdict) == ("4 * 3", "right value")
    assert sign is None or sign.line == "-5625"
    counts = tally.counts()
    assert counts.num_reordered == 0
    assert sum(each.num_lines for each in counts.first_wrong) == 1
    assert {each.step: each.num_prescribed for each in counts.steps}["sign change"] == 1


def test_solutions_end_in_one_way():
    endless = "|".join(f"{number} + 2" for number in range(1, MAX_LINES + 2))
    counts = tally_of([*SOLUTIONS, (False, endless)])[0].counts()
    assert counts.ends == {"answer": 7, "malformed": 1, "circle": 1, "too long": 1}


def test_a_fraction_that_is_answered_by_itself_is_an_answer():
    tally, first = tally_of(
        [(True, "4 / 6|4 / 2 / (6 / 2)|2 / (6 / 2)|2 / 3|2 / 3"), (False, "4 / 6|4 / 6")], FRACTIONS
    )
    counts = tally.counts()
    assert counts.ends["answer"] == 2
    assert counts.lines.num_prescribed == 4
    assert first[0] is None
    assert end_fraction(["4 / 6", "4 / 6"], SPACE, factored=False) == ["4 / 6", "4 / 6"]


def test_a_fraction_that_is_written_by_itself_is_an_answer_where_sides_are_factored():
    solution = "4 / 6|2 * 2 / 6|2 * 2 / (2 * 3)|2 / 3"
    tally, first = tally_of([(True, solution), (False, "4 / 6|2 * 3 / 6|4 / 6")], FRACTIONS, factored=True)
    counts = tally.counts()
    assert counts.ends["answer"] == 2
    assert {each.step: each.num_prescribed for each in counts.steps} == {"prime factor": 2, "common factor": 1}
    assert first[0] is None
    assert end_fraction(solution.split("|"), FRACTIONS, factored=True)[-1] == "2/3"
    assert end_fraction(solution.split("|"), FRACTIONS, factored=False)[-1] == "2 / 3"


def test_only_some_examples_of_each_kind_are_kept():
    many = [(False, f"{number // 2} + 1|0") for number in range(9)] + [(False, "9 - 8|2")]
    counts = tally_of(many)[0].counts()
    assert [each.before for each in counts.examples] == ["9 - 8", "0 + 1", "1 + 1", "2 + 1"]


TEXT = """\
lines by step *              lines  wrong value  miscopied  right value  malformed    prescribed
all                             17            6          1            2          1      41.1765%
difference                       7            4          1            1          1            0%
sum                              6            0          0            1          0      83.3333%
product                          2            1          0            0          0      50.0000%
digit of a quotient              1            1          0            0          0            0%
digit of a product               1            0          0            0          0          100%
* that the rules make of the line before; wrong value: a mistake in the step; miscopied: one in the rest of
  the line; right value: another line that is equal to the one before
left out: 1 behind a wrong line that has no answer

first wrong line of a solution   solutions  wrong value  miscopied  right value  malformed
difference                               4            2          1            1          0
digit of a quotient                      1            1          0            0          0
product                                  1            1          0            0          0
  ☒ 360 + 12 * 4 → 360 + 47  (expected 360 + 48)
  ☒ 7 - 5 + 1 → 7 - 6  (expected 2 + 1)
  ☒ 6 / 3 → 6 / 0  (expected 2 + (6 - 3 * 2) / 3)
  ☒ 5 - 1 - 1 → 5 - 2  (expected 4 - 1)
  ☒ 9 - 8 → 2  (expected 1)
  ☒ 8 - 2 → 2 - 8  (expected 6)
right answers in spite of a line that is not the prescribed one: 1
without an answer: 2 (at a line that is no equation: 1, in circles: 1, after 200 lines: 0)"""


def test_the_text_says_which_step_fails_and_how():
    counts = tally_of(SOLUTIONS)[0].counts()
    assert "\n".join([*render_lines(counts), "", *render_wrong_lines(counts)]) == TEXT


def test_the_text_of_flawless_solutions_is_short():
    counts = tally_of(SOLUTIONS[:2])[0].counts()
    assert list(render_wrong_lines(counts)) == []
    assert len(list(render_lines(counts))) == 6
