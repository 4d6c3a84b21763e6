"""`python -m bench.long_training`: a training on more equations than memory need hold, and what memory it takes.

For each size it builds sums and differences of two numbers up to 9,999 as TFRecord, and trains a small transformer on
the files by `eqstream train` in a process of its own, which keeps no split in memory. Each equation comes once;
`--trained` stops earlier. After each `--round` 2,000 equations are answered that were not trained on. With `--kill` the
training is killed in the middle, once, and resumed. Given again, the command goes on where it was stopped. 50 million
equations take 6 GB of disk.

Writes `long-training.json` and `long-training.svg` to the output directory. The file has the machine and for each size:

| key | value |
| --- | --- |
| `equations`, `trained` | in the dataset, and that came in the training |
| `memory` | rows on the process, see `COLUMNS`: `examples` so far, `anonymous_mb` is a part of `resident_mb` |
| `log` | the rows of the run's log |
| `test` | `exact_match` on 10,000 other equations; by group in `tables` the number of them and of right answers |
"""

import argparse
import contextlib
import csv
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from matplotlib import rc_context
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from bench.run import describe_machine
from eqstream.seq2seq.figures.style import GRID, LINES

RECIPE = "addition-subtraction-3digit"
BATCH_SIZE = 1000
COLUMNS = ("seconds", "examples", "cpu_seconds", "resident_mb", "anonymous_mb", "peak_mb")
# A split that fits would be kept, and the small dataset would be read in another way than the large one.
PROGRAM = """
from eqstream.cli import main
from eqstream.seq2seq.training import training_source

training_source.MEMORY_BUDGET = 0
main()
"""


def list_changes(num_equations: int, num_trained: int, num_of_round: int) -> list[str]:
    """Returns the changes of the recipe; a mixture of one source may have epochs of any length."""
    sizes = {"train": num_equations, "validation": 2000, "test": 10_000}
    splits = ", ".join(f"{{name: {name}, count: {count}}}" for name, count in sizes.items())
    return [
        "space.operands.max=9999",
        f"splits=[{splits}]",
        "storage.formats=[tfrecord]",
        # Without the second layer it does not learn from millions of examples which of two numbers is larger.
        "model={kind: transformer, width: 32, heads: 2, feed_forward: 64, encoder_depth: 2, places: relative}",
        f"training={{mixture: [{{}}], epochs: {num_trained // num_of_round}, epoch_examples: {num_of_round}}}",
        f"training.batch_size={BATCH_SIZE}",
        "training.save_steps=250",
        "training.jit_compile=true",
        "training.optimizer={learning_rate: 0.003, schedule: cosine, warmup_steps: 500, beta_2: 0.98, clip_norm: 1.0}",
    ]


def train(
    num_equations: int, changes: list[str], *, folder: Path, seconds_between: float, kill_at: int | None
) -> dict[str, Any]:
    """Builds, trains and evaluates as far as that is not done, and returns the results; see the module.

    Args:
        num_equations: in the dataset.
        changes: of the recipe.
        folder: where all of it is.
        seconds_between: two rows on memory.
        kill_at: examples after which the training is killed, if it has not been yet, and resumed; None for never.
    """
    import eqstream

    data, run, memory = folder / "data", folder / "run", folder / "memory.csv"
    recipe = eqstream.load_recipe(RECIPE, changes)
    eqstream.build(recipe, data)
    options = [part for change in changes for part in ("--set", change)]
    command = [sys.executable, "-c", PROGRAM, "train", RECIPE, "--data", data, "--out", run, *options]
    is_going_on = count_epochs(run) < recipe.to_dict()["training"]["epochs"]
    while is_going_on:
        is_killed_now = kill_at is not None and count_examples(run) < kill_at
        resuming = ["--resume"] if run.exists() else []
        is_going_on = not watch(
            [*command, *resuming],
            run,
            memory,
            seconds_between=seconds_between,
            kill_at=kill_at if is_killed_now else None,
        )
    report = eqstream.evaluate(run)
    return {
        "equations": num_equations,
        "trained": count_examples(run),
        "memory": read_rows(memory),
        "log": read_rows(run / "log.csv"),
        "test": {key: report.to_dict()[key] for key in ("exact_match", "tables")},
    }


def watch(command: list[Any], run: Path, memory: Path, *, seconds_between: float, kill_at: int | None) -> bool:
    """Runs a training and adds a row on its memory to a CSV file every few seconds.

    Returns:
        whether it came to its end; else it was killed, after `kill_at` examples.

    Raises:
        SystemExit: the training failed; it has said why.
    """
    start, is_new = time.monotonic(), not memory.exists()
    with memory.open("a", newline="", encoding="utf-8") as file, subprocess.Popen(list(map(str, command))) as process:
        writer = csv.writer(file)
        if is_new:
            writer.writerow(COLUMNS)
        while process.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(seconds_between)
            sizes, num_examples = measure(process.pid), count_examples(run)
            # A process that has just ended has none.
            if sizes:
                writer.writerow([round(time.monotonic() - start, 1), num_examples, *sizes])
                file.flush()
            if kill_at is not None and num_examples >= kill_at:
                process.kill()
                process.wait()
                return False
    if process.returncode:
        raise SystemExit(f"long_training: the training failed with status {process.returncode}")
    return True


