"""Tables of many rows, worked through some rows at a time.

What is made from a block of equations on the way to its records has a column for each operand, or for each piece of a
text. A block has the same number of rows whatever its equations look like, so that what has more columns than this
bounds is computed for some of the rows, and then for the next ones: the memory for it does not grow with the length of
equations, and most of it stays in the cache.
"""

from collections.abc import Iterator

# Of eight bytes each they are two megabytes.
MOST_CELLS = 1 << 18


def cut_rows(num_rows: int, num_columns: int, most_cells: int | None = None) -> Iterator[slice]:
    """Yields the rows of a table, in order, in slices of at most `most_cells`, or `MOST_CELLS`; at least a row each.

    >>> list(cut_rows(10, MOST_CELLS // 4))
    [slice(0, 4, None), slice(4, 8, None), slice(8, 10, None)]
    """
    size = max((MOST_CELLS if most_cells is None else most_cells) // max(num_columns, 1), 1)
    for start in range(0, num_rows, size):
        yield slice(start, min(start + size, num_rows))
