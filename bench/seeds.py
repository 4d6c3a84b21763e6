"""`python -m bench.seeds RUN...`: how far trainings of one recipe, which differ in their seeds, come epoch by epoch.

Nothing is trained or evaluated: the figures are those of the runs' logs. Prints for each run the first epoch that
reaches the goal, the best value and its epoch, and the CPU time of all epochs. Writes `NAME.json` and `NAME.svg`, for
the `--out NAME`: the metric after each epoch of each run, and what it lacks to one as a picture.
"""

import argparse
import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from eqstream.seq2seq.config.sections import TrainingRecipe
from eqstream.seq2seq.figures.style import GRID, KEPT, LINES, PALE

METRIC = "val_padded_token_accuracy"


def read_run(run: Path, metric: str) -> dict[str, Any]:
    """Returns `recipe`, the seeds of data and training, `values` of a metric, one an epoch, and `cpu_seconds`.

    Raises:
        SystemExit: there is no such run, or the metric is not in its log.
    """
    try:
        recipe = json.loads((run / "run.json").read_text(encoding="utf-8"))["recipe"]
        with (run / "log.csv").open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except FileNotFoundError as error:
        raise SystemExit(f"seeds: {error.filename} is missing: is {run} the directory of a training?") from None
    if not rows or metric not in rows[0]:
        raise SystemExit(f"seeds: the log of {run} has no `{metric}`")
    return {
        "recipe": recipe["name"],
        "seed": recipe["seed"],
        "training_seed": recipe["training"].get("seed", TrainingRecipe.seed),
        "values": [float(row[metric]) for row in rows],
        "cpu_seconds": round(sum(float(row["cpu_seconds"]) for row in rows), 1),
    }


def describe(run: dict[str, Any], goal: float) -> str:
    """Returns a line on how far a run came."""
    values = run["values"]
    best = max(values)
    first = next((epoch for epoch, value in enumerate(values, start=1) if value >= goal), None)
    reached = f"{goal:g} after {first} epochs" if first else f"{goal:g} never"
    return (
        f"{name_seeds(run)}: {reached}; best {best:.4f} after {values.index(best) + 1} of {len(values)} epochs, "
        f"{run['cpu_seconds']:,.0f} CPU s"
    )


def name_seeds(run: dict[str, Any]) -> str:
    """Returns the seeds of a run."""
    return f"seed {run['seed']} of data, {run['training_seed']} of training"


def draw(runs: Sequence[dict[str, Any]], metric: str, goal: float, path: Path) -> None:
    """Writes what the metric lacks to one, by epoch, a line for each run, as SVG."""
    # The same figures give the same bytes.
    with rc_context({"svg.hashsalt": "seeds", "svg.fonttype": "none"}):
        figure = Figure(figsize=(8, 4.5), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.subplots()
        for number, run in enumerate(runs):
            colour, dashes, _ = LINES[number % len(LINES)]
            # The lines of a second round are paler.
            style = {"color": colour, "linestyle": dashes, "alpha": 1.0 if number < len(LINES) else 0.5}
            epochs = range(1, len(run["values"]) + 1)
            axes.plot(epochs, [1 - value for value in run["values"]], label=name_seeds(run), **style)
        axes.axhline(1 - goal, color=KEPT, linestyle=(0, (5, 2)), label=f"goal, {goal:g}")
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g} %"))
        axes.set(xlabel="epoch", ylabel=f"1 - {metric}")
        axes.grid(color=GRID)
        axes.tick_params(colors=PALE, labelcolor="black")
        axes.legend(frameon=False)
        figure.savefig(path, metadata={"Date": None})


def main(argv: list[str] | None = None) -> None:
    """Reads the runs, prints how far each came, and writes figures and picture."""
    parser = argparse.ArgumentParser(prog="bench.seeds", description="Trainings of one recipe, epoch by epoch.")
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN")
    parser.add_argument("--metric", default=METRIC, help=f"a column of the logs, a share (default: {METRIC})")
    parser.add_argument("--goal", type=float, default=0.999, help="of the metric (default: 0.999)")
    parser.add_argument("--out", type=Path, default=Path("out/seeds"), help="without ending (default: out/seeds)")
    options = parser.parse_args(argv)
    runs = sorted(
        (read_run(run, options.metric) for run in options.runs), key=lambda run: (run["seed"], run["training_seed"])
    )
    recipes = sorted({run["recipe"] for run in runs})
    if len(recipes) > 1:
        raise SystemExit(f"seeds: the runs are of several recipes: {', '.join(recipes)}")
    for run in runs:
        print(describe(run, options.goal))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    document = {"metric": options.metric, "goal": options.goal, "runs": runs}
    options.out.with_name(options.out.name + ".json").write_text(json.dumps(document) + "\n", encoding="utf-8")
    draw(runs, options.metric, options.goal, options.out.with_name(options.out.name + ".svg"))


if __name__ == "__main__":
    main()
