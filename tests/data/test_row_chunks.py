"""Some rows at a time: none is lost, bytes stay as they are, and memory does not grow with the length of equations."""

import itertools
import tracemalloc

import numpy as np
import pytest

from eqstream.data import row_chunks
from eqstream.data.dataset.shard_writer import ShardWriter
from eqstream.data.formats import tfrecord_writer
from eqstream.data.formats.parquet import encode_parquet
from eqstream.data.row_chunks import cut_rows
from eqstream.data.splits.prepared_sources import PreparedSources
from tests.brute_force import make_recipe, write

NUM_ROWS = 1 << 14


def long_equations(terms: int | dict, operators: str = "+-*", **more) -> dict:
    return {"operands": {"min": 0, "max": 99}, "operators": operators, "terms": terms, "brackets": True, **more}


def peak_beside(make) -> float:
    """The most memory that a call needs for more than what it returns, in bytes a row."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        made = make()
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert made is not None
    assert after > before
    return (peak - after) / NUM_ROWS


def test_each_row_is_in_one_slice_and_no_slice_has_too_many_cells(monkeypatch):
    monkeypatch.setattr(row_chunks, "MOST_CELLS", 12)
    for num_rows, num_columns in itertools.product(range(30), range(15)):
        slices = list(cut_rows(num_rows, num_columns))
        assert [row for some in slices for row in range(num_rows)[some]] == list(range(num_rows))
        for some in slices:
            size = some.stop - some.start
            assert size == 1 or 1 < size * num_columns <= 12 or num_columns == 0
    assert list(cut_rows(7, 3)) == [slice(0, 4), slice(4, 7)]
    assert list(cut_rows(7, 3, 6)) == [slice(0, 2), slice(2, 4), slice(4, 6), slice(6, 7)]


@pytest.mark.parametrize(
    "space",
    [
        long_equations(8),
        long_equations({"min": 3, "max": 5}, "+-*/", division="fraction"),
        {"operands": {"min": -99, "max": 999, "decimals": 2}, "operators": "+*", "terms": 4},
    ],
    ids=str,
)
def test_bytes_do_not_depend_on_how_many_rows_there_are_at_a_time(monkeypatch, space):
    recipe = make_recipe(space, [{"name": "train", "count": 700}])
    whole = write(recipe, ("tfrecord", "parquet"))
    monkeypatch.setattr(row_chunks, "MOST_CELLS", 3000)
    monkeypatch.setattr(tfrecord_writer, "_MOST_BYTES", 12_000)
    assert write(recipe, ("tfrecord", "parquet")).files == whole.files


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_neither_blocks_nor_compression_depend_on_how_many_records_there_are_at_a_time(monkeypatch, compression):
    storage = {"shard_size": 6000, "compression": compression, "formats": ["tfrecord"]}
    recipe = make_recipe({"operands": {"min": 0, "max": 99}}, [{"name": "train", "count": 9000}], storage=storage)
    whole = write(recipe, ("tfrecord",))
    monkeypatch.setattr(tfrecord_writer, "_MOST_BYTES", 100_000)
    parts = write(recipe, ("tfrecord",))
    assert (parts.files, parts.receipts) == (whole.files, whole.receipts)


def test_memory_beside_a_block_is_that_of_some_rows(monkeypatch):
    monkeypatch.setattr(row_chunks, "MOST_CELLS", 1 << 13)
    sources = PreparedSources(make_recipe(long_equations(12), [{"name": "train", "count": NUM_ROWS}]))
    candidates, order = sources.enumeration(0).candidates, sources.enumeration(0).order
    columns = ShardWriter(sources.recipe, sources).columns
    kept = candidates.kept_at(np.arange(NUM_ROWS))
    arranged = {"turn": 0, "low": 0, "high": kept.num_equations, "block_size": NUM_ROWS}
    block = order.arrange(kept.groups, kept.counts, **arranged)
    encoded = columns.encode(block)
    # Twelve numbers of eight bytes are 96 bytes; without chunks each of these has several such tables.
    needed = {
        "classes": peak_beside(lambda: sources.space.twin_rules[12].find_shapes(block.shapes)),
        "members": peak_beside(lambda: order.arrange(kept.groups, kept.counts, **arranged)),
        "text": peak_beside(lambda: columns.encode(block)),
        "rows": peak_beside(lambda: encode_parquet(encoded)),
    }
    assert all(most < 1.5 * 96 for most in needed.values()), needed
