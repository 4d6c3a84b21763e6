"""The run whose weights a training begins with."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eqstream.data.dataset.manifest import Manifest
from eqstream.data.errors import UserError
from eqstream.data.loading.codec import Codec
from eqstream.data.loading.data_source import DataSource
from eqstream.data.storage import normalize
from eqstream.seq2seq.config.sections import TrainingRecipe
from eqstream.seq2seq.models.base import EquationModel
from eqstream.seq2seq.models.transformer import TransformerModel
from eqstream.seq2seq.models.transformer_growth import GROWING, copy_into_larger, has_room_for
from eqstream.seq2seq.runs.run_directory import RunDirectory
from eqstream.seq2seq.runs.shipped_models import find_run
from eqstream.seq2seq.runs.trained_model import TrainedModel, load_trained_model


@dataclass(frozen=True, kw_only=True, eq=False)
class StartingPoint:
    """A run to begin with.

    Attributes:
        trained: its best model.
        description: what `run.json` of the new run says of it: where it is, the SHA-256 of its model's file, and all
            splits that these weights were trained on, those of its own starting point among them.
    """

    trained: TrainedModel
    description: dict[str, Any]

    def copy_weights(self, model: EquationModel) -> None:
        """Gives another model the weights.

        Raises:
            UserError: the models are not built alike, or do not read and write the same tokens.
        """
        place, ours, theirs = f"`training.start_from`: {self.trained.run.path}", model.codec, self.trained.codec
        if (ours.alphabet, _list_choices(ours)) != (theirs.alphabet, _list_choices(theirs)):
            raise UserError(f"{place} has another codec: its characters and `codec` must be those of this training")
        known = self.trained.model
        if isinstance(known, TransformerModel) and isinstance(model, TransformerModel) and _is_larger(model, known):
            copy_into_larger(known, model)
            return
        weights = known.get_weights()
        is_alike = _describe_layers(known) == _describe_layers(model)
        if not is_alike or [each.shape for each in weights] != [each.shape for each in model.get_weights()]:
            more = f", or have more {', '.join(f'`{name}`' for name in GROWING)}"
            raise UserError(
                f"{place} has another model: `model` must be that of this training but for `dropout`"
                + (more if isinstance(known, TransformerModel) else "")
            )
        model.set_weights(weights)


def _list_choices(codec: Codec) -> dict[str, Any]:
    """Returns the options that decide what a token means; how long a line may be does not."""
    return {name: value for name, value in vars(codec.options).items() if name != "line_length"}


def _describe_layers(model: EquationModel) -> dict[str, Any]:
    """Returns what decides what weights do, such as the number of heads, which their shapes do not tell."""
    return {name: value for name, value in vars(model.architecture).items() if name != "dropout"}


def _is_larger(model: TransformerModel, known: TransformerModel) -> bool:
    """Returns whether a model is the other one with more of what may grow, and nothing else."""
    ours, theirs = _describe_layers(model), _describe_layers(known)
    sizes = [(ours.pop(name), theirs.pop(name)) for name in GROWING]
    return ours == theirs and all(size >= other for size, other in sizes) and has_room_for(known, model)


def load_starting_point(training: TrainingRecipe, manifest: Manifest, run: RunDirectory) -> StartingPoint | None:
    """Returns the run that `training.start_from` names, None if it names none.

    Args:
        training: names it.
        manifest: of the dataset that the training is given.
        run: where the training goes.

    Raises:
        UserError: there is no such run, or it was trained on another dataset, so that it may know what is held out.
    """
    if training.start_from is None:
        return None
    try:
        place = find_run(training.start_from)
        if normalize(place) == normalize(run.path):
            raise UserError(f"{run.path} is where this training goes: give it another directory")
        trained = load_trained_model(place)
    except UserError as error:
        raise UserError(f"`training.start_from`: {error}") from error
    if trained.description["data_fingerprint"] != manifest.fingerprint:
        raise UserError(
            f"`training.start_from`: {trained.run.path} was trained on other data "
            f"({trained.description['data_name']}), perhaps on what this dataset holds out; name a run of this dataset"
        )
    digest = hashlib.sha256(trained.run.model_keras.read_bytes()).hexdigest()
    description = {
        "run": normalize(trained.run.path),
        "weights_sha256": digest,
        "trained_on": sorted([fingerprint, split] for fingerprint, split in trained.trained_splits),
    }
    return StartingPoint(trained=trained, description=description)


def list_not_held_out(start: StartingPoint, sources: Sequence[DataSource]) -> list[str]:
    """Returns the names of the recipes of a mixture whose held-out equations the run to begin with may have seen."""
    known = {fingerprint for fingerprint, _ in start.trained.trained_splits}
    known.add(start.trained.description["data_fingerprint"])
    return sorted({source.recipe.name for source in sources if source.fingerprint not in known})
