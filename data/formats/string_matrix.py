"""Many short ASCII texts as one byte matrix: the form in which texts are changed in bulk."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from eqstream.data.errors import UserError

# Texts up to this long, which is all that equations usually need, are handled in faster ways.
_SHORT = 255


@dataclass(frozen=True, eq=False)
class ByteRows:
    """Texts of unequal length, one a row.

    Attributes:
        matrix: uint8 (num_texts, width); each row is a text followed by zeros.
        lengths: int64 (num_texts,), the bytes of each text, at most `width`.
    """

    matrix: np.ndarray
    lengths: np.ndarray

    def __len__(self) -> int:
        return len(self.lengths)

    @classmethod
    def from_texts(cls, texts: "Sequence[str] | Sequence[bytes] | np.ndarray") -> "ByteRows":
        """Returns the rows of texts given as strings or bytes.

        Raises:
            UserError: a text is not ASCII or holds a zero byte.
        """
        if len(texts) == 0:
            return cls(np.zeros((0, 0), np.uint8), np.zeros(0, np.int64))
        try:
            packed = np.asarray(texts, dtype=np.bytes_)
        except UnicodeEncodeError as error:
            raise _describe_foreign_text(texts) from error
        matrix = packed.reshape(len(texts), 1).view(np.uint8).reshape(len(texts), packed.dtype.itemsize)
        lengths = np.strings.str_len(packed).astype(np.int64)
        # numpy's byte strings forget zeros at the end, so the total tells whether there were any.
        given = lengths.sum() if isinstance(texts, np.ndarray) and texts.dtype.kind in "SU" else sum(map(len, texts))
        if given != lengths.sum() or np.any((matrix == 0) & (np.arange(matrix.shape[1]) < lengths[:, None])):
            raise UserError("a text holds a zero byte, which no equation has")
        return cls(matrix, lengths)

    @classmethod
    def from_offsets(cls, buffer: np.ndarray, offsets: np.ndarray) -> "ByteRows":
        """Returns the rows ``buffer[offsets[i]:offsets[i + 1]]``, the layout of an Arrow string column.

        Args:
            buffer: uint8 (num_bytes,).
            offsets: integers (num_texts + 1,), ascending, within the buffer.
        """
        offsets = np.asarray(offsets, np.int64)
        return cls.from_places(buffer, offsets[:-1], np.diff(offsets))

    @classmethod
    def from_places(cls, buffer: np.ndarray, places: np.ndarray, lengths: np.ndarray) -> "ByteRows":
        """Returns the rows ``buffer[places[i]:places[i] + lengths[i]]``.

        Args:
            buffer: uint8 (num_bytes,).
            places: int64 (num_texts,).
            lengths: int64 (num_texts,).
        """
        width = int(lengths.max(initial=0))
        if len(places) and places.max() + width > len(buffer):
            buffer = np.append(buffer, np.zeros(width, np.uint8))
        # What follows each text is taken, too, and then deleted: rows of one length are copied much faster.
        matrix = take_rows(buffer, places, width)
        matrix *= _is_inside(lengths, width)
        return cls(matrix, lengths)

    @classmethod
    def merge(cls, parts: "Sequence[tuple[np.ndarray, ByteRows]]", num_texts: int) -> "ByteRows":
        """Returns texts given as parts, each with the rows of its own, int64 (n,); a later part counts."""
        width = max((part.matrix.shape[1] for _, part in parts), default=0)
        matrix, lengths = np.zeros((num_texts, width), np.uint8), np.zeros(num_texts, np.int64)
        for rows, part in parts:
            matrix[rows] = part.padded(width)
            lengths[rows] = part.lengths
        return cls(matrix, lengths)

    @classmethod
    def join(cls, parts: "Sequence[ByteRows]") -> "ByteRows":
        """Returns the texts of all parts, one part behind the other."""
        if len(parts) == 1:
            return parts[0]
        width = max((part.matrix.shape[1] for part in parts), default=0)
        matrix = np.concatenate([np.zeros((0, width), np.uint8), *(part.padded(width) for part in parts)])
        return cls(matrix, np.concatenate([np.zeros(0, np.int64), *(part.lengths for part in parts)]))

    def take(self, rows: slice) -> "ByteRows":
        """Returns the texts of a slice, as views."""
        return ByteRows(self.matrix[rows], self.lengths[rows])

    def to_texts(self) -> list[str]:
        """Returns the texts; the inverse of `from_texts`."""
        return self.to_bytes().astype(np.str_).tolist()

    def to_bytes(self) -> np.ndarray:
        """Returns the texts as numpy's byte strings, (num_texts,)."""
        if self.matrix.shape[1] == 0:
            return np.zeros(len(self), "S1")
        return np.ascontiguousarray(self.matrix).view(f"S{self.matrix.shape[1]}").reshape(-1)

    def text(self, row: int) -> str:
        """Returns one text; bytes that are not ASCII show as escapes."""
        return self.matrix[row, : self.lengths[row]].tobytes().decode("ascii", "backslashreplace")

    def is_inside(self) -> np.ndarray:
        """Returns bool (num_texts, width): which cells belong to a text, not to the zeros after it."""
        return _is_inside(self.lengths, self.matrix.shape[1])

    def keep(self, is_kept: np.ndarray) -> "ByteRows":
        """Returns the texts without the bytes where `is_kept`, bool (num_texts, width), is false."""
        is_kept = is_kept & self.is_inside()
        lengths = _count(is_kept)
        matrix = np.zeros((len(self), int(lengths.max(initial=0))), np.uint8)
        matrix[_is_inside(lengths, matrix.shape[1])] = self.matrix[is_kept]
        return ByteRows(matrix, lengths)

    def without(self, character: str) -> "ByteRows":
        """Returns the texts without a character."""
        # Deleting bytes, the zeros behind texts too, is several times as fast as choosing those to keep.
        characters = np.frombuffer(self.matrix.tobytes().translate(None, b"\0" + character.encode()), np.uint8)
        lengths = self.lengths - _count(self.matrix == ord(character))
        if len(characters) < lengths.sum():
            raise UserError("a text holds a zero byte, which no equation has")
        return ByteRows.from_offsets(characters, np.append(0, np.cumsum(lengths)))

    def translate(self, table: bytes) -> np.ndarray:
        """Returns uint8 like `matrix`, read-only: `table[byte]`, of 256, in place of each byte, zeros included."""
        # Several times as fast as an index into an array, which first becomes eight bytes long.
        return np.frombuffer(self.matrix.tobytes().translate(table), np.uint8).reshape(self.matrix.shape)

    def insert(self, counts: np.ndarray, fill: str) -> "ByteRows":
        """Returns the texts with `counts`, integers (num_texts, width), times `fill` put before each byte."""
        is_inside = self.is_inside()
        # Where each byte ends among the new ones, of all texts one behind the other.
        ends = np.append(0, np.cumsum(counts[is_inside] + 1, dtype=np.int64))
        characters = np.full(ends[-1], ord(fill), np.uint8)
        characters[ends[1:] - 1] = self.matrix[is_inside]
        return ByteRows.from_offsets(characters, ends[np.append(0, np.cumsum(self.lengths))])

    def reverse(self) -> "ByteRows":
        """Returns each text backwards."""
        # All bytes backwards are the texts backwards, the last one first.
        matrix = np.zeros(self.matrix.shape, np.uint8)
        characters = np.asarray(self.matrix[self.is_inside()])
        matrix[_is_inside(self.lengths[::-1], self.matrix.shape[1])] = np.flip(characters)
        return ByteRows(matrix[::-1], self.lengths)

    def padded(self, width: int, *, on_left: bool = False) -> np.ndarray:
        """Returns uint8 (num_texts, `width`) with the zeros after or before the texts.

        `width` must not be below the longest text.
        """
        matrix = np.zeros((len(self), width), np.uint8)
        if on_left:
            cells = np.arange(width) >= (width - self.lengths)[:, None]
            matrix[cells] = self.matrix[self.is_inside()]
        else:
            common = min(width, self.matrix.shape[1])
            matrix[:, :common] = self.matrix[:, :common]
        return matrix


