import gc
import itertools
import re
import threading
from typing import Any

import numpy as np
import pytest

from eqstream.data.errors import UserError
from eqstream.data.loading.batch_plan import BatchPlan
from eqstream.data.loading.epoch_order import EpochOrder
from eqstream.data.loading.example_encoder import ExampleEncoder
from eqstream.data.loading.split_source import SplitSource, open_split
from eqstream.data.loading.token_table import TokenTable
from tests.covering import cover_values
from tests.data.loading.in_memory import BLOCK_SIZE, CODEC, RECIPE, WINDOW_BLOCKS, BlocksInMemory, make_source

# Three full windows, a part of one, and a shorter block.
NUM_RECORDS = 3 * WINDOW_BLOCKS * BLOCK_SIZE + 2 * BLOCK_SIZE + 3


def records_of(table: TokenTable) -> list[int]:
    return table.numbers["carries"].tolist()


def read(source: SplitSource, plan: BatchPlan, first: int = 0, stop: int | None = None) -> list[list[int]]:
    """Returns the records of each run."""
    stop = 3 * plan.num_batches if stop is None else stop
    runs = [run.positions for run in plan.runs(first, stop)]
    return [records_of(table) for table in source.read(runs, columns=("carries",), reader=plan.reader)]


def expected(num_records: int, epochs: range, seed: int = 0) -> list[int]:
    order = EpochOrder(
        num_records=num_records, seed=seed, block_size=BLOCK_SIZE, window_blocks=WINDOW_BLOCKS, sequential_blocks=2
    )
    return np.concatenate([order.records(epoch, np.arange(num_records)) for epoch in epochs]).tolist()


def flat(lists: list[list[int]]) -> list[int]:
    return list(itertools.chain.from_iterable(lists))


@pytest.mark.parametrize("num_records", [1, 4, BLOCK_SIZE, 30, 31, 64, 90, NUM_RECORDS])
@pytest.mark.parametrize("is_kept", [False, True])
@pytest.mark.parametrize("run_examples", [1, 7, 1000])
def test_examples_come_in_the_order_of_the_epochs(num_records, is_kept, run_examples):
    source = make_source(BlocksInMemory(num_records), seed=4, is_kept=is_kept)
    plan = BatchPlan(num_examples=num_records, batch_size=1, run_examples=run_examples)
    assert flat(read(source, plan)) == expected(num_records, range(3), seed=4)


def test_tables_hold_the_tokens_and_the_numbers_that_were_asked_for():
    source = make_source(BlocksInMemory(NUM_RECORDS))
    positions = np.array([3, 70, NUM_RECORDS + 5, 2 * NUM_RECORDS + 1])
    (table,) = source.read([positions], columns=("carries", "terms"))
    assert set(table.numbers) == {"carries", "terms"}
    records = records_of(table)
    assert CODEC.decode_questions(table.questions) == [f"{record} + 1" for record in records]
    assert CODEC.decode_answers(table.answers) == [str(record + 1) for record in records]
    assert table.numbers["terms"].tolist() == [2] * 4
    (table,) = source.read([positions])
    assert table.numbers == {}
    (table,) = make_source(BlocksInMemory(NUM_RECORDS), is_text=True).read([positions])
    assert table.questions[0].tobytes().rstrip(b"\0") == b"3 + 1"


