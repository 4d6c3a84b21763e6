"""What reading a split without keeping it costs, by its size; `run_one` measures it in a process of its own.

Keys of a spec: `source` (a dataset), `epoch` and `num_batches` (what is read for `seconds`). Keys of a result:
`first_seconds` (from opening the dataset to the first batch), `resume_seconds` (to a batch of epoch 3, the median of
some random ones), `seconds`, `readers_seconds` (the same examples by two readers in two processes), `num_examples`, and
`peak_mebibytes` (of resident memory, beyond what the process had with its imports).
"""

import json
import multiprocessing
import resource
import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

BATCH_SIZE = 512
SPLIT = "train"
NUM_RESUMED = 5


def measure(spec: dict[str, Any]) -> dict[str, float]:
    """Returns the result of a spec; see the module."""
    import eqstream

    start_tensorflow()
    before, start = peak_mebibytes(), time.perf_counter()
    dataset = eqstream.open_dataset(spec["source"])
    next(iter(dataset.batches(SPLIT, batch_size=BATCH_SIZE, memory_budget=0)))
    first_seconds = time.perf_counter() - start
    resumed = [time_resuming(dataset, seed) for seed in range(NUM_RESUMED)]
    seconds, num_examples = read(spec, (0, 1))
    peak = peak_mebibytes() - before
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        list(pool.map(_warm_up, range(2)))
        start = time.perf_counter()
        list(pool.map(read, [spec, spec], [(0, 2), (1, 2)]))
        readers_seconds = time.perf_counter() - start
    return {
        "first_seconds": first_seconds,
        "resume_seconds": statistics.median(resumed),
        "seconds": seconds,
        "readers_seconds": readers_seconds,
        "num_examples": num_examples,
        "peak_mebibytes": peak,
    }


def time_resuming(dataset: Any, seed: int) -> float:
    """Returns the seconds to a random batch of epoch 3."""
    from eqstream.data.permutation import draw_bits

    num_batches = -(-dataset.splits[SPLIT] // BATCH_SIZE)
    first = 3 * num_batches + draw_bits(seed, 1, 0).item() % num_batches
    start = time.perf_counter()
    next(iter(dataset.batches(SPLIT, batch_size=BATCH_SIZE, memory_budget=0, first_batch=first)))
    return time.perf_counter() - start


def read(spec: dict[str, Any], reader: tuple[int, int]) -> tuple[float, int]:
    """Returns the seconds that a reader's part of the batches of a spec takes, and its examples."""
    import eqstream

    dataset, start, num_examples = eqstream.open_dataset(spec["source"]), time.perf_counter(), 0
    batches = dataset.batches(
        SPLIT, batch_size=BATCH_SIZE, memory_budget=0, epoch=spec["epoch"], reader=reader, drop_remainder=True
    )
    for question, _ in batches.take(spec["num_batches"]):
        num_examples += len(question)
    return time.perf_counter() - start, num_examples


def start_tensorflow() -> None:
    """Imports all that is needed, and runs something small."""
    import pyarrow.parquet  # noqa: F401  (part of the imports, not of the time)
    import tensorflow as tf

    for _ in tf.data.Dataset.range(1).map(lambda number: number + 1):
        pass


def _warm_up(number: int) -> int:
    start_tensorflow()
    # Longer than it takes to hand the other one to another process.
    time.sleep(1)
    return number


def peak_mebibytes() -> float:
    """Returns the most resident memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def render(rows: list[dict[str, Any]]) -> str:
    """Returns a table as aligned text: a row for each size and epoch."""
    names = {"epoch": 7, "first batch": 13, "resumed": 10, "examples/s": 13, "two readers": 13, "memory": 10}
    lines = [f"{'records':>11}" + "".join(f"{name:>{width}}" for name, width in names.items())]
    for row in rows:
        rate, both = (row["num_examples"] / row[key] for key in ("seconds", "readers_seconds"))
        lines.append(
            f"{row['num_records']:>11,}{row['epoch']:>7}{row['first_seconds']:>11.2f} s{row['resume_seconds']:>8.2f} s"
            f"{rate:>13,.0f}{both / rate:>11.2f} x{row['peak_mebibytes']:>6,.0f} MiB"
        )
    return "\n".join([*lines, "", LEGEND])


LEGEND = """\
Four-digit additions as Parquet, read without being kept, batches of 512. first batch: from opening the dataset;
resumed: to a random batch of epoch 3; two readers: times the examples of one, in two processes; memory: the peak of one
reader beyond its imports."""


def run_one(spec_path: str, result_path: str) -> None:
    """Measures the spec of one JSON file and writes the result to another."""
    result = measure(json.loads(Path(spec_path).read_text(encoding="utf-8")))
    Path(result_path).write_text(json.dumps(result), encoding="utf-8")