def take_rows(buffer: np.ndarray, places: np.ndarray, width: int) -> np.ndarray:
    """Returns `width` bytes of a buffer, uint8 (num_bytes,), from each place, int64 (n,), on: uint8 (n, width)."""
    if width == 0:
        return np.zeros((len(places), 0), np.uint8)
    rows = np.ndarray((len(buffer) - width + 1,), f"V{width}", buffer=buffer, strides=(1,))[places]
    return rows.view(np.uint8).reshape(len(places), width)


def _is_inside(lengths: np.ndarray, width: int) -> np.ndarray:
    if width > _SHORT:
        return np.arange(width) < lengths[:, None]
    # Rows of a table are copied several times as fast as short rows are compared.
    return _make_insides(width).take(lengths, axis=0)


@lru_cache(maxsize=_SHORT)
def _make_insides(width: int) -> np.ndarray:
    """Returns for each length of a text which of `width` cells are inside it, bool (width + 1, width)."""
    return np.tri(width + 1, width, -1, dtype=bool)


def _count(is_true: np.ndarray) -> np.ndarray:
    """Returns how many cells of each row are true, int64 (num_rows,)."""
    if is_true.shape[1] > _SHORT:
        return is_true.sum(axis=1)
    # `sum` takes its time over rows this short; up to 255 fit a byte.
    return np.einsum("ij->i", is_true.view(np.uint8)).astype(np.int64)


def _describe_foreign_text(texts: Sequence[str] | Sequence[bytes] | np.ndarray) -> UserError:
    for text in texts:
        for position, character in enumerate(str(text)):
            if not character.isascii():
                return UserError(f"`{text}` has the character {character!r} at position {position + 1}, not ASCII")
    return UserError("a text is not ASCII")
