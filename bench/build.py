"""The ways of building a dataset that `make bench` compares; `run_one` runs one of them.

Each way runs in a fresh process, which calls `run_one`, so that no import, cache or memory of another one counts. The
clock stands during imports. eqstream's time is that of a whole build: from the recipe to checked shards, metadata and
manifest. The other ways get their rows ready-made, in memory, and only encode and write them; they compute no answer
and verify nothing.

A virtual machine is given memory when it first writes to it, which takes several times as long as the writing. So a
file as large as what is to be written is written and removed before the clock starts, or, for a build, as large as what
it ever has in memory: a virtual machine gives back what is free, for which its host takes time of all its cores, for
many seconds after several gigabytes. Not so for `verify`: it would drive the dataset out of memory, which then would be
read from the disk; and plans and previews write nothing.

Keys of a spec: `method` (one of METHODS), `recipe` and `overrides`, `out` (a directory not there yet), `source`
(a dataset with the same equations), `num_records`, `workers`, `cores` (the most that may be used, 0 for all),
`format`. Keys of a result: `seconds`, `cpu_seconds` (user and system, of all threads and processes), `num_bytes`,
`peak_bytes` (most resident memory of one process; see `bench.memory_watch`).
"""

import itertools
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.cases import MILLION
from bench.memory_watch import MemoryWatch

WRITE_SIZE_BYTES = 1 << 20
# About as large as the largest records that are written here, in one format.
RECORD_BYTES = 150
# Of a build, with the first shards, which stay in the system's memory.
MOST_BUILD_BYTES = 1 << 30
BLOCK_SIZE = 10_000
COPY_SECTIONS = {"tfrecord": "tfrecord", "parquet": "data"}

Spec = dict[str, Any]
# What a method hands back: a function that does the work to be timed. It may return parts of the result, as a dict.
Prepared = Callable[[], object]


def prepare_eqstream(spec: Spec) -> Prepared:
    """Returns a whole build of the recipe."""
    from eqstream.data.recipe_files import load_recipe
    from eqstream.pipelines.build import build

    recipe = load_recipe(spec["recipe"], spec["overrides"])
    return lambda: build(recipe, spec["out"], workers=spec["workers"])


def prepare_separate_builds(spec: Spec) -> Prepared:
    """Returns whole builds at the same time, of an equal share of the records each, in a process on a core of its own.

    They know nothing of each other: what the machine lets several cores do that build.
    """
    count = spec["num_records"] // spec["workers"]
    overrides = [*spec["overrides"], f"splits=[{{name: train, count: {count}}}]"]
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < spec["workers"]:
        raise ValueError(f"{spec['workers']} builds at the same time need as many cores, there are {len(cores)}")
    command = [sys.executable, "-c", "from bench.build import build_when_told; build_when_told()"]
    os.makedirs(spec["out"])
    processes = []
    for number, core in enumerate(cores[: spec["workers"]]):
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        share = {**spec, "overrides": overrides, "out": os.path.join(spec["out"], str(number)), "workers": 1}
        _tell(process, json.dumps({"spec": share, "core": core}))
        processes.append(process)
    for process in processes:
        _hear(process)

    def build_all() -> dict[str, float]:
        for process in processes:
            _tell(process, "")
        cpu_seconds = sum(float(_hear(process)) for process in processes)
        for process in processes:
            process.communicate()
        return {"cpu_seconds": cpu_seconds}

    return build_all


