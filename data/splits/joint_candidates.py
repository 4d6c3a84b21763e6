"""Candidates of many enumerations that are looked at together.

Balanced sampling takes a few equations of each of thousands of kinds. To compute those of one kind takes hundreds of
calls of numpy, however few they are; here those of all kinds take as many.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from eqstream.data.joint_shuffle import JointShuffle
from eqstream.data.permutation import index_dtype
from eqstream.data.space import sections
from eqstream.data.space.joint_sections import JointSections
from eqstream.data.splits.candidates import Candidates, KeptClasses
from eqstream.data.splits.twin_classes import TwinClasses


def can_join(candidates: Candidates) -> bool:
    """Returns whether candidates can be looked at together with others; these have no patterns of operands."""
    own = candidates.boxes.sections
    terms = [section.shapes.num_terms for section in own]
    return bool(own) and sorted(set(terms)) == terms and all(section.pattern is None for section in own)


class JointCandidates:
    """Candidates of several enumerations of one recipe, side by side.

    Args:
        members: the candidates of each, which `can_join`.
    """

    def __init__(self, members: Sequence[Candidates]) -> None:
        self._members = members
        self._shuffle = JointShuffle([member.permutation for member in members])
        unions = [member.boxes for member in members]
        # A row for each place of a section in its union, a column for each member: where the section begins, and its
        # number among those with as many terms.
        height = max(len(union.sections) for union in unions)
        bounds = [[*union.starts, *[union.size] * (height - len(union.starts))] for union in unions]
        self._starts = np.array(bounds, dtype=index_dtype(max(union.size for union in unions))).T
        by_terms: dict[int, list[sections.Section]] = {}
        self._terms, self._numbers = np.zeros((2, height, len(members)), dtype=np.int64)
        for column, union in enumerate(unions):
            for row, section in enumerate(union.sections):
                alike = by_terms.setdefault(section.shapes.num_terms, [])
                self._terms[row, column], self._numbers[row, column] = section.shapes.num_terms, len(alike)
                alike.append(section)
        self._by_terms = {terms: JointSections(alike) for terms, alike in sorted(by_terms.items())}

    def kept_at(self, members: np.ndarray, positions: np.ndarray) -> KeptClasses:
        """Returns the kept classes of positions (n,) of members (n,), all of one filter."""
        first = self._members[0]
        kept = (first.filter.keep(classes) for classes in self.find_classes(members, positions))
        return KeptClasses(tuple(classes for classes in kept if len(classes)), len(positions))

    def find_classes(self, members: np.ndarray, positions: np.ndarray) -> Iterator[TwinClasses]:
        """Yields the classes at positions (n,) of members (n,), kept or not, by rising number of terms."""
        indices = self._shuffle.forward(members, positions)
        starts = self._starts[:, members]
        rows = np.arange(len(positions))
        places = (indices >= starts[1:]).sum(axis=0, dtype=np.int64)
        terms, numbers = self._terms[places, members], self._numbers[places, members]
        indices = indices - starts[places, rows]
        for num_terms, joined in self._by_terms.items():
            some = np.flatnonzero(terms == num_terms)
            if len(some):
                yield self._members[0].twins.find(joined.locate(some, numbers[some], indices[some]))
