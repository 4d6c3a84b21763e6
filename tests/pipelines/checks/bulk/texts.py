"""Texts and records for tests of the bulk way."""

from typing import Any

import numpy as np

from eqstream.pipelines.checks.bulk.columns import Columns, Texts
from eqstream.pipelines.checks.example_message import Record


def join_texts(texts):
    """Returns texts as one run of bytes."""
    encoded = [text.encode() for text in texts]
    return Texts(np.frombuffer(b"".join(encoded), np.uint8), np.cumsum([0, *map(len, encoded)]))


def make_columns(records):
    """Returns records, at least one, column by column."""
    columns = zip(*records, strict=True)
    kinds = Record.__annotations__.values()
    joined: Any = (
        join_texts(values) if kind is str else np.array(values, np.int64)
        for kind, values in zip(kinds, columns, strict=True)
    )
    return Columns(*joined)
