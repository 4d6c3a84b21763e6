"""What the batches of a loader are taken from."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

import numpy as np

from eqstream.data.loading.example_encoder import ExampleEncoder
from eqstream.data.loading.token_table import TokenTable

ALL = (0, 1)


class ExampleSource(Protocol):
    """Examples without end, each of which can be had by its position.

    Attributes:
        num_examples: in an epoch; position p is place p % num_examples of epoch p // num_examples.
        encoder: of the questions and answers in the tables that are read.
    """

    num_examples: int
    encoder: ExampleEncoder

    def read(
        self, runs: Iterable[np.ndarray], *, columns: Sequence[str] = (), reader: tuple[int, int] = ALL
    ) -> Iterator[TokenTable]:
        """Yields the examples at each array of positions, in their order; reads ahead, in bounded memory.

        Args:
            runs: int64 (n,) each; all positions rise, from one array to the next, too.
            columns: which numbers the examples shall have.
            reader: (i, n), which promises that each place p of an epoch has p % n = i. So what other readers have need
                not be read.

        Raises:
            UserError: a file is missing or damaged.
        """
        ...
