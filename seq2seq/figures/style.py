"""The colours of pictures and how they write numbers, so that all of them can be read in grey.

Right and wrong differ in lightness and shape, lines in their dashes and markers, and all maps of colours grow lighter
with the value; none of it depends on telling red from green.
"""

import math

from matplotlib.colors import LinearSegmentedColormap

RIGHT, WRONG, OFF_BY_ONE = "#8fd0b5", "#9b1c1c", "#e08e79"
GRID, PALE, EMPTY = "0.9", "0.45", "0.95"
# Of the epoch whose weights were kept, beside lines of any colour and a grey grid.
KEPT = "#c2185b"
# Colour, dashes and marker of the lines of one picture.
LINES = (("#0b3c5d", "-", "o"), ("#d1700f", "--", "s"), ("#3f7d54", ":", "^"), ("#8c5aa8", "-.", "D"))
# From all wrong to all right, and from little to much.
SHARES = LinearSegmentedColormap.from_list("shares", [WRONG, "#c96f52", "#dfb98f", RIGHT, "#a8e6c5"])
AMOUNTS = "cividis"
# From below to above zero, which is white.
SIGNED = "PuOr"


def share_label(num_right: int, total: int) -> str:
    """Returns a share in per cent, cut and not rounded: only what is all right is 100 %.

    >>> share_label(2, 3), share_label(99_999, 100_000), share_label(7, 7), share_label(1, 100_000), share_label(0, 7)
    ('66.66%', '99.999%', '100%', '<0.01%', '0%')
    """
    if num_right in (0, total):
        return "100%" if num_right else "0%"
    decimals = 2
    # As many as it takes to see that something is missing.
    while 100 * (total - num_right) * 10**decimals < total:
        decimals += 1
    parts = num_right * 10 ** (decimals + 2) // total
    return f"{parts // 10**decimals}.{parts % 10**decimals:0{decimals}}%" if parts else "<0.01%"


def bounded(size: float, low: float, high: float) -> float:
    """Returns the size, or the bound that it is beyond; low for what is no number."""
    return low if math.isnan(size) else min(max(size, low), high)
