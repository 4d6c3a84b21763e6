"""The equations of a split as columns, read from the shards that a manifest lists.

| column | type |
| --- | --- |
| `question`, `answer` | `ByteRows`, natural text |
| `terms`, `digits`, `carries` | int64 (num_equations,) |
"""

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from eqstream.data.dataset.manifest import Manifest
from eqstream.data.errors import UserError
from eqstream.data.formats.string_matrix import ByteRows

TEXT_COLUMNS = ("question", "answer")
NUMBER_COLUMNS = ("terms", "digits", "carries")


@dataclass(frozen=True, eq=False)
class EquationColumns:
    """Equations, column by column; see the table of the module."""

    question: ByteRows
    answer: ByteRows
    numbers: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.question)

    @classmethod
    def join(cls, parts: "Sequence[EquationColumns]") -> "EquationColumns":
        """Returns the equations of all parts, one part behind the other; numbers of any integers become int64."""
        empty = np.zeros(0, np.int64)
        numbers = {name: np.concatenate([empty, *(part.numbers[name] for part in parts)]) for name in NUMBER_COLUMNS}
        texts = {name: ByteRows.join([getattr(part, name) for part in parts]) for name in TEXT_COLUMNS}
        return cls(**texts, numbers=numbers)


@dataclass(frozen=True, kw_only=True)
class ShardFile:
    """One shard in one format, and what the manifest says of it."""

    name: str
    path: Path
    num_equations: int
    num_bytes: int
    sha256: str


def choose_format(manifest: Manifest, wanted: str | None = None) -> str:
    """Returns the format to read: `wanted` if the dataset has it, by default Parquet before TFRecord.

    Raises:
        UserError: the dataset is not stored in the format that is wanted.
    """
    if wanted is not None and wanted not in manifest.formats:
        raise UserError(f"the dataset is not stored as {wanted}, only as {', '.join(sorted(manifest.formats))}")
    return wanted or ("parquet" if "parquet" in manifest.formats else "tfrecord")


def split_shards(directory: str | Path, manifest: Manifest, split: str, storage: str) -> list[ShardFile]:
    """Returns the shards of a split in the order of their numbers.

    Raises:
        UserError: there is no such split.
    """
    return [
        ShardFile(
            name=shard.shard,
            path=Path(directory) / shard.files[storage].path,
            num_equations=shard.num_equations,
            num_bytes=shard.files[storage].num_bytes,
            sha256=shard.files[storage].sha256,
        )
        for shard in manifest.split(split).shards
    ]


def read_shard(
    shard: ShardFile, read: Callable[[ShardFile], EquationColumns], *, check_sha256: bool = True
) -> EquationColumns:
    """Returns the equations of a shard, checked against the manifest.

    The number of equations is checked always; the SHA-256 of the file last, so that a reader that can name the
    record at fault does so first.

    Raises:
        UserError: the shard is missing, of another size, damaged or foreign; names it.
    """
    if not shard.path.is_file():
        raise UserError(f"shard {shard.name} is missing: there is no file {shard.path}")
    with ThreadPoolExecutor(1) as pool:
        # Hashing needs neither Python's lock nor what is read.
        digest = pool.submit(_digest, shard.path) if check_sha256 else None
        columns = read(shard)
    if len(columns) != shard.num_equations:
        raise UserError(
            f"shard {shard.name} holds {len(columns)} records, the manifest says {shard.num_equations}: "
            f"{shard.path} was cut or replaced"
        )
    if shard.path.stat().st_size != shard.num_bytes:
        raise UserError(
            f"shard {shard.name} has {shard.path.stat().st_size} bytes, the manifest says {shard.num_bytes}: "
            f"{shard.path} was changed or replaced"
        )
    if digest is not None and digest.result() != shard.sha256:
        raise UserError(
            f"shard {shard.name} is not the one of the manifest: {shard.path} has SHA-256 {digest.result()[:12]}…, "
            f"the manifest says {shard.sha256[:12]}…"
        )
    return columns


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_parquet_shard(shard: ShardFile) -> EquationColumns:
    """Returns the equations of a Parquet shard.

    Raises:
        UserError: the file is damaged or lacks a column.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(shard.path, columns=[*TEXT_COLUMNS, *NUMBER_COLUMNS], page_checksum_verification=True)
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"shard {shard.name} cannot be read as Parquet: {_first_line(error)}") from error
    for name in (*TEXT_COLUMNS, *NUMBER_COLUMNS):
        if name not in table.column_names:
            raise UserError(f"shard {shard.name} lacks the column `{name}`")
        if table[name].null_count:
            row = table[name].is_null().index(True).as_py()
            raise UserError(f"shard {shard.name}, record {row}: `{name}` is null")
    texts = {name: _column_rows(table[name]) for name in TEXT_COLUMNS}
    numbers = {name: table[name].to_numpy().astype(np.int64, copy=False) for name in NUMBER_COLUMNS}
    return EquationColumns(**texts, numbers=numbers)


def _column_rows(column) -> ByteRows:
    import pyarrow as pa

    array = column.cast(pa.large_binary()).combine_chunks()
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], pa.large_binary())
    _, offset_buffer, value_buffer = array.buffers()
    offsets = np.frombuffer(offset_buffer, np.int64)[array.offset : array.offset + len(array) + 1]
    values = np.frombuffer(value_buffer, np.uint8) if value_buffer is not None else np.zeros(0, np.uint8)
    return ByteRows.from_offsets(values, offsets)


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0] or type(error).__name__
