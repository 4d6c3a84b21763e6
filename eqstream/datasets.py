"""Datasets on disk, opened for reading."""

import operator
import sys
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from eqstream.data.arguments import check_batching, check_path, check_whole
from eqstream.data.dataset.block_reader import BlockReader
from eqstream.data.dataset.manifest import Manifest
from eqstream.data.dataset.manifest_file import load_manifest
from eqstream.data.dataset.shard_reader import read_split
from eqstream.data.formats.columns import NUMBER_COLUMNS
from eqstream.data.loading.batch_plan import BatchPlan
from eqstream.data.loading.codec import Codec
from eqstream.data.loading.codec_fit import check_codec, check_codec_argument, fit_codec_to_dataset
from eqstream.data.loading.codec_options import CodecOptions
from eqstream.data.loading.epoch_order import EpochOrder
from eqstream.data.loading.example_encoder import ExampleEncoder
from eqstream.data.loading.split_source import MEMORY_BUDGET, KeptExamples, SplitSource
from eqstream.data.loading.token_table import TokenTable
from eqstream.data.recipe import Recipe
from eqstream.data.storage import is_remote
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
        directory: of a finished dataset: a path on this machine, or a URI such as `s3://bucket/sums` or
            `gs://bucket/sums`.

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
        directory: of a finished dataset: a path on this machine, or a URI such as `s3://bucket/sums` or
            `gs://bucket/sums`.

    Raises:
        UserError: there is no finished dataset, or one of a newer format.
        DamagedManifestError: its manifest was cut or changed.
    """

    def __init__(self, directory: str | Path) -> None:
        directory = check_path("directory", directory)
        self.directory: str | Path = str(directory) if is_remote(directory) else Path(directory)
        self.manifest: Manifest = load_manifest(self.directory)
        self._blocks: dict[str, BlockReader] = {}
        self._kept: dict[tuple[str, Codec | None], KeptExamples] = {}
        self._kept_bytes = 0

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
        """Name of each split to its number of examples, in the order of the recipe."""
        return {name: split.num_records for name, split in self.manifest.splits.items()}

    def codec(
        self,
        *,
        padding: Literal["left", "right"] = "right",
        answer_padding: Literal["left", "right"] = "right",
        end_question: bool = False,
        zero_padding: bool = False,
        reverse_question: bool = False,
        reverse_answer: bool = False,
        spaces: Literal["keep", "drop"] = "drop",
    ) -> Codec:
        """Returns what turns texts of the dataset into tokens and back.

        Args:
            padding: the side of a question's pad tokens.
            answer_padding: `right` for pads behind the end of a short answer, `left` for spaces before it.
            end_question: whether an end token closes a question.
            zero_padding: whether numbers get leading zeros up to the digits of the longest operand or answer.
            reverse_question: whether questions are written backwards.
            reverse_answer: whether answers are written backwards: the units first.
            spaces: whether the spaces of a question become tokens.

        Raises:
            UserError: there is no such side or choice, or zero padding is asked for where answers are fractions, or
                examples are steps, for which only the directions of reading can be chosen.
        """
        options = CodecOptions(
            padding=padding,
            answer_padding=answer_padding,
            end_question=end_question,
            zero_padding=zero_padding,
            reverse_question=reverse_question,
            reverse_answer=reverse_answer,
            spaces=spaces,
            steps=self.manifest.recipe.steps is not None,
            line_length=self.manifest.space.line_length or CodecOptions.line_length,
        )
        return fit_codec_to_dataset(self.manifest, options)

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
        return self._source(split, codec or self.codec(), memory_budget=sys.maxsize).load()

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
        reader: tuple[int, int] = (0, 1),
        first_batch: int = 0,
        memory_budget: int = MEMORY_BUDGET,
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
        reader: tuple[int, int] = (0, 1),
        first_batch: int = 0,
        memory_budget: int = MEMORY_BUDGET,
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
        reader: tuple[int, int] = (0, 1),
        first_batch: int = 0,
        memory_budget: int = MEMORY_BUDGET,
        codec: Codec | None = None,
        as_text: bool = False,
        as_dict: bool = False,
    ) -> "tf.data.Dataset[Any]":
        """Returns a split in batches (question, answer), as `fit` of a Keras model takes them.

        Questions are int32 (batch, question_width), answers int32 (batch, answer_width); the codec has the widths. Each
        iteration over the batches is one epoch, and the next one has another order: the first epoch that of the files,
        which are shuffled already, a later one that of (`seed`, epoch) alone. Their number is known, unless the first
        iteration begins within an epoch and others do not.

        A split is read ahead while its batches are used, in bounded memory (see `eqstream.data.loading.split_source`);
        it is kept in memory once it has been read if its tokens, with all that this dataset keeps already for other
        splits and codecs, fit `memory_budget`. What is kept stays as long as the dataset. The batches are the same.

        Args:
            split: its name.
            batch_size: examples in a batch, for all readers together; the last batch of an epoch has what is left.
            seed: of the order.
            epoch: the one that every iteration shall give; None for 0, then 1, and so on.
            shuffle: False for the order of the records in every epoch.
            drop_remainder: whether a smaller last batch is left out, so that all have one static size.
            reader: (i, n) for reader i, from 0, of n that share every batch; it gets the examples i, i + n, … of each
                epoch. What all readers together get does not depend on their number.
            first_batch: where the first iteration begins: the number of batches so far, through all epochs. With
                `epoch`, where every iteration begins, counted within the epoch. For `fit`, which takes the first
                iteration's number of batches for that of all, use ``.repeat().take(steps)``.
            memory_budget: bytes of all that is kept; a split that does not fit is read anew in each epoch. It takes a
                byte for each token and twelve for the numbers of an example.
            codec: from text to tokens; by default `codec()`.
            as_text: whether questions and answers are strings (batch,) instead of tokens.
            as_dict: whether a batch is a dict with `terms`, `digits` and `carries`, int32 (batch,), besides `question`
                and `answer`.

        Raises:
            UserError: there is no such split, it has no full batch where the remainder is dropped, or the reader or the
                first batch is impossible. A file that is missing or damaged ends the iteration with
                `tf.errors.InvalidArgumentError`, the only error that TensorFlow lets through; its message has a line
                ``DamagedShardError: …`` that names shard and record.
        """
        wanted = check_batching(batch_size=batch_size, seed=seed, first_batch=first_batch, reader=reader)
        check_whole(0, epoch=0 if epoch is None else epoch, memory_budget=memory_budget)
        check_codec_argument(as_text=as_text, codec=codec)
        epoch = None if epoch is None else operator.index(epoch)
        load_tensorflow(with_keras=False)
        from eqstream.data.loading.tensor_batches import make_batches, to_pairs

        codec = None if as_text else codec or self.codec()
        source = self._source(split, codec, seed=wanted.seed, shuffle=shuffle, memory_budget=memory_budget)
        plan = BatchPlan(
            num_examples=source.num_examples,
            batch_size=wanted.batch_size,
            drop_remainder=drop_remainder,
            reader=wanted.reader,
        )
        stream = make_batches(
            source,
            plan,
            plan.list_epochs(epoch, wanted.first_batch).__next__,
            columns=NUMBER_COLUMNS if as_dict else (),
            num_batches=plan.count_batches(epoch, wanted.first_batch),
        )
        return stream if as_dict else to_pairs(stream)

    def _source(
        self, split: str, codec: Codec | None, *, seed: int = 0, shuffle: bool = True, memory_budget: int
    ) -> SplitSource:
        """Returns the examples of a split as tokens, or as texts without a codec; kept if there is room."""
        if codec is not None:
            check_codec(codec, self.manifest.recipe.space, self.manifest.space)
        if split not in self._blocks:
            self._blocks[split] = BlockReader(self.directory, self.manifest, split)
        blocks, encoder = self._blocks[split], ExampleEncoder(codec, self.manifest.space)
        num_bytes = blocks.num_records * encoder.num_bytes
        if (split, codec) not in self._kept and self._kept_bytes + num_bytes <= memory_budget:
            self._kept[split, codec] = KeptExamples(encoder.reserve(blocks.num_records))
            self._kept_bytes += num_bytes
        order = EpochOrder(num_records=blocks.num_records, seed=seed, shuffle=shuffle)
        return SplitSource(blocks, encoder, order, kept=self._kept.get((split, codec)))
