"""The search for repeated equations and forbidden twins over the keys of all shards, one partition at a time."""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from eqstream.data.dataset.manifest import Manifest
from eqstream.data.dataset.manifest_parts import ShardInfo
from eqstream.data.errors import UserError
from eqstream.data.reference.evaluation import canonical_key
from eqstream.data.reference.parsing import parse
from eqstream.pipelines.checks.duplicates import KEYS, Pair, Place, confirm_pairs, find_pairs, find_step_pairs
from eqstream.pipelines.checks.findings import Finding
from eqstream.pipelines.checks.shard import list_places, read_questions
from eqstream.pipelines.checks.shard_stage import ShardStage, keys_path
from eqstream.pipelines.runtime import filesystem
from eqstream.pipelines.runtime.element_threads import ElementThreads
from eqstream.pipelines.runtime.progress import Progress
from eqstream.pipelines.runtime.runner import Execution, report_failures

# Some 8 million equations take the driver less time than a pipeline takes to start.
PARTITIONS_FOR_DRIVER = 4


class TwinSearch(NamedTuple):
    """Where to look: the split of each shard by number, where its keys' partitions begin, and what is forbidden.

    `commuted` is the recipe's: `together` forbids twins in two splits, `drop` any twins, `ignore` none. `has_steps`
    says that the keys are those of steps: see `find_step_pairs`.
    """

    workspace: str
    shard_to_split: list[int]
    edges: list[list[int]]
    commuted: str
    has_steps: bool
    max_pairs: int


def check_twins(
    stage: ShardStage, manifest: Manifest, *, edges: Sequence[list[int]], execution: Execution, progress: Progress
) -> Iterator[Finding]:
    """Yields equations that stand twice and twins that must not be.

    Args:
        stage: what shards share.
        manifest: of the dataset.
        edges: for each shard where the partitions of its keys begin, with the end of the last.
        execution: runs the pipeline, where there are several partitions.
        progress: is told how far it is.
    """
    shards = manifest.list_shards()
    splits = {name: number for number, name in enumerate(manifest.splits)}
    search = TwinSearch(
        workspace=stage.workspace,
        shard_to_split=[splits[split] for split, _ in shards],
        edges=list(edges),
        commuted=manifest.recipe.commuted,
        has_steps=manifest.recipe.steps is not None,
        max_pairs=2 * stage.max_findings,
    )
    candidates, num_candidates = _search_all(search, stage.num_partitions, execution=execution, progress=progress)
    places = list_places(stage.directory, manifest)

    def read(number: int, records: set[int]) -> dict[int, str]:
        return read_questions(places[number], records)

    if search.has_steps:
        yield from _describe_step_pairs(candidates, [info for _, info in shards], read)
        for _ in range(num_candidates - len(candidates)):
            yield Finding("twins", "", "")
        return
    confirmed = confirm_pairs(candidates, read, lambda question: canonical_key(parse(question)))
    for pair, first, second in confirmed:
        info, other = shards[pair.second.shard][1], shards[pair.first.shard][1]
        relation = "stands also" if pair.is_repeated else f"is a commuted twin of `{first}`"
        reason = f"`{second}` {relation} in {other.shard}, record {pair.first.record}"
        paths = tuple(file.path for each in (info, other) for file in each.files.values())
        yield Finding("twins", info.shard, reason, record=pair.second.record, paths=paths)
    # Keys collide so rarely that the rest may be counted unseen.
    for _ in range(num_candidates - len(candidates)):
        yield Finding("twins", "", "")


