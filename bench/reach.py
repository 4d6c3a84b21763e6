"""`python -m bench.reach`: how fast and from how few examples models learn three-digit addition, in one table.

Each part is a fresh process and leaves a result in the output directory. A part that has one is not measured again, and
a training that was stopped goes on where it was; so the same command can be given until all is done. The parts:

| part | what it trains |
| --- | --- |
| `speed` | the published LSTM until 0.999 of the characters are right, and our recipe on as many examples |
| `samples` | our recipes for 1,000 and 5,000 examples |
| `throughput` | one recipe of each kind of model, for some seconds, beside the machine's own speed |

Each seed is that of the dataset and of the training. Our trainings choose their best epoch on the examples they are
trained on, so that nothing else is ever looked at before the evaluation.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.reach_table import render

LSTM = "prior-lstm-256"
SPEED = "addition-3digit"
SAMPLES = ("addition-3digit-1k", "addition-3digit-5k")
THROUGHPUT = (
    "prior-lstm-256",
    "addition-3digit-feedback",
    "addition-3digit-attention",
    "addition-3digit",
    "prior-lstm-regression",
    "prior-mlp-regression",
)
PARTS = ("speed", "samples", "throughput")
MODULES = {"speed": "bench.reach_training", "samples": "bench.reach_training", "throughput": "bench.throughput"}
CALL = "import sys; from importlib import import_module; import_module(sys.argv[1]).run_one(*sys.argv[2:])"
THROUGHPUT_SECONDS = 15.0


@dataclass(frozen=True, kw_only=True)
class Task:
    """One process's work: `seed` is None where none is varied."""

    part: str
    recipe: str
    seed: int | None
    overrides: tuple[str, ...]

    def spec(self, folder: Path) -> dict[str, Any]:
        """Returns what the process is told; everything it leaves is under `folder`."""
        spec = {"recipe": self.recipe, "overrides": list(self.overrides), "folder": str(folder / self.name)}
        return spec | ({"num_seconds": THROUGHPUT_SECONDS} if self.part == "throughput" else {})

    @property
    def name(self) -> str:
        """The name of its folder: another recipe, seed or override never meets what this one left."""
        digest = hashlib.sha256("\n".join(self.overrides).encode()).hexdigest()[:8]
        return f"{self.part}-{self.recipe}-{'any' if self.seed is None else self.seed}-{digest}"


def list_tasks(parts: Sequence[str], num_seeds: int, overrides: Sequence[str]) -> list[Task]:
    """Returns the work of some parts, the short tasks before the long one."""
    ours = {"speed": (SPEED,), "samples": SAMPLES, "throughput": ()}
    tasks = []
    for part in parts:
        for recipe in ours[part]:
            for seed in range(num_seeds):
                own = (f"seed={seed}", f"training.seed={seed}", "training.validation_split=train")
                tasks.append(Task(part=part, recipe=recipe, seed=seed, overrides=(*own, *overrides)))
        if part == "throughput":
            tasks += [Task(part=part, recipe=each, seed=None, overrides=tuple(overrides)) for each in THROUGHPUT]
    if "speed" in parts:
        tasks.append(Task(part="speed", recipe=LSTM, seed=0, overrides=tuple(overrides)))
    return tasks


def run_task(task: Task, folder: Path) -> dict[str, Any]:
    """Returns the result of a task, from its folder if it is there.

    Raises:
        SystemExit: the process failed; it has said why.
    """
    spec = task.spec(folder)
    place = Path(spec["folder"])
    result = place / "result.json"
    if not result.exists():
        print(f"reach: {task.part}, {task.recipe}, seed {task.seed}", file=sys.stderr, flush=True)
        place.mkdir(parents=True, exist_ok=True)
        (place / "spec.json").write_text(json.dumps(spec, indent=2), encoding="utf-8")
        aside = place / "result.partial.json"
        command = [sys.executable, "-c", CALL, MODULES[task.part], str(place / "spec.json"), str(aside)]
        with (place / "output.txt").open("a", encoding="utf-8") as output:
            environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
            done = subprocess.run(command, env=environment, stdout=output, stderr=output, check=False)
        if done.returncode != 0:
            raise SystemExit(f"reach: {task.recipe} failed: see {place / 'output.txt'}")
        aside.replace(result)
    return json.loads(result.read_text(encoding="utf-8"))


def main(argv: list[str] | None = None) -> None:
    """Measures what is not measured yet, prints the table and writes it."""
    parser = argparse.ArgumentParser(
        prog="bench.reach", description="Three-digit addition: speed, samples, throughput."
    )
    parser.add_argument("--only", choices=PARTS, action="append", help="this part alone; may be given again")
    parser.add_argument("--seeds", type=int, default=5, help="seeds of each of our recipes (default: 5)")
    parser.add_argument("--out", type=Path, default=Path("out/reach"), help="where all goes (default: out/reach)")
    parser.add_argument(
        "--set", dest="overrides", action="append", default=[], metavar="KEY=VALUE", help="change a key of all recipes"
    )
    options = parser.parse_args(argv)
    if options.seeds < 1:
        parser.error(f"--seeds must be at least 1, got {options.seeds}")
    rows = [
        {"part": task.part, "recipe": task.recipe, "seed": task.seed, **run_task(task, options.out)}
        for task in list_tasks(options.only or PARTS, options.seeds, options.overrides)
    ]
    text = render(rows, reference=LSTM)
    print(text, end="")
    (options.out / "reach.txt").write_text(text, encoding="utf-8")
    (options.out / "reach.json").write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
