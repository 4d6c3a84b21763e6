"""Selected examples of a split: the order of all without the others, from any position on."""

import re
from itertools import chain

import numpy as np
import pytest

from eqstream.data.configuration import from_mapping
from eqstream.data.errors import UserError
from eqstream.data.loading.epoch_order import EpochOrder
from eqstream.data.loading.selected_source import SelectedSource, Selection, select_records
from eqstream.data.split_recipe import Where
from tests.covering import cover_values
from tests.data.loading.in_memory import BLOCK_SIZE, WINDOW_BLOCKS, BlocksInMemory, make_source

NUM_RECORDS = 3 * WINDOW_BLOCKS * BLOCK_SIZE + 2 * BLOCK_SIZE + 3
TESTS = {
    "every third": lambda records: records % 3 == 1,
    "one": lambda records: records == 40,
    "some blocks alone": lambda records: (records // BLOCK_SIZE) % 4 == 2,
    "the shorter block": lambda records: records >= NUM_RECORDS - 3,
    "all": lambda records: records >= 0,
}


def select(name: str) -> Selection:
    selection = Selection(NUM_RECORDS, BLOCK_SIZE)
    is_in = TESTS[name](np.arange(NUM_RECORDS))
    for block, start in enumerate(range(0, NUM_RECORDS, BLOCK_SIZE)):
        selection.put(block, is_in[start : start + BLOCK_SIZE])
    return selection


def make_selected(name: str, *, seed: int = 0, is_kept: bool = False):
    blocks = BlocksInMemory(NUM_RECORDS)
    order = EpochOrder(
        num_records=NUM_RECORDS, seed=seed, block_size=BLOCK_SIZE, window_blocks=WINDOW_BLOCKS, sequential_blocks=2
    )
    return SelectedSource(make_source(blocks, seed=seed, is_kept=is_kept), order, select(name)), order


def expected(name: str, order: EpochOrder, num_epochs: int) -> list[int]:
    records = np.concatenate([order.records(epoch, np.arange(NUM_RECORDS)) for epoch in range(num_epochs)])
    return records[TESTS[name](records)].tolist()


def read(source, runs) -> list[list[int]]:
    return [table.numbers["carries"].tolist() for table in source.read(runs, columns=("carries",))]


@cover_values("name, is_kept", [*TESTS], [False, True])
def test_order_is_that_of_all_without_the_others_from_any_position_on(name, is_kept):
    source, order = make_selected(name, seed=3, is_kept=is_kept)
    whole = expected(name, order, 3)
    assert 3 * source.num_examples == len(whole)
    positions = np.arange(len(whole))
    assert read(source, [positions]) == [whole]
    for start in range(0, len(whole), 13):
        runs = np.array_split(positions[start:], max(len(whole[start:]) // 7, 1))
        assert [*chain.from_iterable(read(source, runs))] == whole[start:]
    assert read(source, [positions[1::4], positions[:0]]) == [whole[1::4], []]


class _Counting:
    """Passes on to a source how it is asked, and notes how far each array of positions reaches."""

    def __init__(self, source):
        self.num_examples, self.encoder = source.num_examples, source.encoder
        self._source, self.spans = source, []

    def read(self, runs, *, columns=(), reader=(0, 1)):
        def note(positions):
            self.spans.append(int(np.ptp(positions)) if len(positions) else 0)
            return positions

        return self._source.read(map(note, runs), columns=columns, reader=reader)


def test_rare_examples_of_many_windows_are_asked_for_window_by_window():
    blocks = BlocksInMemory(NUM_RECORDS)
    order = EpochOrder(
        num_records=NUM_RECORDS, seed=3, block_size=BLOCK_SIZE, window_blocks=WINDOW_BLOCKS, sequential_blocks=2
    )
    counting = _Counting(make_source(blocks, seed=3))
    source = SelectedSource(counting, order, select("every third"))
    (table,) = source.read([np.arange(3 * source.num_examples)], columns=("carries",))
    assert len(table) == 3 * source.num_examples
    assert max(counting.spans) < WINDOW_BLOCKS * BLOCK_SIZE
    assert len(counting.spans) == sum(order.num_windows(epoch) for epoch in range(3))


def test_one_pass_selects_for_every_condition():
    """Carries are the numbers of records here, terms are 2 and digits 1."""
    blocks = BlocksInMemory(NUM_RECORDS)
    ranges = [{"min": 40, "max": 77}, {"max": 8.5}, {"min": "12.1"}, 31, {"min": 1000}]
    conditions = [from_mapping(Where, {"carries": each, "terms": 2}) for each in ranges]
    conditions += [from_mapping(Where, {"terms": 3}), from_mapping(Where, {"digits": {"max": 1}})]
    selections = select_records(blocks, conditions, block_size=BLOCK_SIZE)
    assert sorted(chain.from_iterable(blocks.reads)) == list(range(NUM_RECORDS))
    records = np.arange(NUM_RECORDS)
    found = [records[selections[where].contains(records)].tolist() for where in conditions]
    everything = list(range(NUM_RECORDS))
    assert found == [everything[40:78], everything[:9], everything[13:], [31], [], [], everything]
    assert [len(selections[where]) for where in conditions] == list(map(len, found))


def test_nothing_is_read_without_a_condition():
    blocks = BlocksInMemory(NUM_RECORDS)
    assert select_records(blocks, []) == {}
    assert blocks.reads == []


def test_damaged_record_is_found_by_the_pass():
    message = "shard train-00000-of-00001, record 77: sums is damaged or cut there"
    where = from_mapping(Where, {"terms": 2})
    with pytest.raises(UserError, match=f"^{re.escape(message)}$"):
        select_records(BlocksInMemory(NUM_RECORDS, damaged=[77]), [where], block_size=BLOCK_SIZE)


@pytest.mark.parametrize("block_size", [1, 5, 8, 12, 4096])
def test_selection_of_blocks_of_any_size(block_size):
    is_in = np.random.default_rng(1).random(1000) < 0.3
    selection = Selection(1000, block_size)
    for block in range(-(-1000 // block_size)):
        selection.put(block, is_in[block * block_size : (block + 1) * block_size])
    assert selection.contains(np.arange(1000)).tolist() == is_in.tolist()
    everything = Selection.of_all(1000, block_size)
    for each, before in ((selection, is_in), (everything, np.ones(1000, bool))):
        removed = np.array([0, 3, 4, 500, 999])
        each.remove(removed)
        before[removed] = False
        assert each.contains(np.arange(1000)).tolist() == before.tolist()
        assert len(each) == np.count_nonzero(before)
        padded = np.pad(before, (0, -1000 % block_size))
        assert each.counts.tolist() == padded.reshape(-1, block_size).sum(axis=1).tolist()
