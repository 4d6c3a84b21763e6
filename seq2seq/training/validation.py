"""The fixed sample on which the best epoch of a training is chosen."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from eqstream.data.dataset.manifest import Manifest
from eqstream.data.errors import UserError
from eqstream.data.formats.columns import EquationColumns
from eqstream.data.loading.codec import Codec
from eqstream.data.loading.split_source import load_tokens
from eqstream.data.loading.token_table import TokenTable
from eqstream.data.loading.whole_equations import read_equations
from eqstream.data.permutation import Permutation, derive_seed
from eqstream.data.recipe import Recipe
from eqstream.data.reference.parsing import parse
from eqstream.data.reference.solution import line_text, solution
from eqstream.data.space_recipe import SpaceRecipe
from eqstream.data.streams.spare import spare_equations
from eqstream.seq2seq.config.sections import TrainingRecipe
from eqstream.seq2seq.models.base import EquationModel
from eqstream.seq2seq.models.decoding import BATCH_SIZE
from eqstream.seq2seq.models.metrics import exact_matches
from eqstream.seq2seq.models.solving_decoder import Decoder, make_decoder


class ValidationSample:
    """Answers a fixed sample after each epoch.

    Args:
        table: the sample.
        codec: of its tokens.
        num_shown: how many answers are written out.
        jit_compile: whether decoding goes through XLA.
        spaces: see `eqstream.seq2seq.models.solving_decoder.SolvingDecoder`; no line is asked again.
    """

    def __init__(
        self, table: TokenTable, codec: Codec, *, num_shown: int, jit_compile: bool, spaces: Sequence[SpaceRecipe]
    ) -> None:
        self._table, self._codec, self._jit_compile, self._spaces = table, codec, jit_compile, spaces
        self._num_shown = min(num_shown, len(table))
        self._decoder: Decoder | None = None

    def answer(self, model: EquationModel) -> tuple[float, list[str]]:
        """Returns the share of answers that are right to the last character, greedy, and a line on some of them.

        Args:
            model: the same at every call; its weights may have changed.
        """
        if self._decoder is None:
            batch_size = min(len(self._table), BATCH_SIZE)
            self._decoder = make_decoder(
                model, self._spaces, line_orders=1, batch_size=batch_size, jit_compile=self._jit_compile
            )
        answers = self._decoder.decode(self._table.questions).tokens
        return float(exact_matches(answers, self._table.answers).mean()), self._describe(answers)

    def _describe(self, answers: np.ndarray) -> list[str]:
        few = slice(0, self._num_shown)
        questions = self._codec.decode_questions(self._table.questions[few])
        expected = self._codec.decode_answers(self._table.answers[few])
        given = self._codec.decode_predictions(answers[few])
        return [
            f"☑ {question} = {answer}" if answer == truth else f"☒ {question} = {answer}  (expected {truth})"
            for question, answer, truth in zip(questions, given, expected, strict=True)
        ]


def load_validation_sample(
    recipe: TrainingRecipe,
    split: str | None,
    codec: Codec,
    *,
    data_directory: str | Path,
    manifest: Manifest,
) -> TokenTable:
    """Returns at most `recipe.validation_examples` of a split, drawn by the recipe's seed.

    Args:
        recipe: of the training.
        split: its name; None for equations like those of the training split that are in no split.
        codec: from text to tokens.
        data_directory: the dataset.
        manifest: the dataset's.

    Raises:
        UserError: a shard is damaged, or `split` is None and the dataset leaves no equation over.
    """
    if split is None:
        return _load_spare(recipe, codec, data_recipe=manifest.recipe, fingerprint=manifest.fingerprint)
    if manifest.recipe.steps is not None:
        return _load_equations(recipe, split, codec=codec, data_directory=data_directory, manifest=manifest)
    whole = load_tokens(data_directory, split, codec, manifest=manifest, storage=recipe.storage)
    chosen = np.arange(min(recipe.validation_examples, len(whole)))
    return whole.take(Permutation(len(whole), derive_seed(recipe.seed, "validation")).forward(chosen))


def _load_equations(
    recipe: TrainingRecipe, split: str, *, codec: Codec, data_directory: str | Path, manifest: Manifest
) -> TokenTable:
    """Returns the first equations of a split whose files hold steps; their order is random."""
    blocks: list[EquationColumns] = []
    num_left = recipe.validation_examples
    for block in read_equations(data_directory, manifest, split):
        blocks.append(block.take(slice(0, num_left)))
        num_left -= len(blocks[-1])
        if not num_left:
            break
    return _encode(blocks, codec)


def _encode(blocks: Sequence[EquationColumns], codec: Codec) -> TokenTable:
    questions = np.concatenate([codec.encode_questions(block.question) for block in blocks])
    return TokenTable(questions, np.concatenate([codec.encode_answers(block.answer) for block in blocks]), {})


def to_steps(table: TokenTable, codec: Codec, space: SpaceRecipe) -> TokenTable:
    """Returns as many steps of the worked solutions of a sample's equations as it has equations, or all of fewer.

    Args:
        table: the sample.
        codec: of its tokens, for lines.
        space: of its equations.
    """
    questions: list[str] = []
    answers: list[str] = []
    for question in codec.decode_questions(table.questions):
        solved = solution(parse(question), space.division, space.places, factored=space.factors_fractions)
        lines = [line_text(line, space.division, space.spacing) for line in solved]
        is_short = [len(line.replace(" ", "")) <= codec.options.line_length for line in lines]
        for place in range(len(lines) - 1):
            if is_short[place] and is_short[place + 1]:
                questions.append(lines[place])
                answers.append(lines[place + 1])
    chosen = Permutation(len(questions), derive_seed(0, "steps")).forward(np.arange(min(len(questions), len(table))))
    encoded = TokenTable(codec.encode_questions(questions), codec.encode_answers(answers), {})
    return encoded.take(chosen)


def _load_spare(recipe: TrainingRecipe, codec: Codec, *, data_recipe: Recipe, fingerprint: str) -> TokenTable:
    train = recipe.train_split
    others = [f"`{split.name}`" for split in data_recipe.splits if split.name != train]
    verb = "is" if len(others) == 1 else "are"
    why = f"{', '.join(others)} {verb} held out by `where`" if others else "there is no other split"
    cure = (
        f"add a split with the `where` of `{train}` to the recipe and build it anew, "
        "or name one by `training.validation_split`"
    )
    if codec.options.steps and recipe.source != "fresh":
        raise UserError(
            f"no split to choose the best epoch on: {why}, and equations of no split may be lines of solutions; {cure}"
        )
    if recipe.source == "fresh":
        raise UserError(
            f"no split to choose the best epoch on: {why}, and a fresh stream trains on all the rest; {cure}"
        )
    # Planned anew, the splits must come out as they were built.
    if data_recipe.fingerprint() != fingerprint:
        raise UserError(f"no split to choose the best epoch on: {why}, and the dataset is of another eqstream; {cure}")
    blocks = spare_equations(data_recipe, train, recipe.validation_examples)
    if not blocks:
        raise UserError(f"no split to choose the best epoch on: {why}, and `{train}` leaves no equation over; {cure}")
    return _encode(blocks, codec)