def _describe_step_pairs(
    pairs: Sequence[Pair], shards: Sequence[ShardInfo], read: Callable[[int, set[int]], dict[int, str]]
) -> Iterator[Finding]:
    """Yields what pairs of `find_step_pairs` mean; hashes of 64 bits are compared, not texts."""
    for pair in pairs:
        info, other = shards[pair.second.shard], shards[pair.first.shard]
        paths = tuple(file.path for file in info.files.values())
        if pair.is_repeated:
            reason = f"the plan has one of its equations, or a twin of it, in {other.shard}, too"
            yield Finding("twins", info.shard, reason, paths=paths)
            continue
        question = read(pair.second.shard, {pair.second.record})[pair.second.record]
        reason = f"a line of the step from `{question}` is an equation of {other.shard}, or a twin of one"
        yield Finding("twins", info.shard, reason, record=pair.second.record, paths=paths)


def _search_all(
    search: TwinSearch, num_partitions: int, *, execution: Execution, progress: Progress
) -> tuple[list[Pair], int]:
    """Returns the first candidates of all partitions, and how many there are."""
    if num_partitions <= PARTITIONS_FOR_DRIVER:
        results = [_search(search, partition) for partition in range(num_partitions)]
    else:
        _run_searches(search, num_partitions, execution=execution, progress=progress)
        loaded = [_load(search.workspace, partition) for partition in range(num_partitions)]
        if None in loaded:
            raise UserError(
                "the workers' findings did not arrive: give a --temp_location that driver and workers share"
            )
        results = [found for found in loaded if found is not None]
    pairs = sorted(pair for found, _ in results for pair in found)
    return pairs[: search.max_pairs], sum(count for _, count in results)


def _run_searches(search: TwinSearch, num_partitions: int, *, execution: Execution, progress: Progress) -> None:
    missing = [partition for partition in range(num_partitions) if _load(search.workspace, partition) is None]
    step = SearchPartition(search, execution, len(missing))

    def show() -> None:
        progress.show(len(filesystem.list_files(filesystem.join(search.workspace, "pairs"))))

    with progress.stage("comparing", num_partitions, unit="parts"):
        if missing:
            step.run(missing, create_label="ListPartitions", label="Search", watch=show)
        show()


class SearchPartition(ElementThreads):
    """Looks for pairs in a partition, whose number is an element; one at a time, as each takes memory."""

    def __init__(self, search: TwinSearch, execution: Execution, num_elements: int) -> None:
        super().__init__(execution, num_elements)
        self._num_threads = 1
        self._search = search

    def work(self, element: int) -> None:
        """Writes the first pairs and the number of all into the workspace."""
        with report_failures(f"part {element} of the equations"):
            pairs, count = _search(self._search, element)
            contents = json.dumps({"pairs": pairs, "count": count}).encode()
            filesystem.write_bytes(_pairs_path(self._search.workspace, element), contents)


def _search(search: TwinSearch, partition: int) -> tuple[list[Pair], int]:
    parts = [_read_keys(search, number, partition) for number in range(len(search.edges))]
    pairs: list[Pair] = []
    count = 0
    find = find_step_pairs if search.has_steps else find_pairs
    for pair in find(parts, np.array(search.shard_to_split), search.commuted):
        count += 1
        if len(pairs) < search.max_pairs:
            pairs.append(pair)
    return pairs, count


def _read_keys(search: TwinSearch, number: int, partition: int) -> np.ndarray:
    start, end = search.edges[number][partition : partition + 2]
    if start == end:
        return np.empty(0, KEYS)
    with filesystem.open_file(keys_path(search.workspace, number)) as file:
        file.seek(start * KEYS.itemsize)
        return np.frombuffer(file.read((end - start) * KEYS.itemsize), KEYS)


def _pairs_path(workspace: str, partition: int) -> str:
    return filesystem.join(workspace, f"pairs/{partition}.json")


def _load(workspace: str, partition: int) -> tuple[list[Pair], int] | None:
    contents = filesystem.read_bytes(_pairs_path(workspace, partition))
    if contents is None:
        return None
    found = json.loads(contents)
    pairs = [Pair(Place(*first), Place(*second), is_repeated) for first, second, is_repeated in found["pairs"]]
    return pairs, found["count"]
