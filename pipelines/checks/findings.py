"""What is wrong with a dataset: one line each, the first ones kept, all of them counted."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

# What a finding speaks against; where a kind has no finding, its point is proven.
KINDS = ("files", "contents", "membership", "twins", "counts", "plan")


class Finding(NamedTuple):
    """One thing that is wrong.

    Attributes:
        kind: one of `KINDS`.
        place: the file or shard.
        reason: in one line.
        record: counted from 0, None where it is about more than one record.
        paths: the files, relative to the dataset, that a build must write anew to mend it.

    >>> str(Finding("contents", "train-00000-of-00001", "the answer is wrong", 17))
    'train-00000-of-00001, record 17: the answer is wrong'
    """

    kind: str
    place: str
    reason: str
    record: int | None = None
    paths: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Returns the finding as one line."""
        place = self.place if self.record is None else f"{self.place}, record {self.record}"
        return f"{place}: {' '.join(self.reason.split())}"


@dataclass(frozen=True, kw_only=True)
class Findings:
    """The first findings, in their order, and what is true of all.

    Attributes:
        first: as many as are described.
        kind_to_count: number of all findings by kind.
        paths: the files that must be written anew.
        is_mendable: whether that mends everything.
    """

    first: tuple[Finding, ...] = ()
    kind_to_count: Mapping[str, int] = field(default_factory=Counter)
    paths: frozenset[str] = frozenset()
    is_mendable: bool = True

    @classmethod
    def collect(cls, found: Iterable[Finding], limit: int) -> "Findings":
        """Returns what a check yields, the first `limit` findings described; the others take no memory."""
        first: list[Finding] = []
        kind_to_count: Counter[str] = Counter()
        paths: set[str] = set()
        is_mendable = True
        for finding in found:
            kind_to_count[finding.kind] += 1
            paths.update(finding.paths)
            is_mendable &= bool(finding.paths)
            if len(first) < limit:
                first.append(finding)
        return cls(first=tuple(first), kind_to_count=kind_to_count, paths=frozenset(paths), is_mendable=is_mendable)

    @classmethod
    def join(cls, parts: Iterable["Findings"], limit: int) -> "Findings":
        """Returns the findings of all parts, in their order."""
        parts = list(parts)
        return cls(
            first=tuple(finding for part in parts for finding in part.first)[:limit],
            kind_to_count=sum((Counter(part.kind_to_count) for part in parts), Counter()),
            paths=frozenset().union(*(part.paths for part in parts)),
            is_mendable=all(part.is_mendable for part in parts),
        )

    @property
    def total(self) -> int:
        """How many findings there are."""
        return sum(self.kind_to_count.values())

    def to_dict(self) -> dict[str, Any]:
        """Returns the findings in JSON types."""
        return {
            "first": [list(finding) for finding in self.first],
            "kind_to_count": dict(self.kind_to_count),
            "paths": sorted(self.paths),
            "is_mendable": self.is_mendable,
        }

    @classmethod
    def from_dict(cls, mapping: Mapping[str, Any]) -> "Findings":
        """Returns the findings that `to_dict` wrote."""
        return cls(
            first=tuple(Finding(*fields[:-1], paths=tuple(fields[-1])) for fields in mapping["first"]),
            kind_to_count=Counter(mapping["kind_to_count"]),
            paths=frozenset(mapping["paths"]),
            is_mendable=mapping["is_mendable"],
        )
