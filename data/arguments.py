"""Checks of what a program passes to a public function; each error names the argument."""

import operator
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from eqstream.data.configuration import describe_type
from eqstream.data.errors import UserError


def check_path(name: str, value: Any, kinds: str = "a path") -> str | Path:
    """Returns a path or URI as it was given, other objects that stand for a path as a text.

    Args:
        name: of the argument.
        value: of the argument.
        kinds: what it may be, for the error.

    Raises:
        UserError: it is none, is empty, or holds a null character.
    """
    path = os.fspath(value) if isinstance(value, os.PathLike) else value
    if not isinstance(path, str) or not path:
        raise UserError(f"`{name}` must be {kinds}, got {describe_type(value)}")
    if "\0" in path:
        raise UserError(f"`{name}` must not hold a null character, got {describe_type(path)}")
    return value if isinstance(value, Path) else path


def check_text(name: str, value: Any) -> None:
    """Refuses what is no text."""
    if not isinstance(value, str):
        raise UserError(f"`{name}` must be a text, got {describe_type(value)}")


def check_list(name: str, value: Any) -> None:
    """Refuses a single value, such as a text, where a list or another iterable is wanted."""
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise UserError(f"`{name}` must be a list, got {describe_type(value)}")


def check_whole(least: int | None = None, most: int | None = None, **values: Any) -> None:
    """Refuses values, by the names of their arguments, that are no whole numbers of Python or numpy, or out of bounds.

    >>> check_whole(0, workers=3, num_samples=0)
    """
    for name, value in values.items():
        if isinstance(value, bool) or not hasattr(value, "__index__"):
            raise UserError(f"`{name}` must be a whole number, got {describe_type(value)}")
        if least is not None and operator.index(value) < least:
            raise UserError(f"`{name}` must be at least {least}, got {value}")
        if most is not None and operator.index(value) > most:
            raise UserError(f"`{name}` must be at most {most:,}, got {describe_type(operator.index(value))}")


class Batching(NamedTuple):
    """Which batches are wanted, in Python's own numbers: those of numpy may overflow."""

    batch_size: int
    seed: int
    first_batch: int
    reader: tuple[int, int]


def check_batching(*, batch_size: Any, seed: Any, first_batch: Any, reader: Any) -> Batching:
    """Refuses what cannot say which batches are wanted; `eqstream.data.loading.batch_plan` checks the numbers."""
    check_whole(batch_size=batch_size, seed=seed, first_batch=first_batch)
    if not isinstance(reader, (tuple, list)) or len(reader) != 2:
        raise UserError(f"`reader` must be (i, n) with i from 0 to n - 1, got {reader!r}")
    for number in reader:
        check_whole(reader=number)
    number, num_readers = map(operator.index, reader)
    return Batching(
        batch_size=operator.index(batch_size),
        seed=operator.index(seed),
        first_batch=operator.index(first_batch),
        reader=(number, num_readers),
    )
