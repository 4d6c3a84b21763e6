"""Pictures of a training and of what a model gets right and wrong: data in, a matplotlib figure out.

Nothing here touches matplotlib's global state. Right and wrong differ in lightness and shape, lines in their dashes,
and all maps of colours grow lighter with the value: every picture can be read in grey.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

RIGHT, WRONG = "#8fd0b5", "#9b1c1c"
_LINES = (("#0b3c5d", "-", "o"), ("#d1700f", "--", "s"), ("#5a9e6f", ":", "^"), ("#8c5aa8", "-.", "D"))
_SEQUENTIAL = "cividis"
_MAX_MARKED_EPOCHS = 40
_MAX_LABELLED_CELLS = 100
# Panels of the learning curves: title, the metrics in it, whether its axis is logarithmic.
_PANELS = (
    ("loss", ("loss", "val_loss"), True),
    ("error in units of the answer", ("rmse", "val_rmse"), True),
    ("share that is right", ("token_accuracy", "val_token_accuracy", "val_exact_match"), False),
)
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
    for place, (name, metrics, is_logarithmic) in enumerate(panels):
        axes = figure.add_subplot(1, len(panels), place + 1)
        for metric, (colour, dashes, marker) in zip(metrics, _LINES, strict=False):
            if metric in rows[0]:
                values = [row[metric] for row in rows]
                shown = marker if len(rows) <= _MAX_MARKED_EPOCHS else None
                label = _LABELS[metric]
                axes.plot(epochs, values, dashes, color=colour, marker=shown, markersize=3.5, label=label)
        if is_logarithmic:
            axes.set_yscale("log")
        axes.set(title=name, xlabel="epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(color="0.9")
        axes.legend(fontsize="small")
    return figure


def draw_error_map(title: str, operands: np.ndarray, is_right: np.ndarray) -> Figure:
    """Returns a dot for each right and a cross for each wrong answer in the plane of the two operands.

    Args:
        title: of the picture.
        operands: float (num_examples, 2).
        is_right: bool (num_examples,).
    """
    figure = Figure(figsize=(6.2, 6.0), layout="constrained")
    axes = figure.add_subplot()
    # Points are drawn as pixels even in SVG: tens of thousands of shapes open slowly.
    axes.scatter(*operands[is_right].T, s=4, color=RIGHT, marker="o", linewidths=0, label="right", rasterized=True)
    axes.scatter(*operands[~is_right].T, s=18, color=WRONG, marker="x", linewidths=1, label="wrong", rasterized=True)
    axes.set(title=title, xlabel="first operand", ylabel="second operand", aspect="equal")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.09), ncols=2, markerscale=2, frameon=False)
    return figure


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
    figure = Figure(figsize=(5.6, 4.8), layout="constrained")
    axes = figure.add_subplot()
    _draw_matrix(figure, axes, shares, "exact match", limits=(0.0, 1.0))
    if shares.size <= _MAX_LABELLED_CELLS:
        for (row, column), total in np.ndenumerate(totals):
            if total:
                share = shares[row, column]
                colour = "white" if share < 0.5 else "black"
                text = f"{share:.2%}\n{total:,}"
                axes.text(column, row, text, ha="center", va="center", color=colour, fontsize="small")
    labels = range(1, size)
    axes.set_xticks(range(size - 1), [str(each) for each in labels])
    axes.set_yticks(range(size - 1), [str(each) for each in labels])
    axes.set(title=title, xlabel="digits of the first operand", ylabel="digits of the second operand")
    axes.invert_yaxis()
    return figure


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
    figure = Figure(figsize=(max(5.0, 1.0 + 0.75 * len(names)), 3.8), layout="constrained")
    axes = figure.add_subplot()
    bars = axes.bar(range(len(names)), counts, color=WRONG, edgecolor="black", linewidth=0.5)
    axes.bar_label(bars, [f"{count:,}" if count else "" for count in counts], fontsize="small")
    axes.set_xticks(range(len(names)), names, fontsize="small")
    axes.set(title=title, xlabel="wrong by (from … up to ten times as much)", ylabel="wrong answers")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
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
    figure = Figure(figsize=(max(4.6, 1.0 + 0.8 * len(shares)), 3.8), layout="constrained")
    axes = figure.add_subplot()
    # Read as the answer is: its last character is on the right.
    positions = -np.arange(len(shares))
    bars = axes.bar(positions, shares, color=RIGHT, edgecolor="black", linewidth=0.5)
    labels = [f"{share:.2%}\nof {total:,}" for share, total in zip(shares, totals, strict=True)]
    axes.bar_label(bars, labels, fontsize="small", padding=2)
    axes.set_xticks(positions, ["last", *(f"last but {place}" for place in range(1, len(shares)))], fontsize="small")
    axes.set(title=title, xlabel="character of the answer", ylabel="share that is right", ylim=(0, 1.2))
    axes.set_yticks(np.linspace(0, 1, 6))
    return figure


def draw_attention(title: str, shares: np.ndarray, asked: Sequence[str], written: Sequence[str]) -> Figure:
    """Returns where the model looks while it writes.

    Args:
        title: of the picture.
        shares: float (num_steps, num_tokens), each row sums to 1.
        asked: sign of each token of the question.
        written: sign of each token of the answer.
    """
    figure = Figure(figsize=(1.8 + 0.45 * len(asked), 1.6 + 0.45 * len(written)), layout="constrained")
    axes = figure.add_subplot()
    _draw_matrix(figure, axes, shares, "share", limits=(0.0, 1.0))
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
    figure = Figure(figsize=(1.8 + 0.45 * len(asked), 5.0), layout="constrained")
    axes = figure.add_subplot()
    _draw_matrix(figure, axes, activations.T, "activation", limits=(-limit, limit))
    axes.set_xticks(range(len(asked)), asked, fontsize="large")
    axes.set(title=title, xlabel="question, as it is read", ylabel="unit of the encoder")
    return figure


def _draw_matrix(figure: Figure, axes: Axes, values: np.ndarray, label: str, limits: tuple[float, float]) -> None:
    low, high = limits
    image = axes.imshow(values, cmap=_SEQUENTIAL, vmin=low, vmax=high, aspect="auto", interpolation="nearest")
    figure.colorbar(image, ax=axes, label=label)
