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


def bounded(size: float, low: float, high: float) -> float:
    """Returns the size, or the bound that it is beyond; low for what is no number."""
    return low if math.isnan(size) else min(max(size, low), high)
