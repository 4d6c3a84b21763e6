"""The classes of the lines of solutions, by which those are found that are held out: of another split, say."""

import numpy as np

from eqstream.data.solutions.lines import Lines
from eqstream.data.space.class_hash import class_hash
from eqstream.data.space.shapes import OPERAND


def hash_classes(lines: Lines) -> np.ndarray:
    """Returns the hashes of the classes of n lines, uint64 (n,), as `HeldOut` knows them; 0 for plain numbers."""
    result = np.zeros(len(lines), dtype=np.uint64)
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
        result[own_places >= 0] = class_hash(columns, operands, decimals=decimals, salt="")
    return result
