"""Numbers with their nouns, and names of which there may be many."""

from collections.abc import Sequence

MAX_NAMES = 5


def count_of(number: int, noun: str, plural: str | None = None) -> str:
    """Returns a number with its noun, whose plural has an s more unless another one is given.

    >>> count_of(1, "shard"), count_of(2000, "shard"), count_of(2, "class", "classes")
    ('1 shard', '2,000 shards', '2 classes')
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {plural or f'{noun}s'}"


def name_first(names: Sequence[str]) -> str:
    """Returns the first of some names, and how many more there are.

    >>> name_first(["a", "b"]), name_first(list("abcdefg"))
    ('a, b', 'a, b, c, d, e and 2 more')
    """
    shown = ", ".join(names[:MAX_NAMES])
    return f"{shown} and {len(names) - MAX_NAMES:,} more" if len(names) > MAX_NAMES else shown
