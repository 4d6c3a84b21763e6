"""Equations straight from a recipe: by index, without end, and as arrays; nothing is written.

python examples/equations_without_files.py --recipe decimals
"""

import argparse
import random
from itertools import islice

import eqstream


def main() -> None:
    """Prints some equations of each kind."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--recipe", default="decimals", help="a YAML file or the name of a recipe")
    parser.add_argument("--count", type=int, default=3)
    arguments = parser.parse_args()
    # Any key of a recipe can be changed.
    recipe = eqstream.load_recipe(arguments.recipe, {"seed": 7})

    space = eqstream.EquationSpace(recipe)
    print(f"{space.size:,} indices, of which some at random:")
    numbers = random.Random(0)
    for _ in range(arguments.count):
        index = numbers.randrange(space.size)
        try:
            print(f"  {index:,}: {space[index]}")
        except LookupError as error:
            # Some divisions have no answer in the space.
            print(f"  {error}")

    print("from the stream of `train`, which never gives what other splits hold:")
    first = list(islice(eqstream.equations(recipe, "train"), arguments.count))
    for equation in first:
        print(f"  {equation}  ({equation.carries} carries, index {space.index_of(equation):,})")

    print("the same as batches of tokens, without end:")
    for question, answer in eqstream.stream(recipe, "train", batch_size=arguments.count).take(1):
        print(f"  questions {question.numpy().tolist()}")
        print(f"  answers {answer.numpy().tolist()}")


if __name__ == "__main__":
    main()