@cover_values("num_readers, is_kept", [1, 2, 3, 5, 48], [False, True])
def test_parts_of_all_readers_interleave_to_the_batches_of_one(num_readers, is_kept):
    def read_part(reader: int, num_readers: int) -> list[list[int]]:
        plan = BatchPlan(
            num_examples=NUM_RECORDS, batch_size=48, drop_remainder=True, reader=(reader, num_readers), run_examples=9
        )
        runs = list(plan.runs(0, 3 * plan.num_batches))
        tables = make_source(BlocksInMemory(NUM_RECORDS), is_kept=is_kept).read(
            [run.positions for run in runs], columns=("carries",), reader=plan.reader
        )
        parts = [
            np.array(records_of(table)).reshape(run.num_batches, -1) for run, table in zip(runs, tables, strict=True)
        ]
        return [batch.tolist() for part in parts for batch in part]

    whole = read_part(0, 1)
    parts = [read_part(reader, num_readers) for reader in range(num_readers)]
    for number, batch in enumerate(whole):
        start = number % (NUM_RECORDS // 48) * 48
        for reader in range(num_readers):
            assert parts[reader][number] == batch[(reader - start) % num_readers :: num_readers]


@pytest.mark.parametrize("step", [3, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("is_kept", [False, True])
@pytest.mark.parametrize("num_readers", [1, 2, 5])
def test_reading_goes_on_at_any_batch_of_three_epochs(is_kept, num_readers, step):
    plan = BatchPlan(num_examples=NUM_RECORDS, batch_size=10, reader=(num_readers - 1, num_readers), run_examples=25)
    sizes = [len(run.positions) for run in plan.runs(0, 3 * plan.num_batches)]
    whole = flat(read(make_source(BlocksInMemory(NUM_RECORDS)), plan))
    assert len(whole) == sum(sizes)
    for first in range(0, 3 * plan.num_batches, step):
        rest = flat(read(make_source(BlocksInMemory(NUM_RECORDS), is_kept=is_kept), plan, first))
        assert rest == whole[len(whole) - len(rest) :]


def test_a_reader_reads_its_own_records_and_blocks_alone():
    plan = BatchPlan(num_examples=90, batch_size=6, reader=(1, 3))
    blocks = BlocksInMemory(90)
    read(make_source(blocks), plan, 0, plan.num_batches)
    assert sorted(flat(blocks.reads)) == list(range(1, 90, 3))
    blocks.reads.clear()
    read(make_source(blocks), plan, plan.num_batches, 2 * plan.num_batches)
    assert len(flat(blocks.reads)) == 30


def test_what_is_kept_is_not_read_again_and_no_more_of_it_than_is_needed():
    blocks = BlocksInMemory(NUM_RECORDS)
    source = make_source(blocks, is_kept=True)
    plan = BatchPlan(num_examples=NUM_RECORDS, batch_size=10, run_examples=10)
    tables = source.read(run.positions for run in plan.runs(0))
    next(tables)
    tables.close()
    assert 0 < len(flat(blocks.reads)) < NUM_RECORDS
    read(source, plan)
    assert set(flat(blocks.reads)) == set(range(NUM_RECORDS))
    blocks.reads.clear()
    read(source, plan)
    assert records_of(source.load()) == list(range(NUM_RECORDS))
    assert blocks.reads == []
    assert records_of(make_source(blocks, is_kept=True).load()) == list(range(NUM_RECORDS))


def test_no_more_than_two_windows_are_read_ahead():
    blocks = BlocksInMemory(40 * BLOCK_SIZE * WINDOW_BLOCKS)
    plan = BatchPlan(num_examples=blocks.num_records, batch_size=5, run_examples=5)
    for first, most in [(0, WINDOW_BLOCKS + 2), (plan.num_batches, 2 * WINDOW_BLOCKS)]:
        blocks.reads.clear()
        tables = make_source(blocks).read(run.positions for run in plan.runs(first))
        for taken in range(1, 200):
            next(tables)
            assert len(flat(blocks.reads)) <= 5 * taken + most * BLOCK_SIZE
        tables.close()


@pytest.mark.parametrize("is_kept", [False, True])
def test_a_fault_ends_the_reading_before_any_example_of_its_blocks(is_kept):
    damaged = 33
    source = make_source(BlocksInMemory(NUM_RECORDS, damaged=[damaged]), is_kept=is_kept)
    plan = BatchPlan(num_examples=NUM_RECORDS, batch_size=5, run_examples=5)
    message = r"^shard train-00000-of-00001, record 33: sums is damaged or cut there$"
    tables = source.read((run.positions for run in plan.runs(0)), columns=("carries",))
    assert [records_of(table) for table in itertools.islice(tables, 6)] == [[*range(k, k + 5)] for k in range(0, 30, 5)]
    with pytest.raises(UserError, match=message):
        next(tables)
    assert_no_threads()
    with pytest.raises(UserError, match=message):
        list(source.read(run.positions for run in plan.runs(plan.num_batches, 2 * plan.num_batches)))
    if is_kept:
        with pytest.raises(UserError, match=message):
            source.load()


def test_readings_that_are_given_up_end_their_threads():
    source = make_source(BlocksInMemory(NUM_RECORDS))
    plan = BatchPlan(num_examples=NUM_RECORDS, batch_size=5)
    closed, dropped = (source.read(run.positions for run in plan.runs(0)) for _ in range(2))
    next(closed)
    next(dropped)
    closed.close()
    del dropped
    gc.collect()
    assert_no_threads()


def assert_no_threads() -> None:
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("eqstream")] == []


@pytest.mark.parametrize("is_kept", [False, True])
def test_two_readings_at_once_do_not_disturb_each_other(is_kept):
    source = make_source(BlocksInMemory(NUM_RECORDS), is_kept=is_kept)
    plan = BatchPlan(num_examples=NUM_RECORDS, batch_size=7, run_examples=7)
    ends = [source.read((run.positions for run in plan.runs(first)), columns=("carries",)) for first in (0, 20)]
    pairs = [[records_of(table) for table in pair] for pair in itertools.islice(zip(*ends, strict=True), 60)]
    alone = read(source, plan, 0, 80)
    assert [pair[0] for pair in pairs] == alone[:60]
    assert [pair[1] for pair in pairs] == alone[20:80]


@pytest.mark.parametrize(("missing", "is_kept"), [(0, True), (1, False)])
def test_a_split_is_kept_if_all_of_it_fits_into_the_memory(missing, is_kept):
    blocks: Any = BlocksInMemory(5)
    encoder = ExampleEncoder.for_recipe(RECIPE, CODEC)
    budget = 5 * encoder.num_bytes - missing
    source = open_split(blocks, encoder, EpochOrder(num_records=5), memory_budget=budget)
    for _ in range(2):
        assert [len(table) for table in source.read([np.arange(5)])] == [5]
    assert len(blocks.reads) == (1 if is_kept else 2)


def test_only_kept_examples_can_be_loaded():
    with pytest.raises(ValueError, match=r"^only examples that are kept can be loaded$"):
        make_source(BlocksInMemory(5)).load()


@pytest.mark.parametrize("long", [0, 2, 3])
def test_a_text_that_does_not_fit_names_the_shard_that_it_is_in(long):
    class LongTexts(BlocksInMemory):
        def read(self, block, rows=slice(None), *, numbers=()):
            return BlocksInMemory(10**12).read(10**11 if block == long else block, rows, numbers=numbers)

        def find_shard(self, block):
            return f"train-{block:05}"

    table = make_source(LongTexts(NUM_RECORDS)).read([np.arange(NUM_RECORDS)])
    message = f"shard train-{long:05}: question `500000000000 + 1` has 16 characters, at most 9 fit"
    with pytest.raises(UserError, match=f"^{re.escape(message)}$"):
        next(table)
