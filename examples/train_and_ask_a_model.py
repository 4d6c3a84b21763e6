"""Trains the model of a recipe, evaluates it, and asks it questions.

python examples/train_and_ask_a_model.py --out out/model "31 + 87" "999 + 1"
"""

import argparse
from pathlib import Path

import eqstream


def main() -> None:
    """Builds, trains, evaluates and asks."""
    parser = argparse.ArgumentParser()
    parser.add_argument("questions", nargs="*", default=["31 + 87", "999 + 1"])
    parser.add_argument("--recipe", default="addition-3digit", help="a YAML file or the name of a recipe")
    parser.add_argument("--out", type=Path, default=Path("out/model"), help="where dataset and run go")
    parser.add_argument("--epochs", type=int, help="instead of the recipe's own")
    arguments = parser.parse_args()
    changes = {} if arguments.epochs is None else {"training.epochs": arguments.epochs}
    recipe = eqstream.load_recipe(arguments.recipe, changes)

    eqstream.build(recipe, arguments.out / "data", progress=True)
    run = arguments.out / "run"
    report = eqstream.train(recipe, arguments.out / "data", run, overwrite=True)
    print(f"best epoch: {report.best_epoch} of {report.num_epochs}")

    # Exact match: the whole answer is right, on equations that the model was not trained on.
    result = eqstream.evaluate(run)
    print(f"exact match on {result.split}: {result.exact_match:.2%} of {result.num_examples:,}")

    model = eqstream.load_model(run)
    print(f"{arguments.questions[0]} = {model(arguments.questions[0])}")
    for prediction in model.predict(arguments.questions):
        print(prediction.to_text())


if __name__ == "__main__":
    main()
