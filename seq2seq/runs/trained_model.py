"""A finished run, loaded for use."""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from eqstream.data.errors import UserError
from eqstream.data.loading.codec import Codec
from eqstream.data.recipe import Recipe
from eqstream.data.reference.membership import KnownQuestion, is_contained, read_question
from eqstream.data.space_recipe import SpaceRecipe
from eqstream.seq2seq.config.sections import ModelRecipe

# Importing the registry registers the classes that a saved model names.
from eqstream.seq2seq.models import registry
from eqstream.seq2seq.models.base import EquationModel
from eqstream.seq2seq.models.decoding import Decoder
from eqstream.seq2seq.models.voting_decoder import VotingDecoder
from eqstream.seq2seq.runs.run_directory import RunDirectory


@dataclass(frozen=True, eq=False, kw_only=True)
class TrainedModel:
    """The best model of a run and what it was made by.

    Attributes:
        run: where it comes from.
        description: of the run, see `run_directory.describe_run`.
        recipe: of the whole.
        spaces: what it can be asked, see `RunDirectory.read_spaces`.
        sections: the recipe's sections about models.
        codec: between text and tokens.
        model: with its best weights.
    """

    run: RunDirectory
    description: dict[str, Any]
    recipe: Recipe
    spaces: tuple[SpaceRecipe, ...]
    sections: ModelRecipe
    codec: Codec
    model: EquationModel

    @property
    def data_directory(self) -> str:
        """Where the dataset was when the model was trained on it.

        Raises:
            UserError: the run does not say so, as those of models that come with eqstream do not.
        """
        directory = self.description["data_directory"]
        if not directory:
            raise UserError(f"{self.run.path} does not say where its dataset is: name one (--data)")
        return directory

    @property
    def trained_splits(self) -> set[tuple[str, str]]:
        """The splits that its weights were ever trained on: fingerprint of the dataset, name of the split."""
        before = {(each[0], each[1]) for each in self.description.get("started_from", {}).get("trained_on", ())}
        sources = self.description.get("mixture", ())
        if not sources:
            return before | {(self.description["data_fingerprint"], self.sections.training.train_split)}
        return before | {(each["data_fingerprint"], each["split"]) for each in sources}

    @property
    def factored(self) -> bool:
        """Whether its solutions split both sides of a fraction into prime factors; see `SpaceRecipe`."""
        return any(space.factors_fractions for space in self.spaces)

    def read_question(self, text: str) -> KnownQuestion:
        """Returns the question that a person typed, as a space of the model writes it.

        Raises:
            UserError: `text` is no equation, or none of the spaces contains it.
        """
        return read_question(text, *self.spaces)

    def ask_in_orders(self, decoder: Decoder, orders: int) -> Decoder:
        """Returns what asks each question in so many of its orders by a decoder; `decoder` itself for 1.

        Raises:
            UserError: the model writes no characters, so that no answer is likelier than another.
        """
        if orders == 1:
            return decoder
        if self.model.writes_numbers:
            raise UserError(
                f"{self.run.path}: a model of the kind {self.sections.model.kind} estimates a number, without a "
                f"probability, so it can't be asked in {orders} orders: ask it in 1"
            )
        return VotingDecoder(decoder, self.codec, orders=orders, can_bracket=self._is_in_space_with_brackets)

    def _is_in_space_with_brackets(self, question: str) -> bool:
        return is_contained(question, (space for space in self.spaces if space.brackets))


def load_trained_model(run_directory: str | Path) -> TrainedModel:
    """Returns the model of a run; loads no code and no pickle.

    Raises:
        UserError: the directory is no run, or has no finished epoch yet, or is damaged.
    """
    run = RunDirectory(run_directory)
    description, recipe, codec = run.read_description(), run.read_recipe(), run.read_codec()
    if not run.model_keras.is_file():
        raise UserError(f"{run.path} has no model yet: its training has not finished an epoch")
    try:
        model = keras.models.load_model(run.model_keras, compile=False, safe_mode=True)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise UserError(f"{run.model_keras} is damaged: {str(error).strip().splitlines()[0]}") from error
    if type(model) not in registry.MODELS.values() or model.codec != codec:
        raise UserError(f"{run.model_keras} and {run.codec_json} don't belong together")
    return TrainedModel(
        run=run,
        description=description,
        recipe=recipe,
        spaces=run.read_spaces(),
        sections=ModelRecipe.from_recipe(recipe),
        codec=codec,
        model=model,
    )
