"""Which lines of solutions are equations that are held out: of another split of the dataset, say."""

import numpy as np

from eqstream.data.solutions.lines import Lines
from eqstream.data.space.class_hash import class_hash
from eqstream.data.space.shapes import OPERAND
from eqstream.data.streams.shared_equations import HeldOut


def find_held_out(lines: Lines, held_out: HeldOut, decimals: int) -> np.ndarray:
    """Returns which lines are equations that are held out, or twins of such, bool (n,); plain numbers never are.

    Args:
        lines: n lines.
        held_out: the equations.
        decimals: of an operand.
    """
    result = np.zeros(len(lines), dtype=bool)
    forms = lines.forms
    is_number = lines.kinds == OPERAND
    for group in forms.groups:
        if group.num_terms == 1:
            continue
        places = np.full(forms.count, -1)
        places[group.forms] = np.arange(len(group.forms))
        rows = np.flatnonzero(places.take(forms.numbers) >= 0)
        operands = lines.values[rows][is_number[rows]].reshape(len(rows), group.num_terms).T
        columns = group.columns.take(places.take(forms.numbers[rows]))
        result[rows] = held_out.contains(class_hash(columns, operands, decimals=decimals, salt=""))
    return result
