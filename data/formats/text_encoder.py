"""Blocks of equations to text, in bulk: questions and answers as pieces of one table of short texts.

The text between operands is looked up by the number of the literal (`eqstream.data.space.literals`), for equations of
all shapes together.

Operands of small spaces are drawn together with the operator behind them (``31 + ``). Any other number is written four
digits at a time. Its first group comes from the unpadded texts (``7``), the others from the
padded ones (``0007``), the last groups behind the point from those without trailing zeros (``07`` for 0700). Absent
groups are the empty text.
"""

import numpy as np

from eqstream.data.formats.string_tables import Piece, PieceTable
from eqstream.data.space.equation_block import EquationBlock
from eqstream.data.space.literals import ABSENT, NUM_LITERALS, list_literals, literal_text, most_brackets
from eqstream.data.space.prepared_space import PreparedSpace

_GROUP = 4
_BASE = 10**_GROUP
# The id of the empty text: what is multiplied by "is there" becomes it, which is faster than a choice for each row.
_EMPTY = 0
# More are not in one number of 64 bits.
_MOST_NATIVE_DECIMALS = 18
# Literals are cut up into parts of so many characters. What a short text of the table spills over its end, the number
# of terms behind a question and the checksum must cover, which take 20 bytes.
_LONGEST_PART = 16
# More texts of operands with operators than this, or of numbers in one piece, would leave the fast caches.
_MOST_JOINED = 1 << 14
_MOST_LISTED = 1 << 15


