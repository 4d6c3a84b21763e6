"""Lines to text, in bulk: infix, with the fewest brackets.

A text is put together from pieces of one table: before each number its *literal* (`eqstream.data.space.literals`) with
the number's sign, then its digits, four at a time, and in the end a literal of brackets that close. Literals are found
once for each different row of kinds, of which there are few.
"""

import numpy as np

from eqstream.data.formats.string_matrix import ByteRows
from eqstream.data.formats.string_tables import PieceTable
from eqstream.data.solutions.decimal_numbers import POWERS, Decimals
from eqstream.data.solutions.forms import Forms
from eqstream.data.solutions.lines import Lines, has_decimals
from eqstream.data.space.literals import find_literals, literal_number, literal_text, most_brackets
from eqstream.data.space.prepared_space import PreparedSpace
from eqstream.data.space.shapes import OPERAND

_GROUP = 4
_BASE = 10**_GROUP
# What splitting off a digit puts around an operation: `(v + (x - y * v) / y) * z`.
_BRACKETS_OF_A_STEP = 2
_EMPTY = 0


class LineEncoder:
    """Writes lines of the solutions of one space; make it once, as its table takes a while to build.

    Args:
        space: the space.
    """

    def __init__(self, space: PreparedSpace) -> None:
        texts = [b""]
        self._unpadded = len(texts)
        texts += [b"%d" % number for number in range(_BASE)]
        self._padded = len(texts)
        texts += [b"%04d" % number for number in range(_BASE)]
        self._trimmed, self._point = len(texts), len(texts) + _BASE
        texts += [*((b"%04d" % number).rstrip(b"0") for number in range(_BASE)), b"."] if has_decimals(space) else []
        literals = _list_literals(space)
        # The piece of each literal before a number, and before one below 0.
        self._literal_ids = np.full((2, max(literals) + 1), _EMPTY, dtype=np.int32)
        for number, text in literals.items():
            for row, piece in enumerate((text, f"{text}-")):
                if piece:
                    self._literal_ids[row, number] = len(texts)
                    texts.append(piece.encode())
        self._table = PieceTable(texts)

    def encode(self, lines: Lines) -> ByteRows:
        """Returns the texts of n lines."""
        is_slot = lines.kinds == OPERAND
        num_numbers = lines.forms.num_terms
        # A slot for each number, and one for what stands behind the last one.
        is_slot[np.arange(len(lines)), 2 * num_numbers - 1] = True
        places = np.flatnonzero(is_slot)
        is_number = lines.kinds.reshape(-1).take(places) == OPERAND
        found = lines.numbers_at(places)
        numbers = Decimals(found.steps * is_number, found.places)
        literals = _find_literals(lines.forms)
        own_literals = literals[np.arange(literals.shape[1]) <= num_numbers[:, None]]
        own_literals = own_literals + (numbers.steps < 0) * np.int32(self._literal_ids.shape[1])
        columns = [self._literal_ids.reshape(-1).take(own_literals), *self._number_ids(numbers)]
        ids = np.empty((len(places), len(columns)), dtype=np.int32)
        ids[:, 0] = columns[0]
        for place, column in enumerate(columns[1:], start=1):
            np.multiply(column, is_number, out=ids[:, place])
        return self._join(ids, np.cumsum(num_numbers + 1))

    def _number_ids(self, numbers: Decimals) -> list[np.ndarray]:
        """Returns the pieces of numbers without signs, int32 (n,) each; that of a group that is absent is empty."""
        magnitudes = np.abs(numbers.steps)
        if numbers.places is None:
            return self._whole_ids(magnitudes)
        units = POWERS.take(numbers.places)
        wholes = magnitudes // units
        rest = magnitudes - wholes * units
        columns = [(rest > 0) * np.int32(self._point)]
        while rest.any():
            rest = rest * _BASE
            group = rest // units
            rest = rest - group * units
            # The last group has no zeros at its end, as the number is in its shortest form.
            columns.append(
                np.where((group > 0) | (rest > 0), group + np.where(rest > 0, self._padded, self._trimmed), _EMPTY)
            )
        return self._whole_ids(wholes) + columns

    def _whole_ids(self, magnitudes: np.ndarray) -> list[np.ndarray]:
        largest = int(magnitudes.max(initial=0))
        # Numbers of 32 bits are divided several times as fast.
        rest = magnitudes.astype(np.int32) if largest < 1 << 31 else magnitudes
        columns: list[np.ndarray] = []
        while largest >= _BASE:
            above = rest // _BASE
            has_more = above > 0
            is_there = (rest > 0) if columns else True
            ids = rest - above * _BASE + (self._unpadded + has_more * np.int32(self._padded - self._unpadded))
            columns.append((ids * is_there).astype(np.int32, copy=False))
            rest, largest = above, largest // _BASE
        is_there = (rest > 0) if columns else True
        columns.append(((rest + self._unpadded) * is_there).astype(np.int32, copy=False))
        return columns[::-1]

    def _join(self, ids: np.ndarray, last_slots: np.ndarray) -> ByteRows:
        """Returns the texts that pieces make, one behind the other.

        Args:
            ids: of the pieces, int32 (slots, pieces of a slot).
            last_slots: how many slots there are up to the end of each text, int64 (n,).
        """
        is_there = ids != _EMPTY
        pieces = ids[is_there]
        lengths = self._table.lengths.take(pieces)
        ends = np.cumsum(lengths, dtype=np.int64)
        # `sum` takes its time over rows this short.
        num_pieces = np.cumsum(np.einsum("ij->i", is_there.view(np.uint8)), dtype=np.int64)
        offsets = np.zeros(len(last_slots) + 1, dtype=np.int64)
        offsets[1:] = ends[num_pieces[last_slots - 1] - 1]
        buffer = np.empty(int(offsets[-1]) + self._table.width, dtype=np.uint8)
        # Pieces are written one after the other, so that what one spills the next overwrites.
        self._table.write(buffer, ends - lengths, pieces)
        return ByteRows.from_offsets(buffer, offsets)


def _list_literals(space: PreparedSpace) -> dict[int, str]:
    """Returns the texts of all literals that lines can have, and perhaps some more, by their numbers."""
    combines = space.has_division and space.recipe.division in ("decimal", "fraction")
    most = max(most_brackets(space.recipe), default=0) + _BRACKETS_OF_A_STEP * (2 if combines else 1)
    numbers = [
        int(literal_number(closed, operator, opened))
        for closed in range(most + 1)
        for opened in range(most + 1 - closed)
        for operator in range(OPERAND + 1)
    ]
    return {number: literal_text(number, spacing=space.recipe.spacing) for number in numbers}


def _find_literals(forms: Forms) -> np.ndarray:
    """Returns the number of each literal of n lines, uint16 (n, slots); those of slots that are absent mean nothing."""
    most_terms = max((group.num_terms for group in forms.groups), default=0)
    literals = np.zeros((forms.count, most_terms + 1), dtype=np.uint16)
    for group in forms.groups:
        literals[group.forms, : group.num_terms + 1] = find_literals(group.columns).T
    return literals.take(forms.numbers, axis=0)
