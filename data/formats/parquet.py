"""Parquet shards: blocks of equations to columns in bulk.

| column | type |
| --- | --- |
| `answer` | string |
| `carries` | int64 |
| `digits` | int64 |
| `question` | string |
| `terms` | int64 |

Compressed by zstd. A block of equations becomes a row group, until a group has `ROW_GROUP` rows.
"""

from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from eqstream.data.formats.string_tables import Piece, write_joined
from eqstream.data.formats.text_encoder import TextEncoder
from eqstream.data.space.equation_block import EquationBlock

SCHEMA = pa.schema(
    [
        pa.field("answer", pa.string(), nullable=False),
        pa.field("carries", pa.int64(), nullable=False),
        pa.field("digits", pa.int64(), nullable=False),
        pa.field("question", pa.string(), nullable=False),
        pa.field("terms", pa.int64(), nullable=False),
    ]
)
ROW_GROUP = 1 << 17
ZSTD_LEVEL = 1


class ParquetEncoder:
    """Encodes blocks of equations of one space.

    Args:
        text: the encoder of their text.
        shapes_to_terms: number of operands of each shape, (shapes,).
    """

    def __init__(self, text: TextEncoder, shapes_to_terms: np.ndarray) -> None:
        self._text = text
        self._shapes_to_terms = shapes_to_terms

    def encode(self, block: EquationBlock) -> pa.RecordBatch:
        """Returns the rows of a block."""
        columns = [
            _string_array(self._text.answers(block)),
            _int64_array(block.carries),
            _int64_array(block.digits),
            _string_array(self._text.questions(block)),
            _int64_array(self._shapes_to_terms.take(block.shapes)),
        ]
        return pa.RecordBatch.from_arrays(columns, schema=SCHEMA)


class ParquetSink:
    """Writes encoded blocks to one file, as row groups of about `ROW_GROUP` rows; close it to complete the file.

    Args:
        file: an open binary file; only its `write` is used.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._writer = pq.ParquetWriter(
            pa.PythonFile(file, mode="w"),
            SCHEMA,
            compression="zstd",
            compression_level=ZSTD_LEVEL,
            # Texts are nearly all different: a dictionary would be built and thrown away again.
            use_dictionary=["carries", "digits", "terms"],
            write_statistics=["carries", "digits", "terms"],
        )
        self._pending: list[pa.RecordBatch] = []

    def write(self, batch: pa.RecordBatch) -> None:
        """Takes the rows of one block."""
        self._pending.append(batch)
        if sum(len(pending) for pending in self._pending) >= ROW_GROUP:
            self._flush()

    def close(self) -> None:
        """Writes what is left and the footer."""
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if self._pending:
            table = pa.Table.from_batches(self._pending)
            self._writer.write_table(table, row_group_size=len(table))
            self._pending = []


def _int64_array(values: np.ndarray) -> pa.Int64Array:
    # `pa.array` would import pandas, if there is one, just to see whether this is something of its own.
    return pa.Int64Array.from_buffers(pa.int64(), len(values), [None, pa.py_buffer(np.ascontiguousarray(values))])


def _string_array(pieces: list[Piece]) -> pa.StringArray:
    data, offsets = write_joined(pieces)
    return pa.StringArray.from_buffers(len(offsets) - 1, pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(data))
