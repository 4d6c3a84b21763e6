"""The fixed sample on which the best epoch of a training is chosen."""

from pathlib import Path

import numpy as np

from eqstream.data.dataset.manifest import Manifest
from eqstream.data.errors import UserError
from eqstream.data.loading.codec import Codec
from eqstream.data.loading.shard_batches import TokenTable, load_tokens
from eqstream.data.permutation import Permutation, derive_seed
from eqstream.data.recipe import Recipe
from eqstream.data.streams.spare import spare_equations
from eqstream.seq2seq.config.sections import TrainingRecipe


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
        return _load_spare(recipe, codec, manifest.recipe, manifest.fingerprint)
    whole = load_tokens(data_directory, split, codec, manifest=manifest, storage=recipe.storage)
    chosen = np.arange(min(recipe.validation_examples, len(whole)))
    return whole.take(Permutation(len(whole), derive_seed(recipe.seed, "validation")).forward(chosen))


def _load_spare(recipe: TrainingRecipe, codec: Codec, data_recipe: Recipe, fingerprint: str) -> TokenTable:
    train = recipe.train_split
    others = [f"`{split.name}`" for split in data_recipe.splits if split.name != train]
    verb = "is" if len(others) == 1 else "are"
    why = f"{', '.join(others)} {verb} held out by `where`" if others else "there is no other split"
    cure = (
        f"add a split with the `where` of `{train}` to the recipe and build it anew, "
        "or name one by `training.validation_split`"
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
    questions = np.concatenate([codec.encode_questions(block.question) for block in blocks])
    answers = np.concatenate([codec.encode_answers(block.answer) for block in blocks])
    return TokenTable(questions, answers, {})
