"""Tokens evaluated exactly, all equations of a block side by side.

Each equation has a stack of values and one of operators that wait for their right side, as in Dijkstra's shunting yard;
a step takes the next token of every equation. With a value goes what else can be told of the expression that it is of:

| of a value | for |
| --- | --- |
| the fraction | the answer |
| how strongly its last operator binds; whether brackets stand around it | brackets that are not needed |
| whether it has a finite decimal form by its operators | carries, which are counted below `decimal` divisions only |
| the hash of its tree, the same for commuted twins | the bucket of a `hash` split, and finding twins |

The hash is the one that `eqstream.data.reference.hash_bucket` defines.
"""

import functools
from dataclasses import dataclass

import numpy as np

from eqstream.data.reference import hash_bucket
from eqstream.pipelines.checks.bulk import ratios
from eqstream.pipelines.checks.bulk.ratios import Ratios
from eqstream.pipelines.checks.bulk.tokens import CLOSE, END, MINUS, NUMBER, OPEN, OVER, PLUS, TIMES, Tokens
from eqstream.pipelines.checks.bulk.written_digits import find_digits, measure_carries

_ATOM = 3


@dataclass(frozen=True, kw_only=True)
class Arithmetic:
    """How a space computes: its `division` (`exact` where there is none), and `decimals` of the operands' grid.

    `with_written` says whether `Values.written` is wanted.
    """

    division: str
    decimals: int
    with_written: bool = False


@dataclass(frozen=True, eq=False)
class Values:
    """What n equations come to.

    Attributes:
        answers: exact, before any rounding.
        carries: int64 (n,).
        hashes: of the trees, uint64 (n,).
        is_right: whether the equation is in its one text and everything above is right, bool (n,).
        written: the longest chain of carries, the zero borrows, and a bit for each digit of a quotient, int64 (3, n);
            zeros where they are not wanted.
    """

    answers: Ratios
    carries: np.ndarray
    hashes: np.ndarray
    is_right: np.ndarray
    written: np.ndarray


def evaluate(tokens: Tokens, arithmetic: Arithmetic, salt: str) -> Values:
    """Returns what each equation comes to; one that is not understood is not right.

    Args:
        tokens: of n equations.
        arithmetic: of the space.
        salt: of the hash.
    """
    rows = np.flatnonzero(tokens.is_understood)
    machine = _Machine(tokens, rows, arithmetic, salt)
    machine.run()
    num_texts = len(tokens.first)
    if len(rows) == num_texts:
        return machine.values()
    found, is_right = machine.values(), np.zeros(num_texts, bool)
    is_right[rows] = found.is_right
    answers = Ratios(_spread(found.answers.num, rows, num_texts), np.ones(num_texts, np.int64))
    answers.den[rows] = found.answers.den
    carries, hashes, written = (
        _spread(column, rows, num_texts) for column in (found.carries, found.hashes, found.written)
    )
    return Values(answers, carries, hashes, is_right, written)


def _spread(values: np.ndarray, rows: np.ndarray, num_rows: int) -> np.ndarray:
    result = np.zeros((*values.shape[:-1], num_rows), values.dtype)
    result[..., rows] = values
    return result


