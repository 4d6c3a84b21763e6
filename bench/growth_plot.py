"""The picture of what an equation costs; see `bench.growth`."""

from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from eqstream.seq2seq.figures.style import GRID, LINES, PALE

TERMS = ("brackets", "no brackets")
EQUATIONS = ("a + b, four digits",)


def draw(points: list[dict[str, Any]], path: Path) -> None:
    """Writes the picture as SVG: cost above memory, by number of terms and by number of equations."""
    # The same figures give the same bytes.
    with rc_context({"svg.hashsalt": "growth", "svg.fonttype": "none"}):
        figure = Figure(figsize=(9, 6), layout="constrained")
        FigureCanvasSVG(figure)
        (cost_of_terms, cost_of_number), (memory_of_terms, memory_of_number) = figure.subplots(2, 2, sharex="col")
        for axes, key, names in (
            (cost_of_terms, "cpu_nanoseconds", TERMS),
            (memory_of_terms, "peak_bytes", TERMS),
            (cost_of_number, "cpu_nanoseconds", EQUATIONS),
            (memory_of_number, "peak_bytes", EQUATIONS),
        ):
            _draw_lines(axes, points, key, names)
        cost_of_terms.set_ylabel("CPU time of each, microseconds")
        memory_of_terms.set_ylabel("most memory, MB")
        memory_of_terms.set_xlabel("terms (+ - *, operands 0 to 99; two terms: to 999)")
        memory_of_number.set_xlabel("equations (a + b, four digits)")
        for axes in (cost_of_number, memory_of_number):
            axes.set_xscale("log")
        for axes in (cost_of_terms, memory_of_terms, memory_of_number):
            axes.set_ylim(bottom=0)
        # From the price of starting a pipeline, for a few, to that of an equation.
        cost_of_number.set_yscale("log")
        cost_of_terms.legend(frameon=False)
        figure.savefig(path, metadata={"Date": None})


def _draw_lines(axes: Axes, points: list[dict[str, Any]], key: str, names: tuple[str, ...]) -> None:
    unit = 1e3 if key == "cpu_nanoseconds" else 1e6
    for name, (colour, dashes, marker) in zip(names, LINES, strict=False):
        own = [point for point in points if point["series"] == name]
        places, values = [point["place"] for point in own], [point[key] / unit for point in own]
        axes.plot(places, values, color=colour, linestyle=dashes, marker=marker, markersize=4, label=name)
    axes.grid(color=GRID)
    axes.tick_params(colors=PALE, labelcolor="black")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