def _tell(process: subprocess.Popen, line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(f"{line}\n")
    process.stdin.flush()


def _hear(process: subprocess.Popen) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise ChildProcessError("one of the builds has failed")
    return line


def build_when_told() -> None:
    """Builds what a line of standard input says once another line comes, and answers when it is ready and when done."""
    told = json.loads(sys.stdin.readline())
    os.sched_setaffinity(0, [told["core"]])
    work = prepare_eqstream(told["spec"])
    print(flush=True)
    if not sys.stdin.readline():
        # The benchmark has ended.
        return
    start = read_cpu_seconds()
    work()
    print(read_cpu_seconds() - start, flush=True)
    # Python would take apart thousands of modules while the clock runs.
    os._exit(0)


def prepare_verify(spec: Spec) -> Prepared:
    """Returns the whole check of a dataset, which is built before."""
    from eqstream.pipelines.verify import verify

    prepare_eqstream(spec)()

    def check() -> None:
        report = verify(spec["out"], workers=spec["workers"])
        if not report.is_valid:
            raise ValueError(report.to_text())

    return check


def prepare_preview(spec: Spec) -> Prepared:
    """Returns the whole command `eqstream preview`, imports included."""
    os.makedirs(spec["out"])
    options = [part for override in spec["overrides"] for part in ("--set", override)]
    command = [sys.executable, "-m", "eqstream", "preview", spec["recipe"], *options]
    return lambda: subprocess.run(command, stdout=subprocess.DEVNULL, check=True)


def prepare_plan(spec: Spec) -> Prepared:
    """Returns counting and planning, as a build does before it writes."""
    from eqstream.data.recipe_files import load_recipe
    from eqstream.data.splits.counting_policy import count_for_plan
    from eqstream.data.splits.plan import plan_splits
    from eqstream.pipelines.runtime.freed_memory import reuse_freed_memory

    recipe = load_recipe(spec["recipe"], spec["overrides"])
    os.makedirs(spec["out"])
    reuse_freed_memory()
    # Its memory is freed after the clock has stopped.
    kept: list[object] = []
    return lambda: kept.append(plan_splits(count_for_plan(recipe)))


def prepare_tf_writer(spec: Spec) -> Prepared:
    """Returns (a): one `tf.train.Example` a row, written by `tf.io.TFRecordWriter`."""
    import tensorflow as tf

    rows = read_rows(spec)

    def write() -> None:
        with tf.io.TFRecordWriter(os.path.join(spec["out"], "train.tfrecord")) as writer:
            for row in rows:
                writer.write(serialise_row(row))

    os.makedirs(spec["out"])
    return write


def prepare_beam(spec: Spec) -> Prepared:
    """Returns (b): one `tf.train.Example` a row, written by Beam's `WriteToTFRecord` on the in-process runner."""
    import apache_beam as beam
    import tensorflow  # noqa: F401  (part of the imports, not of the time)
    from apache_beam.io.tfrecordio import WriteToTFRecord
    from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner

    rows = read_rows(spec)
    blocks = [(start, start + BLOCK_SIZE) for start in range(0, len(rows), BLOCK_SIZE)]

    def write() -> None:
        # The rows are looked up, not shipped: the runner works in this process.
        _ROWS[:] = rows
        with beam.Pipeline(runner=FnApiRunner()) as pipeline:
            (
                pipeline
                | "CreateBlocks" >> beam.Create(blocks)
                | "ReadRows" >> beam.FlatMap(_rows_of_block)
                | "Serialise" >> beam.Map(serialise_row)
                | "Write" >> WriteToTFRecord(os.path.join(spec["out"], "train"), file_name_suffix=".tfrecord")
            )

    os.makedirs(spec["out"])
    return write


# Rows for `_rows_of_block`; the one way to hand them to a Beam step without shipping them.
_ROWS: list[dict] = []


def _rows_of_block(block: tuple[int, int]) -> list[dict]:
    return _ROWS[block[0] : block[1]]


def prepare_tfds(spec: Spec) -> Prepared:
    """Returns (c): TFDS' `GeneratorBasedBuilder`."""
    import numpy as np
    import tensorflow_datasets as tfds

    rows = read_rows(spec)
    integers = dict.fromkeys(("carries", "digits", "terms"), tfds.features.Scalar(np.int64))

    class Equations(tfds.core.GeneratorBasedBuilder):
        VERSION = tfds.core.Version("1.0.0")

        def _info(self) -> tfds.core.DatasetInfo:
            text = tfds.features.Text()
            return self.dataset_info_from_configs(
                features=tfds.features.FeaturesDict({"question": text, "answer": text, **integers})
            )

        def _split_generators(self, dl_manager: object) -> dict:
            return {"train": enumerate(rows)}

        def _generate_examples(self) -> None:
            raise NotImplementedError

    return Equations(data_dir=spec["out"], file_format="tfrecord").download_and_prepare


def prepare_plain_write(spec: Spec) -> Prepared:
    """Returns (d): the bytes of the source's shards, written one after the other; the page cache takes what it can."""
    return _prepare_copy(spec, sync=False)


def prepare_synced_write(spec: Spec) -> Prepared:
    """Returns (d) to the end: the same, and waits until the disk has them."""
    return _prepare_copy(spec, sync=True)


def _prepare_copy(spec: Spec, *, sync: bool) -> Prepared:
    folder = Path(spec["source"], COPY_SECTIONS[spec["format"]])
    contents = {path.name: memoryview(path.read_bytes()) for path in sorted(folder.iterdir())}
    # As many bytes as a dataset of so many records has: the source has a million.
    num_copies = max(spec["num_records"] // MILLION, 1)

    def write() -> None:
        for number, (name, content) in itertools.product(range(num_copies), contents.items()):
            with open(os.path.join(spec["out"], f"{number}-{name}"), "wb", buffering=0) as file:
                for start in range(0, len(content), WRITE_SIZE_BYTES):
                    file.write(content[start : start + WRITE_SIZE_BYTES])
                if sync:
                    os.fsync(file.fileno())

    os.makedirs(spec["out"])
    return write


METHODS: dict[str, Callable[[Spec], Prepared]] = {
    "eqstream": prepare_eqstream,
    "separate-builds": prepare_separate_builds,
    "verify": prepare_verify,
    "preview": prepare_preview,
    "plan": prepare_plan,
    "tf-writer": prepare_tf_writer,
    "beam": prepare_beam,
    "tfds": prepare_tfds,
    "plain-write": prepare_plain_write,
    "synced-write": prepare_synced_write,
}


def read_rows(spec: Spec) -> list[dict]:
    """Returns the first `num_records` rows of the source, as a dict each."""
    import pyarrow.dataset

    dataset = pyarrow.dataset.dataset(Path(spec["source"], "data"))
    rows = dataset.head(spec["num_records"]).to_pylist()
    if len(rows) != spec["num_records"]:
        raise ValueError(f"`source` must hold {spec['num_records']} rows, got {len(rows)}")
    return rows


def serialise_row(row: dict) -> bytes:
    """Returns the row as a serialised `tf.train.Example`, made as the TensorFlow guides make it."""
    from tensorflow.train import (  # pyright: ignore[reportMissingModuleSource]
        BytesList,
        Example,
        Feature,
        Features,
        Int64List,
    )

    feature = {
        name: Feature(bytes_list=BytesList(value=[value.encode()]))
        if isinstance(value, str)
        else Feature(int64_list=Int64List(value=[value]))
        for name, value in row.items()
    }
    return Example(features=Features(feature=feature)).SerializeToString()


def warm_memory(spec: Spec) -> None:
    """Writes and removes as much as the method will have in memory; see the module's docstring."""
    path, piece = f"{spec['out']}.warm", bytes(WRITE_SIZE_BYTES)
    num_bytes = RECORD_BYTES * spec["num_records"] * (2 if spec["format"] == "both" else 1)
    if METHODS[spec["method"]] in (prepare_eqstream, prepare_separate_builds):
        num_bytes = min(num_bytes, MOST_BUILD_BYTES)
    with open(path, "wb", buffering=0) as file:
        for _ in range(-(-num_bytes // WRITE_SIZE_BYTES)):
            file.write(piece)
    os.unlink(path)


def read_cpu_seconds() -> float:
    """Returns the time that this process, and those that it started and that have ended, had a core."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in both)


def measure(spec: Spec) -> dict[str, Any]:
    """Returns the result of one way of building: see the module's docstring."""
    if spec["cores"]:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: spec["cores"]])
    work = METHODS[spec["method"]](spec)
    if spec["method"] not in ("verify", "plan", "preview"):
        warm_memory(spec)
    with MemoryWatch.begin() as watch:
        cpu_start, start = read_cpu_seconds(), time.perf_counter()
        told = work()
        seconds, cpu_seconds = time.perf_counter() - start, read_cpu_seconds() - cpu_start
        peak_bytes = watch.peak_bytes()
    if spec["method"] == "preview":
        # It may have ended before anybody looked.
        peak_bytes = max(peak_bytes, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss << 10)
    num_bytes = sum(path.stat().st_size for path in Path(spec["out"]).rglob("*") if path.is_file())
    result = {"seconds": seconds, "cpu_seconds": cpu_seconds, "num_bytes": num_bytes, "peak_bytes": peak_bytes}
    return {**result, **told} if isinstance(told, dict) else result


def run_one(spec_path: str, result_path: str) -> None:
    """Measures the spec of one JSON file and writes the result to another."""
    result = measure(json.loads(Path(spec_path).read_text(encoding="utf-8")))
    Path(result_path).write_text(json.dumps(result), encoding="utf-8")
