"""Which lines of solutions are equations that are held out: of another split of the dataset, say."""

import numpy as np

from eqstream.data.solutions.lines import Lines
from eqstream.data.space.class_hash import class_hash
from eqstream.data.space.held_out_classes import HeldOut
from eqstream.data.space.shapes import OPERAND


def find_held_out(lines: Lines, held_out: HeldOut) -> np.ndarray:
    """Returns which lines are equations that are held out, or twins of such, bool (n,); plain numbers never are.

    Args:
        lines: n lines.
        held_out: the equations.
    """
    result = np.zeros(len(lines), dtype=bool)
    forms = lines.forms
    is_number = lines.kinds == OPERAND
    for group in forms.groups:
        if group.num_terms == 1:
            continue
        places = np.full(forms.count, -1)
        places[group.forms] = np.arange(len(group.forms))
        own_places = places.take(forms.numbers)
        numbers = lines.numbers_at(np.flatnonzero(is_number & (own_places >= 0)[:, None]))
        decimals = 0 if numbers.places is None else int(numbers.places.max())
        operands = numbers.at(np.int64(decimals)).reshape(-1, group.num_terms).T
        columns = group.columns.take(own_places[own_places >= 0])
        hashes = class_hash(columns, operands, decimals=decimals, salt="")
        result[own_places >= 0] = held_out.contains(hashes)
    return result
