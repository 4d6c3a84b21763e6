"""Each step that the page about worked solutions shows is the one that the rules prescribe."""

import itertools
import re
from pathlib import Path

from eqstream.data.reference.parsing import parse
from eqstream.data.reference.solution import line_text, next_line

PAGE = (Path(__file__).parents[2] / "docs" / "solutions.md").read_text(encoding="utf-8")
DIVISIONS = ("exact", "quotient", "decimal", "fraction")
PLACES = 2


def list_chains():
    """The chains of lines on the page: with arrows in code, or one below the other in indented blocks."""
    blocks = re.findall(r"(?:^ {4}.*\n)+", PAGE, flags=re.MULTILINE)
    rows = [row for block in blocks for row in block.splitlines() if "→" in row]
    yield from (row.split("→") for row in rows + re.findall(r"`([^`\n]*→[^`\n]*)`", PAGE))
    yield from (block.splitlines() for block in blocks if "→" not in block)


def follow(line):
    for division, factored in [*((division, False) for division in DIVISIONS), ("fraction", True)]:
        try:
            yield line_text(next_line(parse(line), division, PLACES, factored=factored), division)
        except ArithmeticError:
            continue


def test_each_step_of_the_page_follows_the_rules():
    steps = [(line.strip(), after.strip()) for chain in list_chains() for line, after in itertools.pairwise(chain)]
    shown = [(line, after) for line, after in steps if "…" not in (line, after)]
    assert len(shown) > 30
    for line, after in shown:
        assert after in follow(line), f"{line} → {after}"
