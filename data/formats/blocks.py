"""Blocks: how the records of a split are cut so that readers can begin at any of them.

What a block has in a file is a piece of it. Pieces follow each other; where each one ends and what its checksum is
stands in the manifest, as a `BlockIndex`.
"""

from dataclasses import dataclass

import google_crc32c
import numpy as np

from eqstream.data.errors import UserError

# Block k of a split is its records from k * BLOCK on, in the order of its shards; the last one may be shorter.
BLOCK = 4096
_MOST_BYTES = 1 << 30


@dataclass(frozen=True)
class Cut:
    """Where the blocks of a split cut one of its shards into pieces.

    Attributes:
        first_record: number of the shard's first record within the split.
        num_records: records of the shard.

    >>> Cut(10_000, 8_000).edges().tolist()
    [0, 2288, 6384, 8000]
    """

    first_record: int
    num_records: int

    @property
    def num_pieces(self) -> int:
        """Into how many pieces."""
        if self.num_records == 0:
            return 0
        return (self.first_record + self.num_records - 1) // BLOCK - self.first_record // BLOCK + 1

    def edge(self, piece: int) -> int:
        """Returns the first record of a piece, counted within the shard; of the piece behind the last one their number.

        Whatever the sizes, this takes no memory.
        """
        start = (self.first_record // BLOCK + piece) * BLOCK - self.first_record
        return min(max(start, 0), self.num_records)

    def edges(self) -> np.ndarray:
        """Returns the edges of all pieces, int64 (num_pieces + 1,)."""
        return np.array([self.edge(piece) for piece in range(self.num_pieces + 1)], np.int64)


@dataclass(frozen=True, kw_only=True)
class BlockIndex:
    """Where the pieces of a file are.

    Attributes:
        num_bytes: of each piece. Of TFRecord these are whole records, counted before compression, and the first piece
            begins with the file. Of Parquet a piece is a row group, and the first one begins at byte 4.
        crc32c: of these bytes of each piece.
        footer_crc32c: of all bytes behind the last row group of a Parquet file; None of TFRecord.
    """

    num_bytes: tuple[int, ...]
    crc32c: tuple[int, ...]
    footer_crc32c: int | None = None

    def __post_init__(self) -> None:
        if len(self.num_bytes) != len(self.crc32c):
            raise UserError(f"`crc32c` must be {len(self.num_bytes)} numbers as `num_bytes`, got {len(self.crc32c)}")
        # Readers reserve memory by them.
        for num_bytes in self.num_bytes:
            if not 0 < num_bytes <= _MOST_BYTES:
                raise UserError(f"`num_bytes` must be from 1 to {_MOST_BYTES}, got {num_bytes}")


class BlockCounter:
    """Counts and checks off the bytes of one piece after the other."""

    def __init__(self) -> None:
        self._num_bytes: list[int] = []
        self._crc32c: list[int] = []
        self.restart()

    def add(self, data: bytes | np.ndarray) -> None:
        """Takes the next bytes of a piece."""
        self._size += len(data)
        self._crc = google_crc32c.extend(self._crc, data)

    def cut(self) -> None:
        """Ends a piece."""
        self._num_bytes.append(self._size)
        self._crc32c.append(self._crc)
        self.restart()

    def index(self, *, has_footer: bool = False) -> BlockIndex:
        """Returns where the pieces are; `has_footer` says that what has been added since the last one is the footer."""
        footer = self._crc if has_footer else None
        return BlockIndex(num_bytes=tuple(self._num_bytes), crc32c=tuple(self._crc32c), footer_crc32c=footer)

    def restart(self) -> None:
        """Forgets what was added since the last piece."""
        self._size = self._crc = 0
