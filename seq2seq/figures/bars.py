"""Exact match by what examples have in common: data in, a matplotlib figure out."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from eqstream.seq2seq.analysis.breakdown import GroupCount
from eqstream.seq2seq.analysis.report_contents import wilson_interval
from eqstream.seq2seq.analysis.share_text import share_text
from eqstream.seq2seq.figures.style import GRID, RIGHT

_MAX_COLUMNS = 3
_MAX_GROUPS = 20
_MAX_LABELLED_GROUPS = 8


def draw_breakdown(title: str, tables: Mapping[str, Sequence[GroupCount]]) -> Figure | None:
    """Returns a panel of bars for each table, with the 95 % interval (Wilson) of each share; None if there is no table.

    Tables of too many groups to tell apart are left out.

    Args:
        title: of the picture.
        tables: name to groups, such as exact match by carries.
    """
    shown = {name: groups for name, groups in tables.items() if len(groups) <= _MAX_GROUPS}
    if not shown:
        return None
    num_columns = min(len(shown), _MAX_COLUMNS)
    num_rows = -(-len(shown) // num_columns)
    figure = Figure(figsize=(4.6 * num_columns, 3.3 * num_rows + 0.6), layout="constrained")
    figure.suptitle(title)
    for place, (name, groups) in enumerate(shown.items(), start=1):
        axes = figure.add_subplot(num_rows, num_columns, place)
        _draw_bars(axes, groups)
        axes.set(title=f"by {name}", ylim=(0, 1.12))
        axes.yaxis.set_major_formatter(PercentFormatter(1))
        axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
        axes.grid(axis="y", color=GRID)
        axes.set_axisbelow(True)
    return figure


def _draw_bars(axes: Axes, groups: Sequence[GroupCount]) -> None:
    places = range(len(groups))
    shares = [group.exact_match for group in groups]
    intervals = [wilson_interval(group.num_right, group.num_examples) for group in groups]
    # A share of all or nothing lies at the end of its interval, but for rounding.
    below = [max(share - low, 0.0) for share, (low, _) in zip(shares, intervals, strict=True)]
    above = [max(high - share, 0.0) for share, (_, high) in zip(shares, intervals, strict=True)]
    axes.bar(places, shares, color=RIGHT, edgecolor="black", linewidth=0.6)
    axes.errorbar(places, shares, yerr=[below, above], fmt="none", ecolor="black", elinewidth=0.9, capsize=3)
    is_roomy = len(groups) <= _MAX_LABELLED_GROUPS
    names = [f"{group.value}\nof {group.num_examples:,}" if is_roomy else group.value for group in groups]
    axes.set_xticks(places, names, fontsize="small", rotation=0 if is_roomy else 90)
    if is_roomy:
        for place, group, (_, high) in zip(places, groups, intervals, strict=True):
            label = share_text(group.num_right / group.num_examples, decimals=2)
            axes.annotate(label, (place, high), (0, 3), textcoords="offset points", ha="center", size="x-small")
