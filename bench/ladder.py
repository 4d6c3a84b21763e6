"""`python -m bench.ladder RUN...`: what trained models get right, one row a recipe, from the directories of their runs.

A row stands for all seeds of a recipe that were judged on the same examples. It has what `eqstream evaluate` has left
in their `reports`; nothing is computed anew. Of several seeds it has the worst, of times the longest. Columns:

| column | meaning |
| --- | --- |
| recipe, seeds | name of the recipe; how many runs |
| judged on | the split, or `all-unseen` |
| examples | different ones in the training split; of an endless stream those of all epochs |
| epochs | as the run counts them; of a mixture they are as long as its recipe says |
| parameters | of the model |
| CPU s | CPU time of all epochs, with compiling and the evaluation after each epoch; as long as the log tells |
| judged | examples, the fewest of the seeds |
| wrong | whole answers, the most of the seeds |
| edge cases wrong | of how many, the most of the seeds |
| lines off | lines of solutions that are not the prescribed next one, of how many, the most of the seeds |
"""

import argparse
import csv
import json
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

HEAD = (
    "recipe",
    "judged on",
    "seeds",
    "examples",
    "epochs",
    "parameters",
    "CPU s",
    "judged",
    "wrong",
    "edge cases wrong",
    "lines off",
)
_NUM_TEXTS = 2


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One report of one run; see the columns in the module."""

    recipe: str
    judged_on: str
    num_examples: int
    num_epochs: int
    num_parameters: int
    cpu_seconds: float | None
    num_judged: int
    num_wrong: int
    num_edge_cases: int
    num_edge_cases_wrong: int
    num_lines: int = 0
    num_lines_off: int = 0


def read_verdicts(run: Path) -> Iterator[Verdict]:
    """Yields a verdict for each report of a run.

    Raises:
        UserError: `run` is no run's directory, or its dataset is gone.
    """
    from eqstream.seq2seq.runs.run_directory import RunDirectory

    directory = RunDirectory(run)
    description, recipe = directory.read_description(), directory.read_recipe()
    with directory.log_csv.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    seconds = [float(row["cpu_seconds"]) for row in rows if row.get("cpu_seconds")]
    num_parameters = count_parameters(directory.model_keras)
    num_examples = _count_examples(description, len(rows))
    for path in sorted(directory.reports.glob("*.json")):
        report = json.loads(path.read_text(encoding="utf-8"))
        edges = report["edge_cases"]
        # Reports of older runs count no lines.
        lines = (report.get("solutions") or {}).get("lines", {"num_lines": 0, "num_prescribed": 0})
        yield Verdict(
            recipe=recipe.name,
            judged_on=report["name"],
            num_examples=num_examples,
            num_epochs=len(rows),
            num_parameters=num_parameters,
            cpu_seconds=sum(seconds) if len(seconds) == len(rows) else None,
            num_judged=report["num_examples"],
            num_wrong=report["num_examples"] - report["num_right"],
            num_edge_cases=len(edges),
            num_edge_cases_wrong=sum(not each["is_right"] for each in edges),
            num_lines=lines["num_lines"],
            num_lines_off=lines["num_lines"] - lines["num_prescribed"],
        )


def _count_examples(description: dict[str, Any], num_epochs: int) -> int:
    from eqstream.data.dataset.manifest_file import load_manifest
    from eqstream.data.recipe import Recipe
    from eqstream.seq2seq.config.sections import ModelRecipe

    training = ModelRecipe.from_recipe(Recipe.from_dict(description["recipe"])).training
    if training.source == "fresh" and training.epoch_examples is not None:
        return num_epochs * training.epoch_examples
    return load_manifest(description["data_directory"]).split(training.train_split).num_equations


def count_parameters(model: Path) -> int:
    """Returns the number of weights in a `.keras` file, those of the optimizer left out."""
    import h5py

    sizes: list[int] = []

    def add(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and not name.startswith(("optimizer/", "seed_generator", "shifts/")):
            sizes.append(int(item.size))

    with zipfile.ZipFile(model) as archive, h5py.File(BytesIO(archive.read("model.weights.h5"))) as file:
        file.visititems(add)
    return sum(sizes)


def render(verdicts: Sequence[Verdict]) -> str:
    """Returns the table as Markdown, a row for each recipe and what it is judged on, in the order of appearance."""
    groups: dict[tuple[str, str], list[Verdict]] = {}
    for verdict in verdicts:
        groups.setdefault((verdict.recipe, verdict.judged_on), []).append(verdict)
    lines = [HEAD, tuple("---" if column < _NUM_TEXTS else "---:" for column in range(len(HEAD)))]
    lines += [_summarise(group) for group in groups.values()]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _summarise(group: Sequence[Verdict]) -> tuple[str, ...]:
    def most(number_of: Callable[[Verdict], float]) -> str:
        return f"{max(map(number_of, group)):,.0f}"

    times = [each.cpu_seconds for each in group if each.cpu_seconds is not None]
    edges = max(group, key=lambda each: each.num_edge_cases_wrong)
    lines = max(group, key=lambda each: each.num_lines_off)
    return (
        f"`{group[0].recipe}`",
        f"`{group[0].judged_on}`",
        f"{len(group)}",
        most(lambda each: each.num_examples),
        most(lambda each: each.num_epochs),
        most(lambda each: each.num_parameters),
        f"{max(times):,.0f}" if len(times) == len(group) else "",
        f"{min(each.num_judged for each in group):,}",
        most(lambda each: each.num_wrong),
        f"{edges.num_edge_cases_wrong} of {edges.num_edge_cases}",
        f"{lines.num_lines_off:,} of {lines.num_lines:,}" if lines.num_lines else "",
    )


def main(argv: list[str] | None = None) -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(prog="bench.ladder", description="What trained models get right, as a table.")
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="the directory of a run, evaluated before")
    options = parser.parse_args(argv)
    print(render([verdict for run in options.runs for verdict in read_verdicts(run)]), end="")


if __name__ == "__main__":
    main()
