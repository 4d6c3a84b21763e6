"""Pictures of a training and of what a model gets right and wrong: data in, a matplotlib figure out.

Nothing here touches matplotlib's global state. Right and wrong differ in lightness and shape, lines in their dashes,
and all maps of colours grow lighter with the value: every picture can be read in grey.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter, StrMethodFormatter

RIGHT, WRONG = "#8fd0b5", "#9b1c1c"
_LINES = (("#0b3c5d", "-", "o"), ("#d1700f", "--", "s"), ("#5a9e6f", ":", "^"), ("#8c5aa8", "-.", "D"))
_SEQUENTIAL = "cividis"
_MAX_MARKED_EPOCHS = 40
_MAX_LABELLED_CELLS = 100
# Panels of the learning curves: title, the metrics in it, its axis, whether that may be logarithmic.
_PANELS = (
    ("loss", ("loss", "val_loss"), "loss", True),
    ("error in units of the answer", ("rmse", "val_rmse"), "RMSE", True),
    ("share that is right", ("token_accuracy", "val_token_accuracy", "val_exact_match"), "share", False),
)
# Below this ratio the ticks of a logarithmic axis are hard to read, and a plain one shows all there is.
_MIN_RATIO_OF_LOGARITHMS = 10
# Square points: of a few marks, and of so many that they touch.
_LARGE_MARK, _SMALL_MARK, _AREA_OF_MARKS = 90.0, 4.0, 20_000.0
_MAX_OUTLINED_MARKS = 1000
_LABELS = {
    "loss": "trained on",
    "val_loss": "validation",
    "rmse": "RMSE, trained on",
    "val_rmse": "RMSE, validation",
    "token_accuracy": "characters, trained on",
    "val_token_accuracy": "characters, validation",
    "val_exact_match": "whole answers, validation",
}


def draw_learning_curves(title: str, rows: Sequence[Mapping[str, float]]) -> Figure:
    """Returns loss and shares over the epochs, from one mapping of metrics per epoch."""
    panels = [panel for panel in _PANELS if set(panel[1]) & set(rows[0])]
    figure = Figure(figsize=(4.6 * len(panels), 3.6), layout="constrained")
    figure.suptitle(title)
    epochs = [row["epoch"] for row in rows]
    for place, (name, metrics, unit, may_be_logarithmic) in enumerate(panels):
        axes = figure.add_subplot(1, len(panels), place + 1)
        for metric, (colour, dashes, marker) in zip(metrics, _LINES, strict=False):
            if metric in rows[0]:
                values = [row[metric] for row in rows]
                shown = marker if len(rows) <= _MAX_MARKED_EPOCHS else None
                label = _LABELS[metric]
                axes.plot(epochs, values, dashes, color=colour, marker=shown, markersize=3.5, label=label)
        if may_be_logarithmic and _spans_decades([row[metric] for row in rows for metric in metrics if metric in row]):
            axes.set_yscale("log")
        if not may_be_logarithmic:
            axes.yaxis.set_major_formatter(PercentFormatter(1.0))
        axes.set(title=name, xlabel="epoch", ylabel=unit)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(color="0.9")
        axes.legend(fontsize="small")
    return figure


def _spans_decades(values: Sequence[float]) -> bool:
    return min(values) > 0 and max(values) / min(values) > _MIN_RATIO_OF_LOGARITHMS


def draw_error_map(title: str, operands: np.ndarray, is_right: np.ndarray, operators: Sequence[str] = ()) -> Figure:
    """Returns a dot for each right and a cross for each wrong answer in the plane of the two operands.

    The rarer kind lies on top and is drawn the larger the rarer it is, so that a single one is seen.

    Args:
        title: of the picture.
        operands: float (num_examples, 2).
        is_right: bool (num_examples,).
        operators: one per example; each gets a panel of its own.
    """
    signs = np.asarray(operators or [""] * len(operands))
    names = sorted(set(signs.tolist()))
    figure = Figure(figsize=(6.2, 6.6) if len(names) == 1 else (4.2 * len(names), 5.3), layout="constrained")
    figure.suptitle(title)
    margin = 0.03 * max(float(np.ptp(operands)), 1.0)
    limits = (operands.min() - margin, operands.max() + margin)
    for place, name in enumerate(names):
        axes = figure.add_subplot(1, len(names), place + 1)
        is_here = signs == name
        _mark_answers(axes, operands[is_here], is_right[is_here])
        axes.set(xlabel="first operand", ylabel="second operand", aspect="equal", xlim=limits, ylim=limits)
        axes.xaxis.set_major_locator(MaxNLocator(6))
        if len(names) > 1:
            axes.set_title(f"first {name} second operand")
        legend = axes.legend(
            loc="upper center", bbox_to_anchor=(0.5, -0.1 if len(names) == 1 else -0.14), ncols=2, frameon=False
        )
        for handle in legend.legend_handles:
            if isinstance(handle, PathCollection):
                handle.set_sizes([_LARGE_MARK / 2])
    return figure


def _mark_answers(axes: Axes, operands: np.ndarray, is_right: np.ndarray) -> None:
    for is_chosen, name, colour, marker, edge in (
        (is_right, "right", RIGHT, "o", "black"),
        (~is_right, "wrong", WRONG, "X", "white"),
    ):
        count = int(is_chosen.sum())
        is_rarer = 2 * count <= len(operands)
        axes.scatter(
            *operands[is_chosen].T,
            s=float(np.clip(_AREA_OF_MARKS / max(count, 1), _SMALL_MARK, _LARGE_MARK if is_rarer else 30.0)),
            color=colour,
            marker=marker,
            edgecolors=edge,
            linewidths=0.6 if is_rarer and count <= _MAX_OUTLINED_MARKS else 0,
            label=f"{name}: {count:,}",
            zorder=3 if is_rarer else 2,
            # Points are drawn as pixels even in SVG: tens of thousands of shapes open slowly.
            rasterized=True,
        )


def draw_length_map(title: str, lengths: np.ndarray, is_right: np.ndarray) -> Figure:
    """Returns exact match by the digits of the two operands, with the number of examples in each cell.

    Args:
        title: of the picture.
        lengths: int (num_examples, 2).
        is_right: bool (num_examples,).
    """
    size = lengths.max() + 1
    cells = lengths[:, 1] * size + lengths[:, 0]
    totals = np.bincount(cells, minlength=size * size).reshape(size, size)[1:, 1:]
    rights = np.bincount(cells, weights=is_right, minlength=size * size).reshape(size, size)[1:, 1:]
    shares = np.divide(rights, totals, out=np.full(totals.shape, np.nan), where=totals > 0)
    figure = Figure(figsize=(5.8, 5.2), layout="constrained")
    axes = figure.add_subplot()
    _draw_matrix(figure, axes, shares, "exact match", limits=(0.0, 1.0))
    axes.set_facecolor("0.92")
    if shares.size <= _MAX_LABELLED_CELLS:
        for (row, column), total in np.ndenumerate(totals):
            share = shares[row, column]
            colour = "white" if share < 0.5 else "black"
            text = _describe_share(int(rights[row, column]), int(total)) if total else "none"
            axes.text(column, row, text, ha="center", va="center", color=colour, fontsize="small")
    labels = range(1, size)
    axes.set_xticks(range(size - 1), [str(each) for each in labels])
    axes.set_yticks(range(size - 1), [str(each) for each in labels])
    for edge in range(size - 2):
        axes.axvline(edge + 0.5, color="white", linewidth=1)
        axes.axhline(edge + 0.5, color="white", linewidth=1)
    figure.suptitle(title)
    axes.set(xlabel="digits of the first operand", ylabel="digits of the second operand")
    axes.invert_yaxis()
    return figure


def _describe_share(num_right: int, total: int) -> str:
    """Returns the share and the number of wrong ones; 100 % are written only where all are right."""
    share = f"{num_right / total:.2%}" if num_right < total else "100%"
    if share == "100.00%":
        share = "99.99%"
    return f"{share}\n{total - num_right:,} of {total:,}\nwrong"


def draw_error_histogram(title: str, errors: np.ndarray) -> Figure:
    """Returns how many answers are wrong by how much, in powers of ten to either side.

    Args:
        title: of the picture.
        errors: float (num_wrong,), answer less expected answer of each wrong one; NaN for what is no number.
    """
    readable = errors[np.isfinite(errors)]
    decades = np.floor(np.log10(np.maximum(np.abs(readable), 1e-9))).astype(int)
    numbers = sorted(set(decades.tolist())) or [0]
    numbers = list(range(numbers[0], numbers[-1] + 1))
    counts = [int(((decades == number) & (readable < 0)).sum()) for number in reversed(numbers)]
    counts += [int(((decades == number) & (readable > 0)).sum()) for number in numbers]
    names = [f"-{_decade(number)}" for number in reversed(numbers)] + [f"+{_decade(number)}" for number in numbers]
    counts.append(int(len(errors) - len(readable)))
    names.append("no\nnumber")
    figure = Figure(figsize=(max(5.2, 1.0 + 0.75 * len(names)), 4.2), layout="constrained")
    axes = figure.add_subplot()
    bars = axes.bar(range(len(names)), counts, color=WRONG, edgecolor="black", linewidth=0.5)
    axes.bar_label(bars, [f"{count:,}" if count else "" for count in counts], fontsize="small")
    axes.set_xticks(range(len(names)), names, fontsize="small")
    figure.suptitle(title)
    axes.set(xlabel="answer less right answer: from this up to ten times as much", ylabel="wrong answers")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    if not len(errors):
        axes.set(ylim=(0, 1), yticks=[0])
        axes.text(0.5, 0.5, "no wrong answer", transform=axes.transAxes, ha="center", va="center", fontsize="x-large")
    axes.margins(y=0.12)
    return figure


def _decade(number: int) -> str:
    return f"{10**number:,}" if number >= 0 else f"{10.0**number:g}"


def draw_position_accuracy(title: str, shares: np.ndarray, totals: np.ndarray) -> Figure:
    """Returns the share of right characters by their place from the right end of the answer.

    Args:
        title: of the picture.
        shares: float (num_places,), from 0 to 1; the last character of the answer comes first.
        totals: int (num_places,), answers that have such a place.
    """
    figure = Figure(figsize=(max(5.2, 1.0 + 1.15 * len(shares)), 4.4), layout="constrained")
    axes = figure.add_subplot()
    # Read as the answer is: its last character is on the right.
    positions = -np.arange(len(shares))
    bars = axes.bar(positions, shares, color=RIGHT, edgecolor="black", linewidth=0.5)
    counts = np.rint(shares * totals).astype(int).tolist()
    labels = [_describe_share(right, total) for right, total in zip(counts, totals.tolist(), strict=True)]
    axes.bar_label(bars, labels, fontsize="small", padding=2)
    axes.set_xticks(positions, ["last", *(f"last but {place}" for place in range(1, len(shares)))], fontsize="small")
    figure.suptitle(title)
    axes.set(xlabel="character of the right answer", ylabel="share that is right", ylim=(0, 1.3))
    axes.set_yticks(np.linspace(0, 1, 6))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    return figure


def draw_attention(title: str, shares: np.ndarray, asked: Sequence[str], written: Sequence[str]) -> Figure:
    """Returns where the model looks while it writes.

    Args:
        title: of the picture.
        shares: float (num_steps, num_tokens), each row sums to 1.
        asked: sign of each token of the question.
        written: sign of each token of the answer.
    """
    figure = Figure(figsize=(max(4.2, 1.8 + 0.45 * len(asked)), 1.9 + 0.45 * len(written)), layout="constrained")
    axes = figure.add_subplot()
    # As light as it gets, or attention that is spread would be dark all over.
    _draw_matrix(figure, axes, shares, "share of attention", limits=(0.0, float(shares.max())))
    axes.set_xticks(range(len(asked)), asked, fontsize="large")
    axes.set_yticks(range(len(written)), written, fontsize="large")
    axes.set(title=title, xlabel="question, as it is read", ylabel="answer,\nas it is written")
    return figure


def draw_activations(title: str, activations: np.ndarray, asked: Sequence[str]) -> Figure:
    """Returns the encoder's outputs character by character.

    Args:
        title: of the picture.
        activations: float (num_tokens, width).
        asked: sign of each token of the question.
    """
    limit = float(np.abs(activations).max()) or 1.0
    figure = Figure(figsize=(max(4.2, 1.8 + 0.45 * len(asked)), 5.2), layout="constrained")
    axes = figure.add_subplot()
    _draw_matrix(figure, axes, activations.T, "activation", limits=(-limit, limit))
    axes.set_xticks(range(len(asked)), asked, fontsize="large")
    axes.set(title=title, xlabel="question, as it is read", ylabel="unit of the encoder")
    return figure


def _draw_matrix(figure: Figure, axes: Axes, values: np.ndarray, label: str, limits: tuple[float, float]) -> None:
    low, high = limits
    image = axes.imshow(values, cmap=_SEQUENTIAL, vmin=low, vmax=high, aspect="auto", interpolation="nearest")
    figure.colorbar(image, ax=axes, label=label)
