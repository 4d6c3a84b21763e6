"""Every step of a shard proven: where it stands, that both lines have one value, and that it is the next one.

Which steps a shard has, and in which order, comes from the writer's own solver, as a plan does. Without it, each step
is shown to keep its value, and one in `SAMPLE_EVERY`, with the first step of each kind of line, to be the one that
`eqstream.data.reference` gives. The equations themselves are checked as those of other datasets are.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from eqstream.data.dataset.shard_writer import ShardWriter
from eqstream.data.errors import UserError
from eqstream.data.formats.column_encoder import EncodedBlock
from eqstream.data.formats.string_matrix import ByteRows
from eqstream.data.formats.string_tables import write_joined
from eqstream.data.recipe import Recipe
from eqstream.data.reference.explanation import judge_line
from eqstream.data.reference.hash_bucket import hash_tree
from eqstream.data.reference.parsing import Number, parse
from eqstream.data.splits.plan import ShardTask
from eqstream.pipelines.checks.bulk import facts as bulk
from eqstream.pipelines.checks.bulk.columns import Columns, Texts
from eqstream.pipelines.checks.bulk.facts import Facts
from eqstream.pipelines.checks.bulk.keys import text_keys
from eqstream.pipelines.checks.bulk.lines import LineFacts, find_line_facts, have_one_value
from eqstream.pipelines.checks.duplicates import KEYS, OF_EQUATION
from eqstream.pipelines.checks.example_message import NUMBERS, TEXTS
from eqstream.pipelines.checks.records import KindSample, RecordCheck, Tally, count_values


class PlannedSteps(NamedTuple):
    """Some equations of a shard and their steps, in the order of the records, as the recipe plans them.

    Attributes:
        equations: the equations.
        question: of each step, n texts.
        answer: of each step, n texts.
        equation: the equation of each step, int64 (n,).
        is_first: whether a step's question is its equation, bool (n,).
        num_left_out: steps beside them that are left out.
    """

    equations: Columns
    question: Texts
    answer: Texts
    equation: np.ndarray
    is_first: np.ndarray
    num_left_out: int

    def rows(self, start: int, stop: int) -> "PlannedSteps":
        """Returns the steps from `start` to `stop` - 1."""
        rows = slice(start, stop)
        question, answer = self.question.rows(start, stop), self.answer.rows(start, stop)
        return self._replace(
            question=question, answer=answer, equation=self.equation[rows], is_first=self.is_first[rows]
        )


def plan_steps(writer: ShardWriter, task: ShardTask) -> Iterator[PlannedSteps]:
    """Yields the steps of a shard in the order of its records; deterministic.

    Args:
        writer: of the recipe, whose examples are steps; writes nothing.
        task: the shard.
    """
    assert writer.steps is not None
    for block, steps in writer.steps.blocks(task):
        yield PlannedSteps(
            equations=_to_columns(writer.columns.encode(block)),
            question=_to_texts(steps.question),
            answer=_to_texts(steps.answer),
            equation=steps.equation,
            is_first=steps.number == 0,
            num_left_out=steps.num_left_out,
        )


def _to_texts(rows: ByteRows) -> Texts:
    return Texts(rows.matrix[rows.is_inside()], np.append(0, np.cumsum(rows.lengths)))


def _to_columns(block: EncodedBlock) -> Columns:
    texts = {name: write_joined(pieces) for name, pieces in block.texts.items()}
    return Columns(
        **{name: Texts(data, offsets) for name, (data, offsets) in texts.items()},  # pyright: ignore[reportArgumentType]
        **{name: values.astype(np.int64) for name, values in block.numbers.items()},  # pyright: ignore[reportArgumentType]
    )


class StepCheck:
    """Checks the steps of one shard, block by block.

    Args:
        recipe: of the dataset.
        split: that the shard is of.
        planned: its steps as the recipe plans them; none where the recipe plans no such shard.

    Attributes:
        tally: of the records.
        num_left_out: how many steps the recipe leaves out of the shard, as far as `planned` was read.
    """

    def __init__(self, recipe: Recipe, split: str, planned: Iterator[PlannedSteps]) -> None:
        self.tally, self.num_left_out = Tally(), 0
        self._recipe, self._space, self._planned = recipe, recipe.space, planned
        self._equations = RecordCheck(recipe, split)
        self._kinds = KindSample()
        self._left: PlannedSteps | None = None
        self._facts: Facts | None = None

    def check(self, columns: Columns) -> Iterator[tuple[str, str, int]]:
        """Yields what is wrong with the next records: kind of finding, reason, number of the record in the shard."""
        begin = 0
        while begin < columns.num_records:
            yield from self._open_planned()
            left = self._left
            if left is None:
                # Records that the recipe does not plan, which is a finding already.
                self.tally.num_records += columns.num_records - begin
                return
            end = min(columns.num_records, begin + len(left.equation))
            self._left = left.rows(end - begin, len(left.equation))
            yield from self._check_part(columns.rows(begin, end), left.rows(0, end - begin))
            begin = end

    def finish(self) -> Iterator[tuple[str, str, int]]:
        """Yields what is wrong with equations of the shard that have no step in it."""
        for planned in self._planned:
            yield from self._take_equations(planned)

    def _open_planned(self) -> Iterator[tuple[str, str, int]]:
        """Goes on to the next planned steps if none are left, and yields what is wrong with their equations."""
        while self._left is None or not len(self._left.equation):
            self._left = next(self._planned, None)
            if self._left is None:
                return
            yield from self._take_equations(self._left)

    def _take_equations(self, planned: PlannedSteps) -> Iterator[tuple[str, str, int]]:
        """Checks the equations whose steps come next, and keeps what their steps are compared with."""
        first = self._equations.tally.num_records
        self.num_left_out += planned.num_left_out
        for kind, reason, _ in self._equations.check(planned.equations):
            yield kind, f"the plan has an equation that it must not have: {reason}", self.tally.num_records
        self._facts = bulk.find_facts(planned.equations.question, self._space, self._recipe.hash_salt)
        rows = np.arange(len(self._facts.terms))
        hashes = self._hash(
            planned.equations.question, self._facts.values.hashes, is_known=self._facts.is_known, rows=rows
        )
        self._add_keys(planned.equations.question, hashes, rows=rows, records=rows + first + OF_EQUATION)

    def _check_part(self, columns: Columns, planned: PlannedSteps) -> Iterator[tuple[str, str, int]]:
        first = self.tally.num_records
        self.tally.num_records += columns.num_records
        lines = [find_line_facts(getattr(columns, name), self._space, self._recipe.hash_salt) for name in TEXTS[::-1]]
        questions, answers = lines
        is_planned = _are_equal(columns.question, planned.question)
        is_even = have_one_value(questions, answers, columns.answer, space=self._space)
        is_right = is_planned & is_even & _are_equal(columns.answer, planned.answer)
        is_right &= _ends_right(answers, columns, planned)
        for name in NUMBERS:
            is_right &= getattr(columns, name) == getattr(planned.equations, name)[planned.equation]
        for row in np.flatnonzero((is_planned & ~is_right) | ~is_even | self._kinds.choose(questions.tokens)).tolist():
            reason = self._explain(columns, planned, row, is_planned=bool(is_planned[row]))
            if reason is None:
                # Without a plan for it nothing is wrong with the step by itself.
                is_right[row] = is_planned[row]
            else:
                is_right[row] = False
                yield "contents", reason, first + row
        self._count(columns, planned, is_right)
        self._add_lines(columns, planned, lines=lines, first=first, is_first=planned.is_first & is_planned)

    def _explain(self, columns: Columns, planned: PlannedSteps, row: int, *, is_planned: bool) -> str | None:
        """Returns what is wrong with a record, by the reference; None if nothing is."""
        question, answer, space = columns.question.text(row), columns.answer.text(row), self._space
        division = bulk.division_of(space)
        try:
            judged = judge_line(
                question,
                answer,
                division=division,
                places=space.places,
                spacing=space.spacing,
                factored=space.factors_fractions,
            )
        except UserError as error:
            return str(error)
        if judged.fault is not None:
            return f"`{answer}` does not follow `{question}`: {judged.fault}"
        if not is_planned:
            return None
        equation = int(planned.equation[row])
        for name in NUMBERS:
            expected, found = planned.equations.value(name, equation), columns.value(name, row)
            if expected != found:
                text = planned.equations.question.text(equation)
                return f"the {name} of `{text}`, which `{question}` is a line of, is {expected}, got {found}"
        return None

    def _count(self, columns: Columns, planned: PlannedSteps, is_counted: np.ndarray) -> None:
        assert self._facts is not None
        rows, histograms = np.flatnonzero(is_counted), self.tally.histograms
        for name in NUMBERS:
            histograms[name].update(count_values(getattr(columns, name)[rows]))
        for name in TEXTS:
            histograms[f"{name}_length"].update(count_values(np.diff(getattr(columns, name).offsets)[rows]))
        self.tally.count_signs(self._facts, planned.equation[rows])
        is_letter = np.repeat(is_counted, np.diff(columns.question.offsets))
        self.tally.letters |= np.bincount(columns.question.data[is_letter], minlength=256) > 0

    def _add_lines(
        self, columns: Columns, planned: PlannedSteps, *, lines: list[LineFacts], first: int, is_first: np.ndarray
    ) -> None:
        """Notes the lines that must be equations of no other split: all but equations themselves and answers."""
        questions, answers = lines
        is_last = answers.is_number | (_are_answers(columns, planned) & (bulk.division_of(self._space) == "fraction"))
        for texts, facts, is_line in (
            (columns.question, questions, ~is_first & ~questions.is_number),
            (columns.answer, answers, ~is_last),
        ):
            rows = np.flatnonzero(is_line)
            self._add_keys(
                texts,
                self._hash(texts, facts.values.hashes, is_known=facts.is_known, rows=rows),
                rows=rows,
                records=rows + first,
            )

    def _hash(self, texts: Texts, hashes: np.ndarray, *, is_known: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Returns the hashes of texts at `rows`, by the reference where they are not known."""
        for row in rows[~is_known[rows]].tolist():
            try:
                tree = parse(texts.text(row))
            except UserError:
                continue
            hashes[row] = 0 if isinstance(tree, Number) else hash_tree(tree, self._recipe.hash_salt)
        return hashes

    def _add_keys(self, texts: Texts, hashes: np.ndarray, *, rows: np.ndarray, records: np.ndarray) -> None:
        keys = np.empty(len(rows), KEYS)
        keys["question"], keys["twins"], keys["record"] = text_keys(texts)[rows], hashes[rows], records
        self.tally.keys.append(keys)


def _are_equal(one: Texts, other: Texts) -> np.ndarray:
    """Returns which texts are equal, bool (n,)."""
    is_equal = np.ones(one.num_texts, bool)
    is_equal[one.differs_at(other)] = False
    return is_equal


def _are_answers(columns: Columns, planned: PlannedSteps) -> np.ndarray:
    """Returns which second lines are the answer of the planned equation, bool (n,)."""
    return text_keys(columns.answer) == text_keys(planned.equations.answer)[planned.equation]


def _ends_right(answers: LineFacts, columns: Columns, planned: PlannedSteps) -> np.ndarray:
    """Returns where a second line is no plain number, or the answer of the equation, bool (n,)."""
    return ~answers.is_number | _are_answers(columns, planned)
