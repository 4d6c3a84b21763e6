"""A split of a dataset in memory, as tokens: read once, in bulk, and checked against the manifest.

A byte for each token and twelve for the numbers: 26 MB for a million sums of three digits.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from eqstream.data.dataset.layout import MANIFEST, explain_no_dataset
from eqstream.data.dataset.local_paths import check_file, check_folders
from eqstream.data.dataset.manifest import Manifest, parse_manifest
from eqstream.data.dataset.shard_reader import read_split
from eqstream.data.errors import UserError
from eqstream.data.formats.columns import NUMBER_COLUMNS
from eqstream.data.loading.codec import Codec


@dataclass(frozen=True, eq=False)
class TokenTable:
    """The tokens of a split.

    Attributes:
        questions: uint8 (num_examples, question_width).
        answers: uint8 (num_examples, answer_width).
        numbers: int32 (num_examples,) for each of `terms`, `digits` and `carries`.
    """

    questions: np.ndarray
    answers: np.ndarray
    numbers: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.questions)

    def columns(self) -> dict[str, np.ndarray]:
        """Returns all arrays by the keys that batches have: `question`, `answer` and those of the numbers."""
        return {"question": self.questions, "answer": self.answers, **self.numbers}

    def take(self, indices: np.ndarray) -> "TokenTable":
        """Returns the examples at `indices`, in that order."""
        numbers = {name: values[indices] for name, values in self.numbers.items()}
        return TokenTable(self.questions[indices], self.answers[indices], numbers)


def load_manifest(directory: str | Path) -> Manifest:
    """Returns the manifest of a dataset.

    Raises:
        UserError: the directory is no finished dataset, or of a newer format, or one of its folders is a link.
    """
    path = Path(directory) / MANIFEST
    check_folders(directory)
    check_file(path)
    if not path.exists():
        raise UserError(explain_no_dataset(directory))
    return parse_manifest(path.read_bytes(), str(path))


def load_tokens(
    directory: str | Path,
    split: str,
    codec: Codec,
    *,
    manifest: Manifest | None = None,
    storage: str | None = None,
    check_sha256: bool = True,
) -> TokenTable:
    """Returns the tokens of a split, in the order of its records.

    Args:
        directory: the dataset.
        split: the split's name.
        codec: from text to tokens; must fit the dataset.
        manifest: the dataset's manifest if it has been read already.
        storage: `parquet` or `tfrecord`; None takes what there is. The tokens are the same.
        check_sha256: whether each file's SHA-256 is compared with the manifest. Without it a flipped bit is certain to
            be found in TFRecord alone, whose records have checksums of their own.

    Raises:
        UserError: a shard is missing, short, damaged or foreign (names shard and, where it can be known, record), the
            codec does not fit the dataset, or there is not enough memory.
    """
    manifest = manifest or load_manifest(directory)
    codec.check_dataset(manifest)
    shards = manifest.split(split).shards
    table = _reserve(split, sum(shard.num_equations for shard in shards), codec)
    blocks = read_split(directory, manifest, split, storage=storage, check_sha256=check_sha256)
    start = 0
    for shard, columns in zip(shards, blocks, strict=True):
        rows = slice(start, start + len(columns))
        try:
            table.questions[rows] = codec.encode_questions(columns.question)
            table.answers[rows] = codec.encode_answers(columns.answer)
        except UserError as error:
            raise UserError(f"shard {shard.shard}: {error}") from error
        for name, values in columns.numbers.items():
            table.numbers[name][rows] = values
        start = rows.stop
    return table


def _reserve(split: str, total: int, codec: Codec) -> TokenTable:
    """Returns a table to be filled."""
    try:
        return TokenTable(
            np.empty((total, codec.question_width), np.uint8),
            np.empty((total, codec.answer_width), np.uint8),
            {name: np.empty(total, np.int32) for name in NUMBER_COLUMNS},
        )
    except (MemoryError, ValueError) as error:
        # numpy refuses what is too large for any address with a ValueError.
        width = codec.question_width + codec.answer_width + 4 * len(NUMBER_COLUMNS)
        raise UserError(
            f"split `{split}` does not fit into memory: {total:,} examples take {total * width:,} bytes"
        ) from error
