"""Leading zeros and spaces of equations, put in and taken out of many texts at once."""

import numpy as np

from eqstream.data.formats.string_matrix import ByteRows


def add_zeros(rows: ByteRows, num_digits: int) -> ByteRows:
    """Returns the texts with each number's integer part filled up to `num_digits` digits.

    >>> add_zeros(ByteRows.from_texts(["7+-31.5"]), 3).to_texts()
    ['007+-031.5']
    """
    missing = np.maximum(num_digits - digits_from_here(rows.matrix), 0)
    return rows.insert(np.where(is_number_start(rows.matrix), missing, 0), "0")


def strip_zeros(rows: ByteRows) -> ByteRows:
    """Returns the texts without the leading zeros of their numbers; the inverse of `add_zeros`.

    >>> strip_zeros(ByteRows.from_texts(["007+-031.50", "000"])).to_texts()
    ['7+-31.50', '0']
    """
    matrix, is_leading = rows.matrix, is_number_start(rows.matrix)
    is_dropped = np.zeros(matrix.shape, bool)
    for column in range(matrix.shape[1] - 1):
        # A zero goes only if a digit follows: `000` becomes `0`.
        is_next_digit = is_digit(matrix[:, column + 1])
        is_dropped[:, column] = is_leading[:, column] & (matrix[:, column] == ord("0")) & is_next_digit
        is_leading[:, column + 1] |= is_dropped[:, column]
    return rows.keep(~is_dropped)


def add_spaces(rows: ByteRows) -> ByteRows:
    """Returns the texts with a space on both sides of each binary operator.

    >>> add_spaces(ByteRows.from_texts(["(3--5)*2"])).to_texts()
    ['(3 - -5) * 2']
    """
    matrix = rows.matrix
    if matrix.shape[1] == 0:
        return rows
    is_before = is_operator(matrix)
    is_after = np.pad(is_before, ((0, 0), (1, 0)))[:, :-1]
    return rows.insert((is_before | is_after).astype(np.int64), " ")


def fill_up(rows: ByteRows, width: int) -> ByteRows:
    """Returns the texts with spaces before those shorter than `width`; an empty one stays empty.

    >>> fill_up(ByteRows.from_texts(["7", "-31", "12345"]), 4).to_texts()
    ['   7', ' -31', '12345']
    """
    counts = np.zeros(rows.matrix.shape, np.int64)
    counts[:, :1] = np.maximum(width - rows.lengths, 0)[:, None]
    return rows.insert(counts, " ")


def strip_spaces(rows: ByteRows) -> ByteRows:
    """Returns the texts without the spaces before them; the inverse of `fill_up`.

    >>> strip_spaces(ByteRows.from_texts(["   7", " 3 1"])).to_texts()
    ['7', '3 1']
    """
    return rows.keep(~np.logical_and.accumulate(rows.matrix == ord(" "), axis=1))


def is_operator(matrix: np.ndarray) -> np.ndarray:
    """Returns bool like `matrix`, of texts without spaces: the binary operators, not the signs of numbers."""
    before = np.pad(matrix, ((0, 0), (1, 0)))[:, :-1]
    # An operator follows a number or a closing bracket; any other minus is the sign of a number.
    return np.isin(matrix, np.frombuffer(b"+-*/", np.uint8)) & (is_digit(before) | (before == ord(")")))


def is_digit(matrix: np.ndarray) -> np.ndarray:
    """Returns bool like `matrix`: the decimal digits."""
    return (matrix >= ord("0")) & (matrix <= ord("9"))


def digits_from_here(matrix: np.ndarray) -> np.ndarray:
    """Returns int16 like `matrix`: how many digits follow each other from each cell on, itself included."""
    # One row for each column: what lies side by side is counted several times as fast.
    has_digit = is_digit(np.ascontiguousarray(matrix.T))
    runs = np.zeros((len(has_digit) + 1, len(matrix)), np.int16)
    for column in reversed(range(len(has_digit))):
        np.multiply(runs[column + 1] + 1, has_digit[column], out=runs[column], casting="unsafe")
    return runs[:-1].T


def is_number_start(matrix: np.ndarray) -> np.ndarray:
    """Returns bool like `matrix`: the first digit of each number; digits after a decimal point start none."""
    is_start = is_digit(matrix)
    goes_on = is_start | (matrix == ord("."))
    is_start[:, 1:] &= ~goes_on[:, :-1]
    return is_start
