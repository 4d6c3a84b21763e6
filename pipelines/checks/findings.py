"""Faults of a dataset: one line each, the first ones kept, all of them counted."""

from collections import Counter
from typing import Any, NamedTuple

# What a fault speaks against; the check of a kind that has no fault has proved its point.
KINDS = ("files", "contents", "membership", "twins", "counts", "plan")


class Fault(NamedTuple):
    """One thing that is wrong: its kind (see `KINDS`), the file or shard, the record counted from 0, the reason.

    >>> str(Fault("contents", "train-00000-of-00001", 17, "the answer is wrong"))
    'train-00000-of-00001, record 17: the answer is wrong'
    """

    kind: str
    place: str
    record: int | None
    reason: str

    def __str__(self) -> str:
        """Returns the fault as one line."""
        place = self.place if self.record is None else f"{self.place}, record {self.record}"
        return f"{place}: {self.reason}"


class FaultList:
    """The first `limit` faults in the order in which they were added, and the number of all by kind."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.first: list[Fault] = []
        self.kind_to_count: Counter[str] = Counter()

    def __len__(self) -> int:
        return self.kind_to_count.total()

    def add(self, kind: str, place: str, reason: str, record: int | None = None) -> None:
        """Adds one fault."""
        self.kind_to_count[kind] += 1
        if len(self.first) < self.limit:
            self.first.append(Fault(kind, place, record, " ".join(reason.split())))

    def count_more(self, kind: str, number: int) -> None:
        """Counts faults that are not described."""
        self.kind_to_count[kind] += number

    def extend(self, other: "FaultList") -> None:
        """Adds the faults of another list behind those of this one."""
        self.kind_to_count.update(other.kind_to_count)
        self.first.extend(other.first[: self.limit - len(self.first)])

    def to_dict(self) -> dict[str, Any]:
        """Returns the list in JSON types."""
        first = [list(fault) for fault in self.first]
        return {"limit": self.limit, "first": first, "kind_to_count": dict(self.kind_to_count)}

    @classmethod
    def from_dict(cls, mapping: dict[str, Any]) -> "FaultList":
        """Returns the list that `to_dict` wrote."""
        faults = cls(mapping["limit"])
        faults.first = [Fault(*fault) for fault in mapping["first"]]
        faults.kind_to_count.update(mapping["kind_to_count"])
        return faults
