"""Equations that stand twice, or next to a twin where they must not: found over all shards by 64-bit keys.

Each shard hands in one element of `KEYS` per equation. Texts that share a key are candidates; whether they are really
equal is decided on the texts themselves, so a collision of keys can neither make nor hide a finding.

| field of `KEYS` | holds |
| --- | --- |
| `twins` | key that commuted twins share; the key of the question itself where twins are treated as unrelated |
| `question` | key of the text |
| `record` | number of the record within its shard, from 0 |
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

KEYS = np.dtype([("twins", "<u8"), ("question", "<u8"), ("record", "<u4")])
# Added to `record` of an equation whose steps are in a shard; then it is the equation's number within the shard.
OF_EQUATION = 1 << 31
MAX_PARTITIONS = 4096


class Place(NamedTuple):
    """A record: the number of its shard in the manifest's order, and its own within the shard."""

    shard: int
    record: int


class Pair(NamedTuple):
    """Two records with one key; `is_repeated` if their texts', else their twins'."""

    first: Place
    second: Place
    is_repeated: bool


def sort_into_partitions(keys: np.ndarray, num_partitions: int) -> tuple[np.ndarray, list[int]]:
    """Returns the keys by partition of the range of `twins`, and where each partition begins; one end more.

    Args:
        keys: shape (n,) of `KEYS`.
        num_partitions: a power of two, so that twins and repeated texts share a partition in every shard.
    """
    if num_partitions == 1:
        return keys, [0, len(keys)]
    shift = np.uint64(65 - num_partitions.bit_length())
    partitions = (keys["twins"] >> shift).astype(np.uint16)
    # Sorted by counting, as the numbers are small.
    ordered = keys[np.argsort(partitions, kind="stable")]
    counts = np.bincount(partitions, minlength=num_partitions)
    return ordered, [0, *np.cumsum(counts).tolist()]


def choose_partitions(num_equations: int, most_per_partition: int = 1 << 21) -> int:
    """Returns how many partitions keep what is held in memory at once to about `most_per_partition` equations.

    >>> choose_partitions(1_000_000), choose_partitions(50_000_000)
    (1, 32)
    """
    partitions = 1
    while partitions * most_per_partition < num_equations and partitions < MAX_PARTITIONS:
        partitions *= 2
    return partitions


def find_pairs(parts: list[np.ndarray], shard_to_split: np.ndarray, commuted: str) -> Iterator[Pair]:
    """Yields the pairs of one partition that are forbidden; whether their texts agree is for the caller to check.

    Args:
        parts: the partition's elements of `KEYS`, one array per shard.
        shard_to_split: number of each shard's split, shape (num_shards,).
        commuted: `together` forbids twins in two splits, `drop` any twins, `ignore` none.
    """
    if not _may_have_pairs(parts, shard_to_split, commuted):
        return
    keys = np.concatenate(parts)
    shards = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    order = np.lexsort((shards, keys["question"], keys["twins"]))
    twins, questions = keys["twins"][order], keys["question"][order]
    is_repeated = (twins[1:] == twins[:-1]) & (questions[1:] == questions[:-1])
    yield from _list_pairs(keys, shards, order=order, rows=np.flatnonzero(is_repeated), is_repeated=True)
    if commuted == "drop":
        is_twin = (twins[1:] == twins[:-1]) & ~is_repeated
        yield from _list_pairs(keys, shards, order=order, rows=np.flatnonzero(is_twin), is_repeated=False)
    if commuted == "together":
        splits = shard_to_split[shards]
        order = np.lexsort((splits, keys["twins"]))
        twins, questions, splits = keys["twins"][order], keys["question"][order], splits[order]
        is_leak = (twins[1:] == twins[:-1]) & (splits[1:] != splits[:-1]) & (questions[1:] != questions[:-1])
        yield from _list_pairs(keys, shards, order=order, rows=np.flatnonzero(is_leak), is_repeated=False)