def measure(process: int) -> list[float]:
    """Returns CPU seconds and megabytes of a row of memory; nothing of a process that has ended."""
    try:
        lines = Path("/proc", str(process), "status").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    kibibytes = {name: value.split()[0] for name, _, value in (line.partition(":") for line in lines) if "kB" in value}
    if "VmRSS" not in kibibytes:
        return []
    times = psutil.Process(process).cpu_times()
    sizes = [round(int(kibibytes[name]) * 1024 / 1e6, 1) for name in ("VmRSS", "RssAnon", "VmHWM")]
    return [round(times.user + times.system, 1), *sizes]


def count_epochs(run: Path) -> int:
    """Returns the epochs that a training has finished."""
    log = run / "log.csv"
    return len(read_rows(log)) if log.is_file() else 0


def count_examples(run: Path) -> int:
    """Returns the examples that a training had seen when its state was last saved."""
    path = run / "state.npz"
    if not path.is_file():
        return 0
    with np.load(path) as state:
        progress = json.loads(str(state["progress"]))
    training = json.loads((run / "run.json").read_text(encoding="utf-8"))["recipe"]["training"]
    num_steps = training["epoch_examples"] // BATCH_SIZE
    return (progress["epoch"] * num_steps + progress["step"]) * BATCH_SIZE


def read_rows(path: Path) -> list[dict[str, float]]:
    """Returns the rows of a CSV file of numbers."""
    with path.open(newline="", encoding="utf-8") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


def draw(trainings: list[dict[str, Any]], path: Path) -> None:
    """Writes memory, loss and right answers of some trainings, by examples so far, as SVG."""
    # The same figures give the same bytes.
    with rc_context({"svg.hashsalt": "long-training", "svg.fonttype": "none"}):
        figure = Figure(figsize=(8, 7), layout="constrained")
        FigureCanvasSVG(figure)
        upper, middle, lower = figure.subplots(3, 1, sharex=True)
        for training, (colour, dashes, _) in zip(trainings, LINES, strict=False):
            style = {"color": colour, "linestyle": dashes, "label": f"{training['equations']:,} equations"}
            rows, log = training["memory"], training["log"]
            upper.plot([row["examples"] / 1e6 for row in rows], [row["resident_mb"] for row in rows], **style)
            places = [row["epoch"] / len(log) * training["trained"] / 1e6 for row in log]
            middle.plot(places, [row["loss"] for row in log], **style)
            lower.plot(places, [row["val_exact_match"] for row in log], **style)
        for axes, label in ((upper, "resident memory, MB"), (middle, "loss"), (lower, "right answers, share")):
            axes.set_ylabel(label)
            axes.set_ylim(bottom=0)
            axes.grid(color=GRID)
        upper.legend(frameon=False, loc="lower right")
        lower.set_xlabel("million examples trained on, read from disk")
        figure.savefig(path, metadata={"Date": None})


def main(argv: list[str] | None = None) -> None:
    """Trains on each size, prints what it took and what was learned, and writes figures and picture."""
    parser = argparse.ArgumentParser(prog="bench.long_training", description="Memory of trainings on large datasets.")
    sizes = [1_000_000, 50_000_000]
    parser.add_argument("--examples", type=int, nargs="+", default=sizes, help="sizes (default: 1 and 50 million)")
    parser.add_argument("--trained", type=int, help="at most so many come in each training (default: all, once)")
    parser.add_argument("--round", type=int, default=250_000, help="examples between validations (default: 250,000)")
    parser.add_argument("--kill", action="store_true", help="kill each training in the middle, once, and resume it")
    parser.add_argument("--seconds", type=float, default=5, help="between two rows (default: 5)")
    parser.add_argument("--out", type=Path, default=Path("out/long-training"), help="default: out/long-training")
    options = parser.parse_args(argv)
    machine = describe_machine()
    trainings = []
    for size in options.examples:
        folder = options.out / str(size)
        folder.mkdir(parents=True, exist_ok=True)
        num_trained = min(size, options.trained or size)
        changes = list_changes(size, num_trained, min(options.round, num_trained))
        kill_at = num_trained // 2 if options.kill else None
        trainings.append(train(size, changes, folder=folder, seconds_between=options.seconds, kill_at=kill_at))
        peak = max((row["peak_mb"] for row in trainings[-1]["memory"]), default=0)
        share = trainings[-1]["test"]["exact_match"]
        print(f"{size:,} equations, {trainings[-1]['trained']:,} trained: {peak:,.0f} MB at most, {share:.2%} right")
    document = json.dumps({"machine": machine, "trainings": trainings}, indent=1)
    (options.out / "long-training.json").write_text(document + "\n", encoding="utf-8")
    draw(trainings, options.out / "long-training.svg")


if __name__ == "__main__":
    main()
