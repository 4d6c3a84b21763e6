"""Blocks: how the records of a split are cut so that readers can begin at any of them."""

import numpy as np

# Block k of a split is its records from k * BLOCK on, in the order of its shards; the last one may be shorter.
BLOCK = 4096


def list_edges(first_record: int, num_records: int) -> np.ndarray:
    """Returns where the blocks cut a shard into pieces.

    Args:
        first_record: number of the shard's first record within its split.
        num_records: records of the shard.

    Returns:
        int64 (num_pieces + 1,), ascending numbers of records within the shard, from 0 to `num_records`.

    >>> list_edges(0, 10_000).tolist()
    [0, 4096, 8192, 10000]
    >>> list_edges(10_000, 4_000).tolist()
    [0, 2288, 4000]
    >>> list_edges(14_000, 0).tolist()
    [0]
    """
    first_cut = -first_record % BLOCK or BLOCK
    return np.unique([0, *range(first_cut, num_records, BLOCK), num_records])