def find_step_pairs(parts: list[np.ndarray], shard_to_split: np.ndarray, commuted: str) -> Iterator[Pair]:
    """Yields the pairs of one partition that are forbidden where examples are steps; see `find_pairs`.

    Of two equations `is_repeated` is true. Else the first place is that of an equation of one split, and the second
    that of a step of another split which has a line of the equation's class.
    """
    equations, lines = [], []
    for part in parts:
        is_equation = part["record"] >= OF_EQUATION
        own, other = part[is_equation], part[~is_equation]
        own["record"] -= OF_EQUATION
        equations.append(own)
        lines.append(other)
    for pair in find_pairs(equations, shard_to_split, commuted):
        yield pair._replace(is_repeated=True)
    yield from _find_leaks(equations, lines, shard_to_split)


def _find_leaks(equations: list[np.ndarray], lines: list[np.ndarray], shard_to_split: np.ndarray) -> Iterator[Pair]:
    """Yields a pair for each line of a step that is an equation of another split, or a twin of one."""
    for split in np.unique(shard_to_split):
        others, own = np.flatnonzero(shard_to_split != split), np.flatnonzero(shard_to_split == split)
        held = np.concatenate([equations[shard] for shard in others]) if len(others) else np.empty(0, KEYS)
        if not len(held):
            continue
        order = np.argsort(held["twins"])
        hashes = held["twins"][order]
        held_shards = np.repeat(others, [len(equations[shard]) for shard in others])
        for shard in own.tolist():
            places = np.minimum(np.searchsorted(hashes, lines[shard]["twins"]), len(hashes) - 1)
            for row in np.flatnonzero(hashes[places] == lines[shard]["twins"]).tolist():
                found = order[places[row]]
                equation = Place(int(held_shards[found]), int(held["record"][found]))
                yield Pair(equation, Place(shard, int(lines[shard]["record"][row])), False)


def _may_have_pairs(parts: list[np.ndarray], shard_to_split: np.ndarray, commuted: str) -> bool:
    """Returns whether there is any pair, several times as fast as finding where."""
    if _has_equal([part["question"] for part in parts]):
        return True
    if commuted == "drop":
        return _has_equal([part["twins"] for part in parts])
    if commuted == "together":
        splits = [np.flatnonzero(shard_to_split == split) for split in np.unique(shard_to_split)]
        return _has_equal([_distinct([parts[shard]["twins"] for shard in shards]) for shards in splits])
    return False


def _has_equal(columns: list[np.ndarray]) -> bool:
    ordered = np.sort(np.concatenate(columns))
    return bool((ordered[1:] == ordered[:-1]).any())


def _distinct(columns: list[np.ndarray]) -> np.ndarray:
    # `np.unique` hashes first, which takes several times as long.
    ordered = np.sort(np.concatenate(columns))
    is_new = np.ones(len(ordered), bool)
    np.not_equal(ordered[1:], ordered[:-1], out=is_new[1:])
    return ordered[is_new]


def _list_pairs(
    keys: np.ndarray, shards: np.ndarray, *, order: np.ndarray, rows: np.ndarray, is_repeated: bool
) -> Iterator[Pair]:
    records = keys["record"]
    for row in rows:
        first, second = sorted(Place(int(shards[place]), int(records[place])) for place in order[row : row + 2])
        yield Pair(first, second, is_repeated)


def confirm_pairs(
    pairs: list[Pair], read_questions: Callable[[int, set[int]], dict[int, str]], class_key: Callable[[str], str]
) -> list[tuple[Pair, str, str]]:
    """Returns those pairs whose texts, read again, are equal or twins, each with both texts, in their order.

    Args:
        pairs: candidates; every shard they name is read once.
        read_questions: returns the questions of some records of a shard.
        class_key: returns what twins, and twins alone, have in common.
    """
    wanted: dict[int, set[int]] = {}
    for pair in pairs:
        for place in (pair.first, pair.second):
            wanted.setdefault(place.shard, set()).add(place.record)
    texts = {shard: read_questions(shard, records) for shard, records in sorted(wanted.items())}
    confirmed = []
    for pair in sorted(pairs):
        first, second = (texts[place.shard][place.record] for place in (pair.first, pair.second))
        if first == second if pair.is_repeated else class_key(first) == class_key(second):
            confirmed.append((pair, first, second))
    return confirmed
