"""Blocks of equations to text, in bulk: questions and answers as pieces of one table of short texts.

Operands of small spaces are drawn together with the operator behind them (``31 + ``). Any other number is written four
digits at a time. Its first group comes from the unpadded texts (``7``), the others from the
padded ones (``0007``), the last groups behind the point from those without trailing zeros (``07`` for 0700). Absent
groups are the empty text.
"""

import numpy as np

from eqstream.data.formats.string_tables import Piece, PieceTable
from eqstream.data.space.equation_block import EquationBlock
from eqstream.data.space.prepared_space import PreparedSpace

_GROUP = 4
_BASE = 10**_GROUP
# More texts of operands with operators than this would leave the fast caches.
_MOST_JOINED = 1 << 14


class TextEncoder:
    """Turns blocks of equations of one space into pieces of text.

    Args:
        space: the space.
    """

    def __init__(self, space: PreparedSpace) -> None:
        recipe, shapes, arithmetic = space.recipe, space.shapes, space.arithmetic
        self._decimals = space.decimals
        self._shapes = shapes
        self._answer_decimals = 0 if space.has_fractions else arithmetic.answer_decimals
        self._operand_bound = space.operand_domain.bound
        self._operand_has_sign = space.has_negative_operands
        self._answer_bound = arithmetic.answer_bound
        self._answer_has_sign = self._operand_has_sign or "-" in recipe.operators
        self._smallest = recipe.operands.min
        self._num_operands = recipe.operands.max - recipe.operands.min + 1
        literals = [shape.literals(recipe.spacing) for shape in shapes]
        behind = {text for texts in literals for text in texts[1:]}
        # Ids have 32 bits, and operands are added to them.
        is_narrow = not self._decimals and self._operand_bound < 1 << 30
        self._is_joined = is_narrow and self._num_operands * len(behind) <= _MOST_JOINED
        self._literals = [self._split_literals(texts) for texts in literals]
        self._build_table(sorted(behind) if self._is_joined else [])
        self._terms = np.array([shape.num_terms for shape in shapes])
        self._literals_by_slot = [self._literal_ids(slot) for slot in range(self._terms.max() + 1)]
        self._joined_by_slot = [self._joined_ids(literals, slot) for slot in range(1, self._terms.max() + 1)]
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
        if not isinstance(block.denominators, int):
            is_whole = (block.denominators == 1).astype(bool)
            parts = self._number_ids(block.denominators, 0, self._answer_bound, has_sign=False)
            columns.append(np.where(is_whole, self._empty, self._id_of["/"]).astype(np.int32))
            columns += [np.where(is_whole, self._empty, part).astype(np.int32) for part in parts]
        return [Piece(self.table, column) for column in columns]

    def _build_table(self, behind: list[str]) -> None:
        """Lists the texts; those that this space has no use for are left out, to keep the table in the cache.

        Args:
            behind: what may stand behind operands that are to be joined with it.
        """
        largest = max(self._operand_bound // 10**self._decimals, self._answer_bound // 10**self._answer_decimals)
        texts = [b""]
        self._empty = 0
        self._unpadded = len(texts)
        texts += [b"%d" % number for number in range(min(largest + 1, _BASE))]
        needs_groups = largest >= _BASE or max(self._decimals, self._answer_decimals) > 0
        self._padded = len(texts)
        texts += [b"%04d" % number for number in range(_BASE)] if needs_groups else []
        self._trimmed = len(texts)
        texts += [(b"%04d" % number).rstrip(b"0") for number in range(_BASE)] if needs_groups else []
        self._joined = {}
        for literal in behind:
            self._joined[literal] = len(texts)
            texts += [b"%d%s" % (self._smallest + place, literal.encode()) for place in range(self._num_operands)]
        literals = sorted({literal for parts in self._literals for part in parts for literal in part} | set("-./"))
        self._id_of = {literal: len(texts) + place for place, literal in enumerate(literals)}
        self.table = PieceTable([*texts, *(literal.encode("ascii") for literal in literals)])

    def _split_literals(self, literals: list[str]) -> list[list[str]]:
        return [[text[start : start + _GROUP] for start in range(0, len(text), _GROUP)] for text in literals]

    def _literal_ids(self, slot: int) -> list[np.ndarray]:
        """Returns the pieces that shapes have behind operand number `slot`, counted from 1, int32 (shapes,) each."""
        parts = [literals[slot] if slot < len(literals) else [] for literals in self._literals]
        columns = []
        for place in range(max(map(len, parts))):
            ids = [self._id_of[part[place]] if place < len(part) else self._empty for part in parts]
            columns.append(np.array(ids, dtype=np.int32))
        return columns

    def _joined_ids(self, literals: list[list[str]], slot: int) -> np.ndarray:
        """Returns what to add to operand number `slot`, counted from 1, to get its text and what stands behind it.

        Shapes without that operand get the empty text, as the operand is then 0. Shape (shapes,).
        """
        if not self._is_joined:
            return np.zeros(0, dtype=np.int32)
        bases = [self._joined[texts[slot]] - self._smallest if slot < len(texts) else self._empty for texts in literals]
        return np.array(bases, dtype=np.int32)

    def _joined_question_ids(self, block: EquationBlock) -> list[np.ndarray]:
        columns = [self._by_shape(literals, block) for literals in self._literals_by_slot[0]]
        for bases, operand in zip(self._joined_by_slot, block.operands, strict=True):
            columns.append(operand.astype(np.int32) + self._by_shape(bases, block))
        return columns

    def _split_question_ids(self, block: EquationBlock) -> list[np.ndarray]:
        columns: list[np.ndarray] = []
        for slot, literals in enumerate(self._literals_by_slot):
            if slot:
                ids = self._number_ids(
                    block.operands[slot - 1],
                    self._decimals,
                    self._operand_bound,
                    has_sign=self._operand_has_sign,
                )
                is_absent = self._by_shape(self._terms, block) < slot
                if is_absent.any():
                    ids = [np.where(is_absent, np.int32(self._empty), part) for part in ids]
                columns += ids
            columns += [self._by_shape(column, block) for column in literals]
        return columns

    def _by_shape(self, values: np.ndarray, block: EquationBlock) -> np.ndarray:
        """Returns the value of each equation's shape, (n,)."""
        return np.broadcast_to(values[0], len(block)) if len(values) == 1 else values.take(block.shapes)

    def _number_ids(self, values: np.ndarray, decimals: int, bound: int, *, has_sign: bool) -> list[np.ndarray]:
        """Returns the pieces of numbers that are given in steps of 10 ** -decimals."""
        columns = []
        if has_sign:
            is_negative = (values < 0).astype(bool)
            columns.append(np.where(is_negative, self._id_of["-"], self._empty).astype(np.int32))
            values = abs(values)
        if not decimals:
            return columns + self._whole_ids(values, bound)
        whole = values // 10**decimals
        return columns + self._whole_ids(whole, bound // 10**decimals) + self._decimal_ids(values, whole, decimals)

    def _whole_ids(self, values: np.ndarray, bound: int) -> list[np.ndarray]:
        if bound < _BASE:
            return [(values + self._unpadded).astype(np.int32)]
        num_groups = -(-len(str(bound)) // _GROUP)
        columns = []
        rest = values
        for place in range(num_groups):
            above = rest // _BASE
            group = (rest - above * _BASE).astype(np.int32)
            is_first = (above == 0).astype(bool)
            ids = np.where(is_first, group + self._unpadded, group + self._padded)
            if place:
                ids = np.where((rest == 0).astype(bool), self._empty, ids)
            columns.append(ids.astype(np.int32))
            rest = above
        return columns[::-1]

    def _decimal_ids(self, values: np.ndarray, whole: np.ndarray, decimals: int) -> list[np.ndarray]:
        num_groups = -(-decimals // _GROUP)
        rest = (values - whole * 10**decimals) * 10 ** (num_groups * _GROUP - decimals)
        columns = [np.where((rest == 0).astype(bool), self._empty, self._id_of["."]).astype(np.int32)]
        for place in reversed(range(num_groups)):
            group = rest // _BASE**place
            rest = rest - group * _BASE**place
            is_last = (rest == 0).astype(bool)
            first = np.where(is_last, self._trimmed, self._padded)
            columns.append((first + group).astype(np.int32))
        return columns

    def _longest_question(self) -> int:
        number = self._longest_number(self._operand_bound, self._decimals) + self._operand_has_sign
        return max(
            sum(len(text) for part in parts for text in part) + number * shape.num_terms
            for parts, shape in zip(self._literals, self._shapes, strict=True)
        )

    def _longest_answer(self, is_fraction: bool) -> int:
        number = self._longest_number(self._answer_bound, self._answer_decimals) + self._answer_has_sign
        return number + 1 + len(str(self._answer_bound)) if is_fraction else number

    def _longest_number(self, bound: int, decimals: int) -> int:
        return len(str(bound // 10**decimals)) + (decimals + 1 if decimals else 0)
