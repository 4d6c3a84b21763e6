"""Maps of right and wrong answers, and of what goes on inside a model: data in, a matplotlib figure out.

Nothing here touches matplotlib's global state.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import Locator

from eqstream.data.recipe_values import OPERATORS
from eqstream.seq2seq.analysis.share_text import share_text
from eqstream.seq2seq.figures.style import AMOUNTS, EMPTY, PALE, RIGHT, SHARES, SIGNED, WRONG, bounded

_MAX_LABELLED_LENGTHS = 12
_MAX_LABELLED_SHARES = 200
_PANEL_INCHES = 4.6
_PANEL_POINTS = 0.8 * 72 * _PANEL_INCHES  # of the plane itself, without its labels
# Largest operand over the usual one, from which on a linear axis would show a clot in its corner.
_WIDE = 20
_MIN_OUTLINED = 12.0  # square points


def draw_error_map(
    title: str,
    operands: np.ndarray,
    is_right: np.ndarray,
    *,
    operators: Sequence[str] | None = None,
    bounds: tuple[float, float] | None = None,
) -> Figure:
    """Returns a dot for each right and a cross for each wrong answer in the plane of the two operands.

    Each operator has a plane of its own. The rarer kind lies on top, and the rarer it is the larger it is drawn, so
    that a single one is seen. Where most operands are small beside the largest, the axes are logarithmic.

    Args:
        title: of the picture.
        operands: float (num_examples, 2).
        is_right: bool (num_examples,).
        operators: of each example; None if they are all the same.
        bounds: smallest and largest operand of the space, which all axes show; None for what there is.
    """
    groups = _group_by_operator(operators, len(is_right))
    figure, panels = _add_panels(title, groups, _PANEL_INCHES)
    magnitudes = np.abs(operands)
    is_wide = magnitudes.max() > _WIDE * max(float(np.median(magnitudes)), 1.0)
    for axes, rows in zip(panels, groups.values(), strict=True):
        _draw_points(axes, operands[rows], is_right[rows])
        if bounds is not None and not is_wide:
            margin = 0.03 * (bounds[1] - bounds[0]) or 1.0
            limits = (bounds[0] - margin, bounds[1] + margin)
            axes.set(xlim=limits, ylim=limits)
        axes.set(xlabel="first operand", ylabel="second operand")
        if is_wide:
            axes.set_xscale("symlog", linthresh=1, linscale=0.4)
            axes.set_yscale("symlog", linthresh=1, linscale=0.4)
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_locator(_FewDecades())
        axes.set_aspect("equal", adjustable="datalim" if is_wide else "box")
    marks = [("o", RIGHT, "right", is_right), ("X", WRONG, "wrong", ~is_right)]
    handles = [
        Line2D([], [], linestyle="", marker=marker, markersize=7, color=colour, markeredgecolor="white")
        for marker, colour, _, _ in marks
    ]
    labels = [f"{name} ({int(which.sum()):,})" for _, _, name, which in marks]
    figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False)
    return figure


class _FewDecades(Locator):
    """Ticks at zero and at some powers of ten to either side, few enough for their labels."""

    def __call__(self) -> list[float]:
        """Returns the ticks within the axis."""
        if self.axis is None:
            return []
        return self.tick_values(*self.axis.get_view_interval())

    def tick_values(self, vmin: float, vmax: float) -> list[float]:
        """Returns the ticks between two values."""
        last = int(math.log10(max(abs(vmin), abs(vmax), 1.0)))
        step = max(1, -(-last // 4))
        powers = [10.0**power for power in range(last, 0 if vmin < 0 else -1, -step)]
        return [tick for tick in (*(-power for power in powers), 0.0, *reversed(powers)) if vmin <= tick <= vmax]


def _draw_points(axes: Axes, operands: np.ndarray, is_right: np.ndarray) -> None:
    area, num_points = _PANEL_POINTS**2, len(is_right)
    kinds = [(is_right, RIGHT, "o"), (~is_right, WRONG, "X")]
    kinds.sort(key=lambda kind: int(kind[0].sum()), reverse=True)
    for level, (is_chosen, colour, marker) in enumerate(kinds):
        count = int(is_chosen.sum())
        # The points cover what their share of the plane is, and the rarer ones enough of it to be seen.
        share = max(0.6 * count / num_points, 0.05 * level)
        size = bounded(share * area / max(count, 1), 0.5, 40.0 + 10 * level)
        axes.scatter(
            *operands[is_chosen].T,
            s=size,
            color=colour,
            marker=marker,
            edgecolors="white" if level and colour == WRONG else PALE,
            linewidths=0.6 if level and size > _MIN_OUTLINED else 0.0,
            zorder=2 + level,
            # Drawn as pixels even in SVG: tens of thousands of shapes open slowly.
            rasterized=True,
        )


def draw_length_map(
    title: str, lengths: np.ndarray, is_right: np.ndarray, *, operators: Sequence[str] | None = None
) -> Figure:
    """Returns exact match by the digits of the two operands, with the number of examples in each cell.

    Args:
        title: of the picture.
        lengths: int (num_examples, 2), from 1 on.
        is_right: bool (num_examples,).
        operators: of each example; None if they are all the same. Each has a plane of its own.
    """
    groups = _group_by_operator(operators, len(is_right))
    low, high = int(lengths.min()), int(lengths.max())
    size = high - low + 1
    inches = bounded(1.2 + 0.85 * size, 3.4, 8.0) if size <= _MAX_LABELLED_LENGTHS else 6.0
    figure, panels = _add_panels(title, groups, inches)
    image = None
    for axes, rows in zip(panels, groups.values(), strict=True):
        cells = (lengths[rows, 1] - low) * size + lengths[rows, 0] - low
        totals = np.bincount(cells, minlength=size * size).reshape(size, size)
        rights = np.bincount(cells, weights=is_right[rows], minlength=size * size).reshape(size, size).astype(int)
        shares = np.divide(rights, totals, out=np.full(totals.shape, np.nan), where=totals > 0)
        image = axes.imshow(shares, cmap=SHARES, vmin=0.0, vmax=1.0, interpolation="nearest", origin="lower")
        axes.patch.set(facecolor=EMPTY, hatch="//", edgecolor="white")
        if size <= _MAX_LABELLED_LENGTHS:
            _label_cells(axes, rights, totals)
        step = -(-size // _MAX_LABELLED_LENGTHS)
        ticks = range(0, size, step)
        axes.set_xticks(ticks, [str(low + tick) for tick in ticks])
        axes.set_yticks(ticks, [str(low + tick) for tick in ticks])
        axes.set(xlabel="digits of the first operand", ylabel="digits of the second operand")
    if image is not None:
        bar = figure.colorbar(image, ax=panels, label="exact match", format="{x:.0%}")
        bar.outline.set_linewidth(0.5)
    return figure


def _label_cells(axes: Axes, rights: np.ndarray, totals: np.ndarray) -> None:
    for (row, column), total in np.ndenumerate(totals):
        right = int(rights[row, column])
        text = f"{share_text(right / int(total), decimals=2)}\n" if total else "none"
        if total:
            text += f"{total - right:,} wrong\n" if right < total else ""
            text += f"of {total:,}"
        colour = PALE if not total else _readable_on(SHARES(right / int(total)))
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize="small")


def _readable_on(colour: Sequence[float]) -> str:
    """Returns white or black, whichever stands out from a colour, red, green and blue from 0 to 1."""
    return "white" if np.dot(colour[:3], (0.2126, 0.7152, 0.0722)) < 0.5 else "black"


def draw_attention(title: str, shares: np.ndarray, *, asked: Sequence[str], written: Sequence[str]) -> Figure:
    """Returns where the model looks while it writes.

    Args:
        title: of the picture.
        shares: float (num_steps, num_tokens), each row sums to 1.
        asked: sign of each token of the question.
        written: sign of each token of the answer.
    """
    # As light as it gets: attention that is spread would be dark all over.
    limit = float(shares.max())
    size = (bounded(2.2 + 0.5 * len(asked), 4.8, 14.0), bounded(1.7 + 0.42 * len(written), 3.0, 14.0))
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.add_subplot()
    _draw_matrix(figure, axes, shares, label="share of attention", limits=(0.0, limit))
    if shares.size <= _MAX_LABELLED_SHARES:
        for (row, column), share in np.ndenumerate(shares):
            if share >= 0.05:
                colour = "white" if share < limit / 2 else "black"
                axes.text(column, row, f"{share:.2f}", ha="center", va="center", color=colour, fontsize="x-small")
    axes.set_xticks(range(len(asked)), asked, fontsize="large")
    axes.set_yticks(range(len(written)), written, fontsize="large")
    axes.set(title=title, xlabel="question, as it is read", ylabel="answer,\nas it is written")
    return figure


def draw_activations(title: str, activations: np.ndarray, asked: Sequence[str]) -> Figure:
    """Returns the encoder's outputs character by character, the units in the order of their means.

    Args:
        title: of the picture.
        activations: float (num_tokens, width).
        asked: sign of each token of the question.
    """
    limit = float(np.abs(activations).max()) or 1.0
    figure = Figure(figsize=(bounded(2.2 + 0.5 * len(asked), 4.8, 14.0), 5.2), layout="constrained")
    axes = figure.add_subplot()
    units = activations[:, np.argsort(-activations.mean(axis=0), kind="stable")]
    _draw_matrix(figure, axes, units.T, label="activation", limits=(-limit, limit), colours=SIGNED)
    axes.set_xticks(range(len(asked)), asked, fontsize="large")
    axes.set(title=title, xlabel="question, as it is read", ylabel="units of the encoder, sorted by their means")
    return figure


def _draw_matrix(
    figure: Figure,
    axes: Axes,
    values: np.ndarray,
    *,
    label: str,
    limits: tuple[float, float],
    colours: str = AMOUNTS,
) -> None:
    low, high = limits
    image = axes.imshow(values, cmap=colours, vmin=low, vmax=high, aspect="auto", interpolation="nearest")
    bar = figure.colorbar(image, ax=axes, label=label)
    bar.outline.set_linewidth(0.5)


def _group_by_operator(operators: Sequence[str] | None, num_examples: int) -> Mapping[str, np.ndarray]:
    """Returns for each operator which examples have it; one nameless group where there is but one."""
    names = sorted(set(operators or ()), key=OPERATORS.index)
    if operators is None or len(names) < 2:
        return {"": np.arange(num_examples)}
    signs = np.array(operators)
    return {name: np.flatnonzero(signs == name) for name in names}


def _add_panels(title: str, groups: Mapping[str, np.ndarray], inches: float) -> tuple[Figure, list[Axes]]:
    num_columns = 2 if len(groups) == 4 else len(groups)
    num_rows = -(-len(groups) // num_columns)
    figure = Figure(figsize=(inches * num_columns + 1.0, inches * num_rows + 1.4), layout="compressed")
    figure.suptitle(title)
    panels = [figure.add_subplot(num_rows, num_columns, place + 1) for place in range(len(groups))]
    for axes, name in zip(panels, groups, strict=True):
        if name:
            axes.set_title(f"a {name} b")
    return figure, panels
