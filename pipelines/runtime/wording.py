"""How messages show numbers, sizes, times, and names of which there may be many."""

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


def format_bytes(num_bytes: int) -> str:
    """Returns a size for people.

    >>> format_bytes(950), format_bytes(52_300_000)
    ('950 bytes', '52.3 MB')
    """
    size, unit = float(num_bytes), "bytes"
    for larger in ("kB", "MB", "GB", "TB", "PB"):
        if size < 999.95:
            break
        size, unit = size / 1000, larger
    return f"{num_bytes} bytes" if unit == "bytes" else f"{size:.1f} {unit}"


def format_seconds(seconds: float) -> str:
    """Returns a length of time for people.

    >>> format_seconds(0.01), format_seconds(0.24), format_seconds(75), format_seconds(7300)
    ('less than 0.1 s', '0.2 s', '1:15 min', '2:01 h')
    """
    if seconds < 0.05:
        return "less than 0.1 s"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02} min" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02} h"
