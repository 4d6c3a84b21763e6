"""Pictures of a training and of what its model gets wrong: data in, a matplotlib figure out.

Nothing here touches matplotlib's global state.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter, StrMethodFormatter

from eqstream.seq2seq.analysis.breakdown import GroupCount
from eqstream.seq2seq.analysis.share_text import share_text
from eqstream.seq2seq.analysis.wrong_answers import ErrorCount
from eqstream.seq2seq.figures.style import GRID, KEPT, LINES, OFF_BY_ONE, PALE, WRONG, bounded

_MAX_MARKED_EPOCHS = 40
_MAX_LABELLED_BARS = 14
# Shares above this are told apart only by what is missing to one.
_MANY = 0.9
# Shares are computed in 32 bits: what is missing below this is rounding.
_NOISE = 1e-6
_SHARES = ("token_accuracy", "val_token_accuracy", "val_exact_match", "val_padded_token_accuracy")
# Panels of the learning curves: title, the metrics in it, how its axis is drawn.
_PANELS = (
    ("loss", ("loss", "val_loss"), "log"),
    ("error in units of the answer", ("rmse", "val_rmse"), "log"),
    ("share that is right", _SHARES, "share"),
    ("share that is wrong", _SHARES, "missing"),
)
_LABELS = {
    "loss": "trained on",
    "val_loss": "validation",
    "rmse": "RMSE, trained on",
    "val_rmse": "RMSE, validation",
    "token_accuracy": "characters, trained on",
    "val_token_accuracy": "characters, validation",
    "val_exact_match": "whole answers, validation",
    "val_padded_token_accuracy": "characters and pads, validation",
}


def draw_learning_curves(title: str, rows: Sequence[Mapping[str, float]], best_epoch: float | None = None) -> Figure:
    """Returns loss and shares over the epochs, from one mapping of metrics per epoch.

    Where shares get near to one, the panel shows on a logarithmic axis what they lack.

    Args:
        title: of the picture.
        rows: each with its `epoch`.
        best_epoch: the one whose weights were kept; None marks none.
    """
    hidden = "share" if _is_good(rows) else "missing"
    panels = [panel for panel in _PANELS if set(panel[1]) & set(rows[0]) and panel[2] != hidden]
    figure = Figure(figsize=(4.8 * len(panels), 4.2), layout="constrained")
    figure.suptitle(title)
    is_regression = "val_rmse" in rows[0]
    for place, (name, metrics, scale) in enumerate(panels):
        axes = figure.add_subplot(1, len(panels), place + 1)
        lowest = _draw_lines(axes, rows, metrics, is_missing=scale == "missing")
        if scale == "log" and _spans_decades(rows, metrics):
            axes.set_yscale("log")
        elif scale == "missing":
            _scale_to_zero(axes, lowest)
        elif scale == "share":
            low, high = axes.dataLim.intervaly
            axes.set_ylim(max(low - 0.03, -0.01), min(max(high, 0.05) + 0.03, 1.03))
            axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=None))
        if best_epoch is not None:
            axes.axvline(best_epoch, color=KEPT, linestyle=(0, (5, 2)), linewidth=1.4, zorder=1.5, label="kept")
        if scale == "log" and "loss" in metrics:
            name = f"loss ({'mean square, scaled' if is_regression else 'cross-entropy, nats'})"
        axes.set(title=name, xlabel="epoch", xlim=(rows[0]["epoch"] - 0.5, rows[-1]["epoch"] + 0.5))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.grid(color=GRID)
        axes.legend(fontsize="small", frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.15), ncols=2)
    return figure


def _spans_decades(rows: Sequence[Mapping[str, float]], metrics: Sequence[str]) -> bool:
    """Returns whether a logarithmic axis is of use: values above 0 that differ by more than ten times."""
    values = [row[metric] for row in rows for metric in metrics if metric in row]
    return min(values) > 0 and max(values) > 10 * min(values)


def _scale_to_zero(axes: Axes, lowest: float) -> None:
    """Makes the axis of shares logarithmic, with a zero below the decade of the lowest share that is not zero."""
    first = math.floor(math.log10(max(lowest, _NOISE)))
    axes.set_yscale("symlog", linthresh=10.0**first, linscale=0.5)
    decades = range(first, 1)
    names = [f"{10.0 ** (decade + 2):g}%" for decade in decades]
    axes.set_yticks([0, *(10.0**decade for decade in decades)], ["0%", *names])
    axes.set_ylim(bottom=-0.15 * 10.0**first)


def _is_good(rows: Sequence[Mapping[str, float]]) -> bool:
    return any(row.get(metric, 0) > _MANY for row in rows for metric in _SHARES)


def _draw_lines(axes: Axes, rows: Sequence[Mapping[str, float]], metrics: Sequence[str], *, is_missing: bool) -> float:
    """Draws each metric, or what it lacks to one; returns the smallest value above 0."""
    lowest = 1.0
    for metric, (colour, dashes, marker) in zip(metrics, LINES, strict=False):
        if metric not in rows[0]:
            continue
        values = [max(1 - row[metric], 0.0) if is_missing else row[metric] for row in rows]
        lowest = min([lowest, *(value for value in values if value > 0)])
        shown = marker if len(rows) <= _MAX_MARKED_EPOCHS else None
        epochs = [row["epoch"] for row in rows]
        axes.plot(epochs, values, dashes, color=colour, marker=shown, markersize=3.5, label=_LABELS[metric])
    return lowest


def draw_error_histogram(title: str, errors: Sequence[ErrorCount], num_unreadable: int) -> Figure:
    """Returns how many answers are wrong by how much, by powers of ten to either side.

    Args:
        title: of the picture.
        errors: wrong answers that are numbers.
        num_unreadable: wrong answers that are none.
    """
    counts = {(error.sign, error.place): error for error in errors}
    places = [place for sign, place in counts if sign] or [0, 1, 2]
    rising = range(min(places), max(places) + 1)
    keys = [(-1, place) for place in reversed(rising)]
    keys += [(0, 0)] if (0, 0) in counts else []
    keys += [(1, place) for place in rising]
    totals = [counts[key].num_answers if key in counts else 0 for key in keys]
    ones = [counts[key].num_off_by_one if key in counts else 0 for key in keys]
    is_wide = not -3 < min(rising) <= max(rising) < 4
    names = [_range_label(*key, in_powers=is_wide) for key in keys]
    if num_unreadable:
        totals, ones, names = [*totals, num_unreadable], [*ones, 0], [*names, "no\nnumber"]
    figure = Figure(figsize=(bounded(1.2 + 0.85 * len(names), 5.6, 13.0), 3.9), layout="constrained")
    axes = figure.add_subplot()
    _draw_bars(axes, totals, ones)
    named = _choose_named_bars(len(names), [place for place, key in enumerate(keys) if not key[0]], num_unreadable > 0)
    axes.set_xticks(named, [names[place] for place in named], fontsize="small")
    axes.set(title=title, xlabel="error: the model's answer minus the right one", ylabel="wrong answers")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.set_ylim(0, 1.15 * max(*totals, 1))
    if not any(totals):
        axes.text(0.5, 0.5, "no wrong answers", transform=axes.transAxes, ha="center", va="center", fontsize="x-large")
        axes.set_yticks([0])
    return figure


def _choose_named_bars(num_bars: int, zeros: Sequence[int], is_last_unreadable: bool) -> list[int]:
    """Returns which bars have a label: ranges of errors at equal distances, and all that are none, in any case."""
    kept = [*zeros, *([num_bars - 1] if is_last_unreadable else [])]
    step = -(-num_bars // _MAX_LABELLED_BARS)
    ranges = [place for place in range(0, num_bars, step) if all(abs(place - other) >= step for other in kept)]
    return sorted([*ranges, *kept])


def _draw_bars(axes: Axes, totals: Sequence[int], ones: Sequence[int]) -> None:
    edge = {"edgecolor": "black", "linewidth": 0.6}
    others = [total - one for total, one in zip(totals, ones, strict=True)]
    places = range(len(totals))
    axes.bar(places, others, color=WRONG, label="other errors", **edge)
    top = axes.bar(places, ones, bottom=others, color=OFF_BY_ONE, hatch="//", label="exactly 1, 10, 100, … off", **edge)
    if len(totals) <= _MAX_LABELLED_BARS:
        axes.bar_label(top, [f"{total:,}" if total else "" for total in totals], fontsize="small", padding=2)
    if any(ones):
        axes.legend(fontsize="small", framealpha=0.9)


def _range_label(sign: int, place: int, *, in_powers: bool) -> str:
    """Returns the range of errors of a bar, from the lower to the higher one, in two lines."""
    if not sign:
        return "0, written\notherwise"
    mark = "\N{MINUS SIGN}" if sign < 0 else "+"
    if in_powers:
        ends = [f"${mark}10^{{{exponent}}}$" for exponent in (place, place + 1)]
    elif place >= 0:
        ends = [f"{mark}{10**place:,}", f"{mark}{10 ** (place + 1) - 1:,}"]
    else:
        ends = [f"{mark}{10.0**place:g}", f"{mark}{10.0 ** (place + 1):g}"]
    return " …\n".join(ends if sign > 0 else reversed(ends))


def draw_position_accuracy(title: str, places: Sequence[GroupCount]) -> Figure:
    """Returns the share of right characters by their place in the answer, the last one on the right.

    The axis begins near the lowest share, for what matters is mostly in the last per cent.

    Args:
        title: of the picture.
        places: counts from the last character of the answer on.
    """
    shares = np.array([place.exact_match for place in places])
    figure = Figure(figsize=(bounded(1.4 + 0.95 * len(places), 5.0, 13.0), 3.9), layout="constrained")
    axes = figure.add_subplot()
    # Read as the answer is: its last character is on the right.
    positions = -np.arange(len(places))
    # What is missing hangs from the line of all: bars from below would be cut off by the axis.
    axes.axhline(1, color=PALE, linewidth=0.8)
    axes.vlines(positions, shares, 1, color=WRONG, linewidth=3)
    axes.plot(positions, shares, linestyle="", marker="o", markersize=8, color=LINES[0][0])
    step = -(-len(places) // _MAX_LABELLED_BARS)
    for position, place in list(zip(positions, places, strict=True))[::step]:
        num_wrong = place.num_examples - place.num_right
        text = f"{share_text(place.num_right / place.num_examples, decimals=2)}\n{num_wrong:,} wrong"
        axes.annotate(text, (position, 1), (0, 8), textcoords="offset points", ha="center", size="small")
    names = [f"{_ordinal(number)}\nof {place.num_examples:,}" for number, place in enumerate(places, start=1)]
    axes.set_xticks(positions[::step], names[::step], fontsize="small")
    bottom = _round_floor(float(shares.min(initial=1.0)))
    axes.set(title=title, xlabel="character of the answer, counted from its end", ylabel="share that is right")
    axes.set_ylim(bottom - 0.04 * (1 - bottom), 1 + 0.3 * (1 - bottom))
    axes.set_yticks(np.linspace(bottom, 1, 6))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.8g}%"))
    axes.margins(x=0.14)
    axes.grid(axis="y", color=GRID)
    return figure


def _round_floor(lowest: float) -> float:
    """Returns a round share at or below the lowest one to begin an axis with: 1 minus 1, 2 or 5 times a power of 10."""
    missing = max(1 - lowest, 1e-3)
    power = 10.0 ** math.floor(math.log10(missing))
    return max(1 - next(step * power for step in (1, 2, 5, 10) if step * power >= missing * (1 - 1e-9)), 0.0)


def _ordinal(number: int) -> str:
    if number == 1:
        return "last"
    suffix = {2: "nd", 3: "rd"}.get(number % 10 if number % 100 not in (12, 13) else 0, "th")
    return f"{number}{'st' if number % 10 == 1 and number % 100 != 11 else suffix} last"
