"""The examples that a model is evaluated on, block by block, so that memory does not grow with the space."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from eqstream.data.dataset.manifest import Manifest
from eqstream.data.errors import UserError
from eqstream.data.formats.columns import EquationColumns
from eqstream.data.formats.string_matrix import ByteRows
from eqstream.data.loading.whole_equations import read_equations
from eqstream.data.streams.unseen import unseen_equations
from eqstream.seq2seq.runs.split_roles import SplitRoles, roles_of_run
from eqstream.seq2seq.runs.trained_model import TrainedModel

ALL_UNSEEN = "all-unseen"  # no split can have this name

# A multiple of the decoder's batch, so that no batch is filled up but the last one.
BLOCK_SIZE = 1 << 16


@dataclass(frozen=True, kw_only=True)
class Examples:
    """Equations to evaluate a model on.

    Attributes:
        name: of the split, or `all-unseen`.
        about: what they are, for a person.
        total: how many there are.
        is_sample: whether they are drawn from a larger set that they stand for.
        read: starts anew at each call; yields all of them, in blocks of any size.
    """

    name: str
    about: str
    total: int
    is_sample: bool
    read: Callable[[], Iterator[EquationColumns]]

    def blocks(self, limit: int | None = None) -> Iterator[EquationColumns]:
        """Yields the examples, or the first `limit` of them, in blocks of `BLOCK_SIZE`; the last one may be smaller."""
        left = self.total if limit is None else min(limit, self.total)
        waiting: list[EquationColumns] = []
        for block in self.read():
            waiting.append(block)
            size = min(left, BLOCK_SIZE)
            if sum(map(len, waiting)) < size:
                continue
            joined, start = EquationColumns.join(waiting), 0
            while size and len(joined) - start >= size:
                yield _cut(joined, start, start + size)
                start, left = start + size, left - size
                size = min(left, BLOCK_SIZE)
            if not left:
                return
            waiting = [_cut(joined, start, len(joined))]
        if left:
            raise ValueError(f"{left} of the {self.total} examples of `{self.name}` did not come")


def choose_examples(
    trained: TrainedModel, directory: str | Path, manifest: Manifest, *, split: str | None, unseen: bool
) -> Examples:
    """Returns the examples of a split, or with `unseen` every equation that the model was not trained on.

    Args:
        trained: the model.
        directory: the dataset.
        manifest: the dataset's.
        split: None for the recipe's `test_split`, or the usual one, or else what is unseen.
        unseen: whether the whole space is meant, equations of no split included.

    Raises:
        UserError: there is no such split, or what is unseen cannot be known or is too much.
    """
    roles = roles_of_run(trained.description, manifest.recipe.splits, trained.sections.training, wanted=split)
    if unseen or roles.test is None:
        return _choose_unseen(trained, manifest, roles)
    return _choose_split(trained, directory, manifest, name=roles.test, roles=roles)


def _choose_unseen(trained: TrainedModel, manifest: Manifest, roles: SplitRoles) -> Examples:
    if not _is_own(trained, manifest):
        raise UserError("what is unseen is known only of the dataset that the model was trained on")
    if trained.sections.training.mixture:
        raise UserError(
            "what is unseen is not known of a model that was trained on a mixture: an equation of no split may have "
            "come from another source; evaluate it on the splits, whose equations never do (`--split all` takes each)"
        )
    equations = unseen_equations(manifest.recipe, roles.train, from_stream=is_from_stream(trained))
    if not equations.total:
        raise UserError("the model was trained on every equation of the space: none is unseen")
    about = "every equation of the space that the model was not trained on"
    if manifest.recipe.commuted == "ignore":
        about += ", twins of trained ones included"
    if roles.validation is None:
        about += ", the few on which the best epoch was chosen included"
    return Examples(name=ALL_UNSEEN, about=about, total=equations.total, is_sample=False, read=equations.blocks)


def _choose_split(
    trained: TrainedModel, directory: str | Path, manifest: Manifest, *, name: str, roles: SplitRoles
) -> Examples:
    about = f"`{name}`"
    if (manifest.fingerprint, name) in trained.trained_splits:
        about += ", which the model was TRAINED on"
    elif manifest.fingerprint not in {fingerprint for fingerprint, _ in trained.trained_splits}:
        about += ", of a dataset that may share equations with the one the model was trained on"
    elif _is_own(trained, manifest) and name == roles.validation:
        about += ", on which the best epoch was chosen"
    (split,) = (each for each in manifest.recipe.splits if each.name == name)
    return Examples(
        name=name,
        about=about,
        total=manifest.splits[name].num_equations,
        is_sample=not split.rest,
        read=lambda: read_equations(directory, manifest, name),
    )


def _is_own(trained: TrainedModel, manifest: Manifest) -> bool:
    """Returns whether the model was trained on this dataset."""
    return manifest.fingerprint == trained.description["data_fingerprint"]


def is_from_stream(trained: TrainedModel) -> bool:
    """Returns whether a model may have seen whatever its split may take from, not only the equations of the split.

    So it is if it was trained on the endless stream of the split, or on solutions, whose lines are other equations.
    """
    return trained.sections.training.source == "fresh" or trained.sections.codec.steps


def find_questions(blocks: Iterator[EquationColumns], questions: set[str]) -> set[str]:
    """Returns which of the questions are among the equations."""
    wanted = np.array(sorted(questions), np.bytes_)
    found: set[str] = set()
    for block in blocks:
        if len(block):
            matrix = np.ascontiguousarray(block.question.matrix)
            texts = matrix.view(f"S{matrix.shape[1]}").reshape(-1)
            found.update(text.decode() for text in wanted[np.isin(wanted, texts)].tolist())
    return found


def _cut(block: EquationColumns, start: int, stop: int) -> EquationColumns:
    texts = [ByteRows(rows.matrix[start:stop], rows.lengths[start:stop]) for rows in (block.question, block.answer)]
    return EquationColumns(*texts, numbers={name: column[start:stop] for name, column in block.numbers.items()})
