"""Right answers counted by how many orders of their questions come to them."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from eqstream.seq2seq.analysis.breakdown import GroupCount, Tables
from eqstream.seq2seq.models.decoding import Vote

_GROUPS = ("all orders agree", "more than half agree", "half or fewer agree", "there is one order")


class AgreementTally:
    """Gathers the table of questions that were asked in several orders."""

    def __init__(self) -> None:
        self._examples: Counter[str] = Counter()
        self._right: Counter[str] = Counter()

    def add(self, votes: Sequence[Vote], is_right: np.ndarray) -> None:
        """Counts questions; `is_right` is bool (num_questions,). Those that were asked as they are have no votes."""
        groups = [_find_group(vote) for vote in votes]
        self._examples.update(groups)
        self._right.update(group for group, right in zip(groups, is_right, strict=False) if right)

    def tables(self) -> Tables:
        """Returns the table; none where nothing was asked in several orders."""
        groups = tuple(
            GroupCount(value=group, num_examples=self._examples[group], num_right=self._right[group])
            for group in _GROUPS
            if self._examples[group]
        )
        return {"orders": groups} if groups else {}


def _find_group(vote: Vote) -> str:
    if vote.num_orders == 1:
        return _GROUPS[3]
    if vote.num_agreeing == vote.num_orders:
        return _GROUPS[0]
    return _GROUPS[1] if 2 * vote.num_agreeing > vote.num_orders else _GROUPS[2]
