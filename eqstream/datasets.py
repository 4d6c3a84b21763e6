"""Datasets on disk, opened for reading."""

import itertools
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np

from eqstream.data.dataset.manifest import Manifest
from eqstream.data.dataset.shard_reader import read_split
from eqstream.data.errors import UserError
from eqstream.data.formats.columns import EquationColumns
from eqstream.data.loading.codec import Codec, CodecOptions
from eqstream.data.loading.sampler import EpochSampler
from eqstream.data.loading.token_table import TokenTable, load_manifest, load_tokens
from eqstream.data.recipe import Recipe
from eqstream.equation import Equation, list_equations
from eqstream.spaces import EquationSpace
from eqstream.tensorflow_startup import load_tensorflow

if TYPE_CHECKING:
    import tensorflow as tf


def open_dataset(directory: str | Path) -> "Dataset":
    """Returns the dataset of a directory; reads its manifest alone.

    >>> import eqstream, tempfile
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     dataset = open_dataset(eqstream.build("addition-10", directory).directory)
    ...     print(next(dataset.equations("test")))
    ...     tokens = dataset.tokens("test")
    2 + 8 = 10
    >>> dataset.splits
    {'train': 76, 'test': 24}
    >>> tokens.questions.shape, tokens.answers.shape
    ((24, 5), (24, 3))

    Args:
        directory: of a finished dataset, on this machine.

    Raises:
        UserError: there is no finished dataset, or one of a newer format.
        DamagedManifestError: its manifest was cut or changed.
    """
    return Dataset(directory)