class _Machine:
    """The stacks of all equations that are understood, and the steps."""

    def __init__(self, tokens: Tokens, rows: np.ndarray, arithmetic: Arithmetic, salt: str) -> None:
        self._tokens = tokens
        self._arithmetic = arithmetic
        self._first = tokens.first[rows]
        self._counts = tokens.counts[rows]
        self._next_number = tokens.first_number[rows]
        operands = ratios.make_ratios(tokens.steps, np.minimum(tokens.places, 18))
        self._operands = operands
        self._leaves = _hash_numbers(tokens, salt)
        num_rows = len(rows)
        depth = int(self._counts.max(initial=1)) // 2 + 1
        # Places of a stack lie one behind the other for all rows: (depth * num_rows,).
        self._num_rows = num_rows
        self._num = np.zeros(depth * num_rows, np.int64)
        self._den = np.ones(depth * num_rows, np.int64)
        self._hash = np.zeros(depth * num_rows, np.uint64)
        self._strength = np.zeros(depth * num_rows, np.uint8)
        self._is_bracketed = np.zeros(depth * num_rows, bool)
        self._is_decimal = np.ones(depth * num_rows, bool)
        self._waiting = np.zeros((int(self._counts.max(initial=1)) + 1) * num_rows, np.uint8)
        self._num_values = np.zeros(num_rows, np.int64)
        self._num_waiting = np.zeros(num_rows, np.int64)
        self._carries = np.zeros(num_rows, np.int64)
        self._written = np.zeros((3, num_rows), np.int64)
        self._is_right = np.ones(num_rows, bool)

    def values(self) -> Values:
        """Returns what is left on the stacks."""
        end = slice(0, self._num_rows)
        is_right = self._is_right & ~self._is_bracketed[end]
        answers = Ratios(self._num[end], self._den[end])
        return Values(answers, self._carries, mix(self._hash[end]), is_right, self._written)

    def run(self) -> None:
        """Takes all tokens."""
        for place in range(int(self._counts.max(initial=-1)) + 1):
            rows = np.flatnonzero(self._counts >= place)
            kinds = self._tokens.kinds[self._first[rows] + place]
            self._push_numbers(rows[kinds == NUMBER])
            self._wait(rows[kinds == OPEN], np.uint8(OPEN))
            is_end = (kinds != NUMBER) & (kinds != OPEN)
            rows, kinds = rows[is_end], kinds[is_end]
            self._apply_waiting(rows, _binding()[kinds])
            self._close(rows[kinds == CLOSE])
            is_operator = (kinds >= PLUS) & (kinds <= OVER)
            self._wait(rows[is_operator], kinds[is_operator])

    def _push_numbers(self, rows: np.ndarray) -> None:
        if len(rows) == 0:
            return
        numbers = self._next_number[rows]
        places = self._num_values[rows] * self._num_rows + rows
        self._num[places], self._den[places] = self._operands.num[numbers], self._operands.den[numbers]
        self._hash[places] = self._leaves[numbers]
        self._strength[places] = _ATOM
        self._is_bracketed[places] = False
        self._is_decimal[places] = True
        self._next_number[rows] += 1
        self._num_values[rows] += 1

    def _wait(self, rows: np.ndarray, kinds: np.ndarray | np.uint8) -> None:
        if len(rows):
            self._waiting[self._num_waiting[rows] * self._num_rows + rows] = kinds
            self._num_waiting[rows] += 1

    def _close(self, rows: np.ndarray) -> None:
        if len(rows) == 0:
            return
        self._num_waiting[rows] -= 1
        places = (self._num_values[rows] - 1) * self._num_rows + rows
        is_needless = self._is_bracketed[places] | (self._strength[places] == _ATOM)
        self._is_right[rows[is_needless]] = False
        self._is_bracketed[places] = True

    def _apply_waiting(self, rows: np.ndarray, bindings: np.ndarray) -> None:
        """Applies the operators on top that bind at least as strongly as the token that comes now."""
        while len(rows):
            num_waiting = self._num_waiting[rows]
            last = np.where(
                num_waiting > 0, self._waiting[np.maximum(num_waiting - 1, 0) * self._num_rows + rows], OPEN
            )
            is_due = _binding()[last] >= bindings
            rows, bindings, last = rows[is_due], bindings[is_due], last[is_due]
            if len(rows):
                self._apply(rows, last)

    def _apply(self, rows: np.ndarray, operators: np.ndarray) -> None:
        self._num_waiting[rows] -= 1
        self._num_values[rows] -= 1
        right = self._num_values[rows] * self._num_rows + rows
        left = right - self._num_rows
        self._check_brackets(rows, left, right, _binding()[operators])
        self._hash[left] = _join_hashes(self._hash[left], self._hash[right], operators)
        for operator in (PLUS, MINUS, TIMES, OVER):
            is_this = operators == operator
            if is_this.all():
                self._compute(operator, rows, left, right)
            elif is_this.any():
                self._compute(operator, rows[is_this], left[is_this], right[is_this])
        self._strength[left] = _binding()[operators]
        self._is_bracketed[left] = False

    def _check_brackets(self, rows: np.ndarray, left: np.ndarray, right: np.ndarray, binding: np.ndarray) -> None:
        """Finds brackets that are not needed; those that are missing would have made another tree."""
        is_needless = self._is_bracketed[left] & (self._strength[left] >= binding)
        is_needless |= self._is_bracketed[right] & (self._strength[right] > binding)
        if is_needless.any():
            self._is_right[rows[is_needless]] = False

    def _compute(self, operator: int, rows: np.ndarray, left: np.ndarray, right: np.ndarray) -> None:
        first, second = Ratios(self._num[left], self._den[left]), Ratios(self._num[right], self._den[right])
        is_decimal = self._is_decimal[left] & self._is_decimal[right]
        if operator in (PLUS, MINUS):
            second = second if operator == PLUS else ratios.negate(second)
            result, is_right = ratios.add(first, second)
            carries, is_counted = ratios.count_carries(first, second)
            self._carries[rows] += np.where(is_decimal, carries, 0)
            is_right &= is_counted | ~is_decimal
            if self._arithmetic.with_written:
                self._note_carries(rows[is_decimal], first.take(is_decimal), second.take(is_decimal))
        elif operator == TIMES:
            result, is_right = ratios.multiply(first, second)
        else:
            result, is_right = self._divide(first, second)
            is_decimal &= self._arithmetic.division in ("exact", "quotient")
            if self._arithmetic.with_written:
                self._written[2, rows] |= find_digits(result.num)
        self._num[left], self._den[left] = result
        self._is_decimal[left] = is_decimal
        if not is_right.all():
            self._is_right[rows[~is_right]] = False

    def _note_carries(self, rows: np.ndarray, first: Ratios, second: Ratios) -> None:
        chains, zeros = measure_carries(*ratios.align(first, second)[:2], (first.num < 0) == (second.num < 0))
        self._written[0, rows] = np.maximum(self._written[0, rows], chains)
        self._written[1, rows] += zeros

    def _divide(self, first: Ratios, second: Ratios) -> tuple[Ratios, np.ndarray]:
        if self._arithmetic.division == "quotient":
            return ratios.divide_to_floor(first, second)
        result, is_right = ratios.divide(first, second)
        if self._arithmetic.division == "exact":
            is_right &= 10**self._arithmetic.decimals % result.den == 0
        return result, is_right


