"""Examples to `tf.data` batches, any of which can be the first.

| key of a batch | shape, dtype |
| --- | --- |
| `question` | int32 (batch, question_width): tokens, see `eqstream.data.loading.codec`; or string (batch,) |
| `answer` | int32 (batch, answer_width): tokens with the end token; or string (batch,) |
| `terms`, `digits`, `carries`, if asked for | int32 (batch,) |
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from eqstream.data.formats.string_matrix import ByteRows
from eqstream.data.loading.batch_plan import BatchPlan
from eqstream.data.loading.example_source import ExampleSource
from eqstream.data.loading.token_table import TokenTable

_RUNS_AHEAD = 2


def make_batches(
    source: ExampleSource,
    plan: BatchPlan,
    next_range: Callable[[], tuple[int, int | None]],
    *,
    columns: Sequence[str] = (),
    num_batches: int | None = None,
) -> tf.data.Dataset:
    """Returns batches of a source; see the table of the module for their form.

    The options of the stream, and so of what is put behind it, have tf.data's autotuning off: there is nothing to tune.

    Args:
        source: of the examples.
        plan: the positions of each batch. If all of them have one size, the batch dimension is static.
        next_range: called at the beginning of each iteration; returns the first batch and the one after the last,
            counted through all epochs, or None for batches without end.
        columns: which of `terms`, `digits`, `carries` a batch has besides `question` and `answer`.
        num_batches: in each iteration, if that is known; `tf.data.INFINITE_CARDINALITY` without end.
    """
    stream = tf.data.Dataset.from_generator(
        lambda: _read(source, plan, next_range, columns), output_signature=_signature(source, plan, columns)
    )
    # Whole runs wait, not batches: what hands over a batch costs more than what is in it.
    stream = stream.prefetch(_RUNS_AHEAD).flat_map(_to_batches)
    if num_batches is not None:
        stream = stream.apply(tf.data.experimental.assert_cardinality(num_batches))
    return stream.with_options(_without_tuning())


def make_endless_batches(
    source: ExampleSource, plan: BatchPlan, first_batch: int = 0, *, columns: Sequence[str] = ()
) -> tf.data.Dataset:
    """Returns the batches of a source from `first_batch` on, counted through all epochs; see `make_batches`."""
    (start, _) = next(plan.list_epochs(None, first_batch))
    return make_batches(source, plan, lambda: (start, None), columns=columns, num_batches=tf.data.INFINITE_CARDINALITY)


def to_pairs(stream: tf.data.Dataset) -> tf.data.Dataset:
    """Returns batches as (question, answer), which Keras takes for input and target."""

    # Nothing in it depends on values, and converting it would leave files in the system's temporary directory.
    @tf.autograph.experimental.do_not_convert
    def pair(batch: dict[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        return batch["question"], batch["answer"]

    return stream.map(pair)


def _read(
    source: ExampleSource, plan: BatchPlan, next_range: Callable[[], tuple[int, int | None]], columns: Sequence[str]
) -> Iterator[dict[str, np.ndarray]]:
    """Yields arrays (num_batches, batch, …), each of batches of one size."""
    waiting: deque[int] = deque()

    def list_positions() -> Iterator[np.ndarray]:
        for run in plan.runs(*next_range()):
            waiting.append(run.num_batches)
            yield run.positions

    for table in source.read(list_positions(), columns=columns, reader=plan.reader):
        arrays = _to_texts(table) if source.encoder.is_text else table.columns()
        num_batches = waiting.popleft()
        yield {name: _fold(values, num_batches) for name, values in arrays.items()}


@tf.autograph.experimental.do_not_convert
def _to_batches(run: Any) -> tf.data.Dataset:
    """Returns the batches of a run, tensors by name; tokens become int32 here, which needs no lock of Python's."""
    wide: Any = {
        name: tf.cast(values, tf.int32) if values.dtype == tf.uint8 else values for name, values in run.items()
    }
    # Slices share the memory of a run, where `unbatch` would copy them.
    return tf.data.Dataset.from_tensor_slices(wide)


def _to_texts(table: TokenTable) -> dict[str, np.ndarray]:
    """Returns the columns of a table of texts, these as byte strings (num_examples,)."""
    questions, answers = (
        ByteRows(rows, np.zeros(len(rows), np.int64)).to_bytes() for rows in (table.questions, table.answers)
    )
    return {"question": questions, "answer": answers, **table.numbers}


def _fold(values: np.ndarray, num_batches: int) -> np.ndarray:
    """Returns values (num_examples, …) as TensorFlow takes them, in batches (num_batches, batch, …)."""
    folded = values.reshape(num_batches, len(values) // num_batches, *values.shape[1:])
    return folded.astype(object) if values.dtype.kind == "S" else folded


def _signature(source: ExampleSource, plan: BatchPlan, columns: Sequence[str]) -> dict[str, tf.TensorSpec]:
    shape = [None, plan.static_size]
    numbers = {name: tf.TensorSpec(shape, tf.int32) for name in columns}
    if source.encoder.is_text:
        return {name: tf.TensorSpec(shape, tf.string) for name in ("question", "answer")} | numbers
    widths = source.encoder.widths
    return {name: tf.TensorSpec([*shape, width], tf.uint8) for name, width in widths.items()} | numbers


def _without_tuning() -> tf.data.Options:
    """Returns the options of a stream that has nothing to tune; keeping the books for it would cost half the speed."""
    options = tf.data.Options()
    options.autotune.enabled = False
    return options