class TextEncoder:
    """Turns blocks of equations of one space into pieces of text.

    Args:
        space: the space.
    """

    def __init__(self, space: PreparedSpace) -> None:
        recipe, arithmetic = space.recipe, space.arithmetic
        self._space = space
        self._decimals = space.decimals
        self._answer_decimals = 0 if space.has_fractions else arithmetic.answer_decimals
        self._operand_bound = space.operand_domain.bound
        self._operand_has_sign = space.has_negative_operands
        self._answer_bound = arithmetic.answer_bound
        self._answer_has_sign = self._operand_has_sign or "-" in recipe.operators
        self._smallest = recipe.operands.min
        self._num_operands = recipe.operands.max - recipe.operands.min + 1
        slots = self._literals_of_slots()
        self._literal_texts = {
            literal: literal_text(literal, spacing=recipe.spacing) for literal in sorted(set[int]().union(*slots))
        }
        behind = {self._literal_texts[literal] for literals in slots[1:] for literal in literals - {ABSENT}}
        # Ids have 32 bits, and operands are added to them.
        is_narrow = not self._decimals and self._operand_bound < 1 << 30
        # Before no literal stands the plain text of a number, which is listed anyway.
        self._has_plain_operands = self._smallest >= 0 and self._operand_bound < _BASE
        joined = behind - {""} if self._has_plain_operands else behind
        self._is_joined = is_narrow and self._num_operands * len(joined) <= _MOST_JOINED
        self._build_table(sorted(joined) if self._is_joined else [])
        self._parts_of_slots = [self._literal_ids(literals) for literals in slots]
        self._joined_bases = self._list_joined_bases() if self._is_joined else np.zeros(0, dtype=np.int32)
        self.max_question_length = self._longest_question()
        self.max_answer_length = self._longest_answer(space.has_fractions)

    def questions(self, block: EquationBlock) -> list[Piece]:
        """Returns the pieces of the questions, in reading order; their ids have shape (n,)."""
        columns = self._joined_question_ids(block) if self._is_joined else self._split_question_ids(block)
        return [Piece(self.table, column) for column in columns]

    def answers(self, block: EquationBlock) -> list[Piece]:
        """Returns the pieces of the answers, in reading order; their ids have shape (n,)."""
        columns = self._number_ids(
            block.numerators, self._answer_decimals, self._answer_bound, has_sign=self._answer_has_sign
        )
        if block.denominators is not None:
            is_whole = (block.denominators == 1).astype(bool)
            parts = self._number_ids(block.denominators, 0, self._answer_bound, has_sign=False)
            columns += [~is_whole * part for part in (np.int32(self._id_of["/"]), *parts)]
        return [Piece(self.table, column) for column in columns]

    def _build_table(self, behind: list[str]) -> None:
        """Lists the texts; those that this space has no use for are left out, to keep the table in the cache.

        Args:
            behind: what may stand behind operands that are to be joined with it.
        """
        largest = max(self._operand_bound // 10**self._decimals, self._answer_bound // 10**self._answer_decimals)
        texts = [b""]
        self._unpadded = len(texts)
        self._num_listed = largest + 1 if largest < _MOST_LISTED else _BASE
        texts += [b"%d" % number for number in range(self._num_listed)]
        most_decimals = max(self._decimals, self._answer_decimals)
        needs_groups = largest >= self._num_listed or most_decimals > 0
        self._padded = len(texts)
        texts += [b"%04d" % number for number in range(_BASE)] if needs_groups else []
        self._trimmed = len(texts)
        texts += [(b"%04d" % number).rstrip(b"0") for number in range(_BASE)] if most_decimals else []
        self._joined = {"": self._unpadded + self._smallest} if self._has_plain_operands else {}
        for literal in behind:
            self._joined[literal] = len(texts)
            texts += [b"%d%s" % (self._smallest + place, literal.encode()) for place in range(self._num_operands)]
        literals = sorted({part for text in self._literal_texts.values() for part in _split(text)} | set("-./"))
        self._id_of = {literal: len(texts) + place for place, literal in enumerate(literals)}
        self.table = PieceTable([*texts, *(literal.encode("ascii") for literal in literals)])

    def _literals_of_slots(self) -> list[set[int]]:
        """Returns the literals that can stand in each slot, and perhaps some more."""
        if self._space.shapes.is_listed:
            return [set(np.unique(row).tolist()) for row in self._space.literals.table]
        return [set(list_literals(self._space.recipe))] * (self._space.shapes.max_terms + 1)

    def _literal_ids(self, literals: set[int]) -> np.ndarray:
        """Returns the pieces of each literal that can stand in a slot, int32 (pieces, NUM_LITERALS)."""
        parts = {literal: _split(self._literal_texts[literal]) for literal in literals}
        ids = np.full((max(map(len, parts.values())), NUM_LITERALS), _EMPTY, dtype=np.int32)
        for literal, texts in parts.items():
            for place, text in enumerate(texts):
                ids[place, literal] = self._id_of[text]
        return ids

    def _list_joined_bases(self) -> np.ndarray:
        """Returns what to add to an operand to get its text and the literal behind it, int32 (NUM_LITERALS,).

        Absent operands get the empty text, as they are 0.
        """
        bases = np.full(NUM_LITERALS, _EMPTY, dtype=np.int32)
        for literal, text in self._literal_texts.items():
            if literal != ABSENT and text in self._joined:
                bases[literal] = self._joined[text] - self._smallest
        return bases

    def _joined_question_ids(self, block: EquationBlock) -> list[np.ndarray]:
        first, *others = self._space.literals.of(block.shapes)
        columns = [_look_up(ids, first) for ids in self._parts_of_slots[0]]
        for literals, operand in zip(others, block.operands, strict=True):
            columns.append(operand.astype(np.int32) + _look_up(self._joined_bases, literals))
        return columns

    def _split_question_ids(self, block: EquationBlock) -> list[np.ndarray]:
        columns: list[np.ndarray] = []
        for slot, literals in enumerate(self._space.literals.of(block.shapes)):
            if slot:
                ids = self._number_ids(
                    block.operands[slot - 1],
                    self._decimals,
                    self._operand_bound,
                    has_sign=self._operand_has_sign,
                )
                is_absent = literals == ABSENT
                if is_absent.any():
                    ids = [~is_absent * part for part in ids]
                columns += ids
            columns += [_look_up(ids, literals) for ids in self._parts_of_slots[slot]]
        return columns

    def _number_ids(self, values: np.ndarray, decimals: int, bound: int, *, has_sign: bool) -> list[np.ndarray]:
        """Returns the pieces of numbers that are given in steps of 10 ** -decimals."""
        columns: list[np.ndarray] = []
        if has_sign:
            is_negative = (values < 0).astype(bool)
            columns.append(is_negative * np.int32(self._id_of["-"]))
            values = abs(values)
        if not decimals:
            return columns + self._whole_ids(values, bound)
        if decimals > _MOST_NATIVE_DECIMALS:
            values = values.astype(object)
        whole = values // 10**decimals
        return columns + self._whole_ids(whole, bound // 10**decimals) + self._decimal_ids(values, whole, decimals)

    def _whole_ids(self, values: np.ndarray, bound: int) -> list[np.ndarray]:
        if bound < self._num_listed:
            return [(values + self._unpadded).astype(np.int32)]
        num_groups = -(-len(str(bound)) // _GROUP)
        columns: list[np.ndarray] = []
        rest = values
        for place in range(num_groups):
            above = rest // _BASE
            group = (rest - above * _BASE).astype(np.int32)
            ids = group + self._padded + (above == 0).astype(bool) * np.int32(self._unpadded - self._padded)
            columns.append(ids * (rest != 0).astype(bool) if place else ids)
            rest = above
        return columns[::-1]

    def _decimal_ids(self, values: np.ndarray, whole: np.ndarray, decimals: int) -> list[np.ndarray]:
        rest = values - whole * 10**decimals
        columns = [(rest != 0).astype(bool) * np.int32(self._id_of["."])]
        for behind in range(decimals - _GROUP, -_GROUP, -_GROUP):
            group = rest // 10 ** max(behind, 0)
            rest = rest - group * 10 ** max(behind, 0)
            first = self._padded + (rest == 0).astype(bool) * np.int32(self._trimmed - self._padded)
            columns.append((first + group * 10 ** max(-behind, 0)).astype(np.int32))
        return columns

    def _longest_question(self) -> int:
        number = self._longest_number(self._operand_bound, self._decimals) + self._operand_has_sign
        operator = 3 if self._space.recipe.spacing else 1
        num_terms, num_pairs = self._space.shapes.max_terms, most_brackets(self._space.recipe)[-1]
        return number * num_terms + operator * (num_terms - 1) + 2 * num_pairs

    def _longest_answer(self, is_fraction: bool) -> int:
        number = self._longest_number(self._answer_bound, self._answer_decimals) + self._answer_has_sign
        return number + 1 + len(str(self._answer_bound)) if is_fraction else number

    def _longest_number(self, bound: int, decimals: int) -> int:
        return len(str(bound // 10**decimals)) + (decimals + 1 if decimals else 0)


def _split(text: str) -> list[str]:
    return [text[start : start + _LONGEST_PART] for start in range(0, len(text), _LONGEST_PART)]


def _look_up(values: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Returns the value at each key, (n,); at once where all keys are one, broadcast."""
    if keys.strides == (0,) and len(keys):
        return np.broadcast_to(values[keys[0]], keys.shape)
    return values.take(keys)
