"""The questions of one shard beside those that the recipe plans for it, in their order.

This alone knows where each equation belongs: with true checksums and true sums, the equations of another seed, or one
of them exchanged for an equation that the dataset does not use, are a sound dataset of the same space. What is
expected comes from the writer's own walk, as it is the recipe's meaning; that answers are right is for
`eqstream.pipelines.checks.split_membership`.

Texts are compared, not files: the bytes of Parquet and gzip depend on the libraries that packed them, and a payload of
TFRecord is compared with the texts by `eqstream.pipelines.checks.shard_records`.
"""

import itertools
from collections.abc import Iterator, Sequence

from eqstream.data.dataset.shard_writer import ShardWriter
from eqstream.data.formats.string_tables import write_joined
from eqstream.data.splits.plan import ShardTask
from eqstream.pipelines.checks.findings import FaultList


def plan_questions(writer: ShardWriter, task: ShardTask) -> Iterator[str]:
    """Yields the questions of a shard in the order of its records; deterministic.

    Args:
        writer: of the recipe; writes nothing.
        task: the shard.
    """
    for block in writer.equations(task):
        buffer, offsets = write_joined(writer.columns.text.questions(block))
        text = buffer.tobytes().decode("ascii")
        edges = offsets.tolist()
        yield from map(text.__getitem__, map(slice, edges[:-1], edges[1:]))


class PlanCheck:
    """Compares the questions of one shard, block by block, with the planned ones.

    Of many differences the first is described: a shard of another plan differs everywhere.

    Args:
        shard: its name.
        planned: the questions in the order of the plan.
    """

    def __init__(self, shard: str, planned: Iterator[str]) -> None:
        self._shard = shard
        self._planned = planned
        self._num_records = 0
        self._num_differences = 0
        # Number, question and planned question of the first record that differs.
        self._first: tuple[int, str, str | None] | None = None

    def compare(self, questions: Sequence[str]) -> None:
        """Takes the questions of the next records."""
        planned = list(itertools.islice(self._planned, len(questions)))
        if planned != questions:
            pairs = itertools.zip_longest(questions, planned)
            differences = [number for number, (found, expected) in enumerate(pairs) if found != expected]
            self._num_differences += len(differences)
            if self._first is None:
                place = differences[0]
                expected = planned[place] if place < len(planned) else None
                self._first = self._num_records + place, questions[place], expected
        self._num_records += len(questions)

    def finish(self, faults: FaultList, *, is_whole: bool) -> None:
        """Adds what differs.

        Args:
            faults: is added to.
            is_whole: whether the shard was read to its end; if not, an early end is no new fault.
        """
        if self._first is not None:
            number, found, expected = self._first
            wanted = "the recipe plans no such record" if expected is None else f"the recipe plans `{expected}` there"
            faults.add("plan", self._shard, f"it is `{found}`, {wanted}", number)
        if self._num_differences > 1:
            reason = f"{self._num_differences} of its {self._num_records} records are not those of the recipe's plan"
            faults.add("plan", self._shard, reason)
        if is_whole and self._first is None and (missing := next(self._planned, None)) is not None:
            reason = f"it ends after {self._num_records} records, the recipe plans `{missing}` next"
            faults.add("plan", self._shard, reason)
