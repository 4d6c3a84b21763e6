"""The questions of one shard beside those that the recipe plans for it, in their order.

This alone knows where each equation belongs: with true checksums and true sums, the equations of another seed, or one
of them exchanged for an equation that the dataset does not use, are a valid dataset of the same space. What is
expected comes from the writer's own enumeration, as it is the recipe's meaning; that answers are right is checked
without it.

Texts are compared, not files: the bytes of Parquet and gzip depend on the libraries that packed them.
"""

from collections.abc import Iterator

import numpy as np

from eqstream.data.dataset.shard_writer import ShardWriter
from eqstream.data.formats.string_tables import write_joined
from eqstream.data.splits.plan import ShardTask
from eqstream.pipelines.checks.bulk.columns import Texts, join_texts
from eqstream.pipelines.checks.findings import Finding


def plan_questions(writer: ShardWriter, task: ShardTask) -> Iterator[Texts]:
    """Yields the questions of a shard in the order of its records, block by block; deterministic.

    Args:
        writer: of the recipe; writes nothing.
        task: the shard.
    """
    for block in writer.equations.blocks(task):
        data, offsets = write_joined(writer.columns.text.questions(block))
        yield Texts(data, offsets.astype(np.int64))


class PlanComparison:
    """Compares the questions of one shard, block by block, with the planned ones.

    Of many differences the first is described: a shard of another plan differs everywhere.

    Args:
        planned: the questions in the order of the plan.
    """

    def __init__(self, planned: Iterator[Texts]) -> None:
        self._planned = planned
        self._pending = Texts(np.zeros(0, np.uint8), np.zeros(1, np.int64))
        self._num_records = 0
        self._num_differences = 0
        # Number, question and planned question of the first record that differs.
        self._first: tuple[int, str, str | None] | None = None

    def compare(self, questions: Texts) -> None:
        """Takes the questions of the next records."""
        planned = self._take(questions.num_texts)
        differences = questions.rows(0, planned.num_texts).differs_at(planned).tolist()
        differences += range(planned.num_texts, questions.num_texts)
        if differences and self._first is None:
            row = differences[0]
            expected = planned.text(row) if row < planned.num_texts else None
            self._first = self._num_records + row, questions.text(row), expected
        self._num_differences += len(differences)
        self._num_records += questions.num_texts

    def finish(self, shard: str, paths: tuple[str, ...], *, is_whole: bool) -> Iterator[Finding]:
        """Yields what differs.

        Args:
            shard: its name.
            paths: its files.
            is_whole: whether the shard was read to its end; if not, an early end is no new finding.
        """
        if self._first is not None:
            number, found, expected = self._first
            wanted = "the recipe plans no such record" if expected is None else f"the recipe plans `{expected}` there"
            yield Finding("plan", shard, f"it is `{found}`, {wanted}", record=number, paths=paths)
        if self._num_differences > 1:
            count = f"{self._num_differences:,} of its {self._num_records:,} records"
            yield Finding("plan", shard, f"{count} are not those of the recipe's plan", paths=paths)
        if is_whole and self._first is None and (missing := self._take(1)).num_texts:
            reason = f"it ends after {self._num_records:,} records, the recipe plans `{missing.text(0)}` next"
            yield Finding("plan", shard, reason, paths=paths)

    def _take(self, count: int) -> Texts:
        """Returns the next planned questions, fewer at the end."""
        parts = [self._pending]
        while sum(part.num_texts for part in parts) < count and (following := next(self._planned, None)) is not None:
            parts.append(following)
        planned = join_texts(parts) if len(parts) > 1 else parts[0]
        self._pending = planned.rows(min(count, planned.num_texts), planned.num_texts)
        return planned.rows(0, min(count, planned.num_texts))
