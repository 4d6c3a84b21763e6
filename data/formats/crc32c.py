"""CRC-32C of many short byte strings at once, from tables.

A CRC is affine over GF(2): the checksum of a string is a constant for its length, XOR one term for each part of it, and
the term of a part depends on the part and on the number of bytes behind it alone. So a part that is drawn from a table
contributes one look-up (compare Intel's and zlib's `crc32_combine`; polynomial of Castagnoli, 1993).
"""

import functools

import numpy as np

_POLYNOMIAL = 0x82F63B78
_MASK_DELTA = 0xA282EAD8
_LOW_BYTE = np.uint32(0xFF)
_BYTE = np.uint32(8)


@functools.cache
def byte_table() -> np.ndarray:
    """Returns the effect of one byte on the register, uint32 (256,)."""
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & np.uint32(1), table >> np.uint32(1) ^ np.uint32(_POLYNOMIAL), table >> np.uint32(1))
    return table


def append_zero(terms: np.ndarray) -> np.ndarray:
    """Returns the terms, uint32 of any shape, with one more byte behind each part."""
    return terms >> _BYTE ^ byte_table()[terms & _LOW_BYTE]


def append_zeros(terms: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Returns the terms, uint32 (n,), with so many more bytes behind each part, (n,)."""
    result, rows = terms.copy(), np.arange(len(terms))
    for done in range(int(numbers.max(initial=0))):
        rows = rows[numbers[rows] > done]
        result[rows] = append_zero(result[rows])
    return result


def terms_of_rows(rows: np.ndarray, lengths: np.ndarray, skip: int = 0) -> np.ndarray:
    """Returns the term of each row with nothing behind it.

    Args:
        rows: byte strings, left-aligned, uint8 (n, width).
        lengths: their lengths, (n,).
        skip: how many bytes at the start of each row do not count.

    Returns:
        uint32 (n,).
    """
    terms = np.zeros(len(rows), dtype=np.uint32)
    for column in range(skip, rows.shape[1]):
        with_byte = terms >> _BYTE ^ byte_table()[(terms ^ rows[:, column]) & _LOW_BYTE]
        terms = np.where(column < lengths, with_byte, terms)
    return terms


def constants(longest: int) -> np.ndarray:
    """Returns the CRC-32C of 0, 1, … `longest` zero bytes, uint32 (longest + 1,)."""
    registers = np.empty(longest + 1, dtype=np.uint32)
    register = np.array([0xFFFFFFFF], dtype=np.uint32)
    for length in range(longest + 1):
        registers[length] = register[0]
        register = append_zero(register)
    return ~registers


def checksum(data: bytes) -> int:
    """Returns the CRC-32C of one string, byte by byte.

    >>> hex(checksum(b"123456789"))
    '0xe3069283'
    """
    table = byte_table().tolist()
    register = 0xFFFFFFFF
    for byte in data:
        register = register >> 8 ^ table[(register ^ byte) & 0xFF]
    return register ^ 0xFFFFFFFF


def mask(checksums: np.ndarray) -> np.ndarray:
    """Returns the checksums, uint32 (n,), as TFRecord stores them: rotated and shifted, modulo 2 ** 32."""
    return (checksums >> np.uint32(15) | checksums << np.uint32(17)) + np.uint32(_MASK_DELTA)
