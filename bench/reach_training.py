"""One training of `make reach`, in a process of its own: dataset, training, evaluation on everything unseen.

Keys of a spec: `recipe`, `overrides`, `folder` (for the dataset and the run; what is finished there is not done again).
Keys of a result: `num_examples`, `num_parameters`, `num_epochs`, `seconds` (of all epochs, compiling and the evaluation
of the validation sample included, as the run's log has them), `reached` (best value of what early stopping watches, or
None), `target` (its goal, or None), `num_unseen`, `num_wrong`, `wrong` (some questions with a wrong answer).
"""

import csv
import json
from pathlib import Path
from typing import Any

Spec = dict[str, Any]


def train_and_evaluate(spec: Spec) -> dict[str, Any]:
    """Returns the result of a spec; see the module."""
    from eqstream.data.recipe_files import load_recipe
    from eqstream.pipelines.build import build
    from eqstream.seq2seq.config.sections import ModelRecipe
    from eqstream.seq2seq.evaluate import evaluate
    from eqstream.seq2seq.runs.run_directory import RunDirectory
    from eqstream.seq2seq.train import train

    recipe = load_recipe(spec["recipe"], spec["overrides"])
    data, run = Path(spec["folder"]) / "data", RunDirectory(Path(spec["folder"]) / "run")
    build(recipe, data)
    report = train(recipe, data, run.path, resume=run.exists, report=lambda line: print(line, flush=True))
    evaluation = evaluate(run.path, unseen=True)
    stopping = ModelRecipe.from_recipe(recipe).training.early_stopping
    rows = read_log(run.log_csv)
    return {
        "num_examples": report.num_examples,
        "num_parameters": report.num_parameters,
        "num_epochs": report.num_epochs,
        "seconds": sum(float(row["seconds"]) for row in rows),
        "reached": None if stopping is None else max(float(row[stopping.monitor]) for row in rows),
        "target": None if stopping is None else stopping.target,
        "num_unseen": evaluation.num_examples,
        "num_wrong": evaluation.num_examples - evaluation.num_right,
        "wrong": [mistake.question for mistake in evaluation.worst],
    }


def read_log(path: Path) -> list[dict[str, str]]:
    """Returns the rows of a run's log, one an epoch."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def run_one(spec_path: str, result_path: str) -> None:
    """Carries out the spec of one JSON file and writes the result to another."""
    result = train_and_evaluate(json.loads(Path(spec_path).read_text(encoding="utf-8")))
    Path(result_path).write_text(json.dumps(result), encoding="utf-8")
