"""Numbers with their nouns."""


def count_of(number: int, noun: str, plural: str | None = None) -> str:
    """Returns a number with its noun, whose plural has an s more unless another one is given.

    >>> count_of(1, "shard"), count_of(2000, "shard"), count_of(2, "class", "classes")
    ('1 shard', '2,000 shards', '2 classes')
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {plural or f'{noun}s'}"
