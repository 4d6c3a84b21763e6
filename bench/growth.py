"""`python -m bench.growth`: what an equation costs, by number of terms and by number of equations, and how much memory.

Each point is a whole build in a process of its own, from the recipe to checked shards. Its cost is the time of all its
threads on a core, so that other work on the machine matters little. Writes `growth.json` and `growth.svg` to the output
directory; `--draw` draws the picture anew from figures that are there.
"""

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.cases import Case
from bench.growth_plot import draw
from bench.run import describe_machine, run_case

TERMS = range(2, 13)
EQUATIONS_OF_TERMS = 500_000
EQUATIONS = (1_000, 10_000, 100_000, 1_000_000, 10_000_000, 50_000_000)
# Builds of more equations than this are made once.
MOST_REPEATED = 1_000_000


def list_cases(repeats: int, limit: int) -> Iterator[tuple[str, int, Case]]:
    """Yields (series, place on its axis, case), the short ones first."""
    for terms in TERMS:
        for series, recipe in (("brackets", "brackets"), ("no brackets", "mixed-4")):
            # There are but 30,000 equations of two terms up to 99.
            most = 999 if terms == 2 else 99
            overrides = (
                "sampling=uniform",
                f"space.terms={terms}",
                f"space.operands.max={most}",
                "space.operators='+-*'",
            )
            yield series, terms, _make_case(recipe, overrides, num_records=EQUATIONS_OF_TERMS, repeats=repeats)
    for num_equations in EQUATIONS:
        if num_equations <= limit:
            times = repeats if num_equations <= MOST_REPEATED else 1
            overrides = ("space.operands.max=9999",)
            yield (
                "a + b, four digits",
                num_equations,
                _make_case("addition-3digit", overrides, num_records=num_equations, repeats=times),
            )


def _make_case(recipe: str, overrides: tuple[str, ...], *, num_records: int, repeats: int) -> Case:
    return Case(
        data="growth",
        format="tfrecord",
        way=" ".join(overrides),
        method="eqstream",
        num_records=num_records,
        recipe=recipe,
        overrides=overrides,
        repeats=repeats,
    )


def measure(repeats: int, limit: int) -> list[dict[str, Any]]:
    """Returns the points: series, place, median nanoseconds of an equation, and most memory of one process in bytes."""
    points = []
    with tempfile.TemporaryDirectory(prefix="growth-") as name:
        for series, place, case in list_cases(repeats, limit):
            print(f"growth: {series}, {place:,}", file=sys.stderr, flush=True)
            results = [run_case(case, Path(name)) for _ in range(case.repeats)]
            seconds = statistics.median(result["cpu_seconds"] for result in results)
            points.append(
                {
                    "series": series,
                    "place": place,
                    "cpu_nanoseconds": seconds / case.num_records * 1e9,
                    "peak_bytes": max(result["peak_bytes"] for result in results),
                }
            )
    return points


def main(argv: list[str] | None = None) -> None:
    """Measures and draws."""
    parser = argparse.ArgumentParser(prog="bench.growth", description="What an equation costs.")
    parser.add_argument("--repeats", type=int, default=3, help="builds of each point up to a million (default: 3)")
    parser.add_argument(
        "--limit", type=int, default=EQUATIONS[-1], help="the largest build (default: 50 million, 6 GB)"
    )
    parser.add_argument("--draw", action="store_true", help="measure nothing: draw growth.json")
    parser.add_argument("--out", type=Path, default=Path("docs"), help="where the figures go (default: docs)")
    options = parser.parse_args(argv)
    figures = options.out / "growth.json"
    if not options.draw:
        document = {"machine": describe_machine(), "points": measure(options.repeats, options.limit)}
        figures.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    draw(json.loads(figures.read_text(encoding="utf-8"))["points"], options.out / "growth.svg")


if __name__ == "__main__":
    main()