class Dataset:
    """A finished dataset: its splits as batches for training, as tokens, or as equations.

    >>> import eqstream, tempfile
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     dataset = open_dataset(eqstream.build("addition-10", directory).directory)
    ...     batches = dataset.batches("train", batch_size=32)
    ...     len(batches), [tuple(question.shape) for question, answer in batches]
    (3, [(32, 5), (32, 5), (12, 5)])

    Attributes:
        directory: where it is.
        manifest: what its manifest says.

    Args:
        directory: of a finished dataset, on this machine.

    Raises:
        UserError: there is no finished dataset, or one of a newer format.
        DamagedManifestError: its manifest was cut or changed.
    """

    def __init__(self, directory: str | Path) -> None:
        self.directory = Path(directory)
        self.manifest: Manifest = load_manifest(directory)
        self._tables: dict[tuple[str, Codec], TokenTable] = {}
        self._split_to_texts: dict[str, dict[str, np.ndarray]] = {}

    def __repr__(self) -> str:
        splits = ", ".join(f"{name} {count:,}" for name, count in self.splits.items())
        return f"<Dataset {self.manifest.name} {self.manifest.version}: {splits}>"

    @property
    def recipe(self) -> Recipe:
        """The recipe that it was built from, without the sections about models."""
        return self.manifest.recipe

    @cached_property
    def space(self) -> EquationSpace:
        """All equations that its recipe allows, those of no split included."""
        return EquationSpace(self.recipe)

    @property
    def splits(self) -> dict[str, int]:
        """Name of each split to its number of equations, in the order of the recipe."""
        return {name: split.num_equations for name, split in self.manifest.splits.items()}

    def codec(
        self,
        *,
        padding: Literal["left", "right"] = "right",
        zero_padding: bool = False,
        reverse_question: bool = False,
        reverse_answer: bool = False,
        spaces: Literal["keep", "drop"] = "drop",
    ) -> Codec:
        """Returns what turns texts of the dataset into tokens and back.

        Args:
            padding: the side of a question's pad tokens.
            zero_padding: whether numbers get leading zeros up to the digits of the longest operand or answer.
            reverse_question: whether questions are written backwards.
            reverse_answer: whether answers are written backwards: the units first.
            spaces: whether the spaces of a question become tokens.

        Raises:
            UserError: zero padding is asked for where answers are fractions.
        """
        options = CodecOptions(
            padding=padding,
            zero_padding=zero_padding,
            reverse_question=reverse_question,
            reverse_answer=reverse_answer,
            spaces=spaces,
        )
        return Codec.for_dataset(self.manifest, options)

    def equations(self, split: str) -> Iterator[Equation]:
        """Yields the equations of a split in the order of its records; reads one shard at a time.

        Args:
            split: its name.

        Raises:
            UserError: there is no such split, or a shard is missing or damaged; names it.
        """
        for columns in read_split(self.directory, self.manifest, split):
            yield from list_equations(columns)

    def tokens(self, split: str, codec: Codec | None = None) -> TokenTable:
        """Returns the tokens of a split as numpy arrays, in the order of its records; needs no TensorFlow.

        They are read once and kept as long as the dataset is: a byte for each token, and twelve for the numbers.

        Args:
            split: its name.
            codec: from text to tokens; by default `codec()`.

        Raises:
            UserError: there is no such split, or a shard is missing or damaged; names it.
        """
        codec = codec or self.codec()
        if (split, codec) not in self._tables:
            self._tables[split, codec] = load_tokens(self.directory, split, codec, manifest=self.manifest)
        return self._tables[split, codec]

    @overload
    def batches(
        self,
        split: str,
        *,
        batch_size: int,
        seed: int = 0,
        epoch: int | None = None,
        shuffle: bool = True,
        drop_remainder: bool = False,
        codec: Codec | None = None,
        as_text: bool = False,
        as_dict: Literal[False] = False,
    ) -> "tf.data.Dataset[tuple[tf.Tensor, tf.Tensor]]": ...

    @overload
    def batches(
        self,
        split: str,
        *,
        batch_size: int,
        seed: int = 0,
        epoch: int | None = None,
        shuffle: bool = True,
        drop_remainder: bool = False,
        codec: Codec | None = None,
        as_text: bool = False,
        as_dict: Literal[True],
    ) -> "tf.data.Dataset[dict[str, tf.Tensor]]": ...

    def batches(
        self,
        split: str,
        *,
        batch_size: int,
        seed: int = 0,
        epoch: int | None = None,
        shuffle: bool = True,
        drop_remainder: bool = False,
        codec: Codec | None = None,
        as_text: bool = False,
        as_dict: bool = False,
    ) -> "tf.data.Dataset[Any]":
        """Returns a split in batches (question, answer), as `fit` of a Keras model takes them; their number is known.

        Questions are int32 (batch, question_width), answers int32 (batch, answer_width); the codec has the widths. Each
        iteration over the batches is one epoch, and the next one has another order: that of (`seed`, epoch) alone. The
        split is held in memory, see `tokens`.

        Args:
            split: its name.
            batch_size: examples in a batch; the last batch of an epoch has what is left.
            seed: of the order.
            epoch: the one that every iteration shall give; None for 0, then 1, and so on.
            shuffle: False for the order of the records.
            drop_remainder: whether a smaller last batch is left out, so that all have one static size.
            codec: from text to tokens; by default `codec()`.
            as_text: whether questions and answers are strings (batch,) instead of tokens.
            as_dict: whether a batch is a dict with `terms`, `digits` and `carries`, int32 (batch,), besides `question`
                and `answer`.

        Raises:
            UserError: there is no such split, it has no full batch where the remainder is dropped, or a shard is
                missing or damaged.
        """
        load_tensorflow(with_keras=False)
        from eqstream.data.loading.shard_batches import epoch_batches, to_pairs

        sources = self._texts(split) if as_text else self.tokens(split, codec).columns()
        sampler = _make_sampler(
            split, len(sources["answer"]), batch_size, seed=seed, shuffle=shuffle, drop_remainder=drop_remainder
        )
        epochs = itertools.count() if epoch is None else itertools.repeat(epoch)
        if as_dict:
            return epoch_batches(sources, sampler, epochs.__next__)
        sources = {name: sources[name] for name in ("question", "answer")}
        return to_pairs(epoch_batches(sources, sampler, epochs.__next__))

    def _texts(self, split: str) -> dict[str, np.ndarray]:
        """Returns each column of a split: byte strings, or numbers."""
        if split not in self._split_to_texts:
            columns = EquationColumns.join(list(read_split(self.directory, self.manifest, split)))
            texts = {"question": columns.question.to_bytes(), "answer": columns.answer.to_bytes()}
            self._split_to_texts[split] = texts | columns.numbers
        return self._split_to_texts[split]


def _make_sampler(
    split: str, num_examples: int, batch_size: int, *, seed: int, shuffle: bool, drop_remainder: bool
) -> EpochSampler:
    if batch_size < 1:
        raise UserError(f"`batch_size` must be at least 1, got {batch_size}")
    if drop_remainder and batch_size > num_examples:
        raise UserError(
            f"split `{split}` has {num_examples:,} equations, which make no batch of {batch_size:,}; "
            "choose a smaller one, or keep the remainder"
        )
    return EpochSampler(
        num_examples=num_examples,
        batch_size=batch_size,
        seed=seed,
        shuffle=shuffle,
        remainder="drop" if drop_remainder else "keep",
    )
