"""TFRecord shards of `tf.train.Example` to columns: our own layout in bulk, any other by TensorFlow's own reader."""

import numpy as np
import tensorflow as tf

from eqstream.data.dataset.shard_reader import NUMBER_COLUMNS, TEXT_COLUMNS, EquationColumns, ShardFile
from eqstream.data.errors import UserError
from eqstream.data.formats.string_matrix import ByteRows
from eqstream.data.formats.tfrecord_reader import IrregularLayoutError, read_regular_shard

# Large batches: parsing costs a third per record of what it costs in batches of 512.
_RECORDS_PER_PARSE = 16_384


def read_tfrecord_shard(shard: ShardFile) -> EquationColumns:
    """Returns the equations of a TFRecord shard, plain or gzip, whoever wrote it; every checksum is checked.

    Raises:
        UserError: a record is damaged or cut, or is no example with the columns; names shard and record.
    """
    try:
        return read_regular_shard(shard)
    except IrregularLayoutError:
        return parse_tfrecord_shard(shard)


def parse_tfrecord_shard(shard: ShardFile) -> EquationColumns:
    """Returns what `read_tfrecord_shard` returns, by TensorFlow's parser alone, several times as slow."""
    compression = "GZIP" if shard.path.suffix == ".gz" else ""
    records = tf.data.TFRecordDataset(str(shard.path), compression_type=compression, buffer_size=8 << 20)
    features = {name: tf.io.FixedLenFeature([], tf.string) for name in TEXT_COLUMNS}
    features |= {name: tf.io.FixedLenFeature([], tf.int64) for name in NUMBER_COLUMNS}
    parts: list[dict[str, np.ndarray]] = []
    try:
        for batch in records.batch(_RECORDS_PER_PARSE):
            parts.append({name: value.numpy() for name, value in tf.io.parse_example(batch, features).items()})
    except tf.errors.OpError as error:
        raise _locate_fault(shard, records, features, error) from error
    if not parts:
        return EquationColumns(_to_rows([]), _to_rows([]), {name: np.zeros(0, np.int64) for name in NUMBER_COLUMNS})
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    texts = {name: _to_rows(columns[name].tolist()) for name in TEXT_COLUMNS}
    return EquationColumns(**texts, numbers={name: columns[name] for name in NUMBER_COLUMNS})


def _to_rows(texts: list[bytes]) -> ByteRows:
    return ByteRows.from_texts(texts)


def _locate_fault(shard: ShardFile, records: tf.data.Dataset, features: dict, error: Exception) -> UserError:
    """Returns the error that names the first record that cannot be read."""
    record = 0
    try:
        for record, serialized in enumerate(records):  # noqa: B007
            tf.io.parse_single_example(serialized, features)
    except tf.errors.DataLossError:
        # The iterator stopped before it could count the record at fault.
        record = sum(1 for _ in records.ignore_errors())
        return UserError(f"shard {shard.name}, record {record}: {shard.path} is damaged or cut there")
    except tf.errors.InvalidArgumentError as fault:
        return UserError(f"shard {shard.name}, record {record}: {str(fault).splitlines()[0]}")
    return UserError(f"shard {shard.name} cannot be read: {str(error).splitlines()[0]}")