@functools.cache
def _binding() -> np.ndarray:
    """Returns how strongly each kind of token binds, uint8 (8,); an open bracket ends every expression before it."""
    binding = np.ones(8, np.uint8)
    binding[[PLUS, MINUS]], binding[[TIMES, OVER]], binding[OPEN] = 1, 2, 0
    binding[[CLOSE, END]] = 1
    return binding


def _hash_numbers(tokens: Tokens, salt: str) -> np.ndarray:
    """Returns the hash of each operand, uint64 (num_numbers,)."""
    seed = np.uint64(hash_bucket.salt_seed(salt))
    states = mix(tokens.places.astype(np.uint64) ^ seed) if tokens.places.any() else mix(np.array([seed]))
    return mix(states + tokens.steps.astype(np.uint64) * np.uint64(hash_bucket.MIX_A))


def _join_hashes(left: np.ndarray, right: np.ndarray, operators: np.ndarray) -> np.ndarray:
    is_ordered = (operators == MINUS) | (operators == OVER)
    if is_ordered.any():
        right = np.where(is_ordered, mix(right), right)
    return mix((left + right) ^ _codes()[operators])


@functools.cache
def _codes() -> np.ndarray:
    """Returns the code of each kind of operator, uint64 (8,)."""
    return np.array([hash_bucket.OPERATOR_CODES.get("??+-*/??"[kind], 0) for kind in range(8)], np.uint64)


def mix(values: np.ndarray) -> np.ndarray:
    """Returns the numbers, uint64 (n,), scrambled one to one, as `hash_bucket` says."""
    values = (values ^ values >> np.uint64(30)) * np.uint64(hash_bucket.MIX_A)
    values = (values ^ values >> np.uint64(27)) * np.uint64(hash_bucket.MIX_B)
    return values ^ values >> np.uint64(31)
