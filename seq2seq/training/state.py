"""The complete state of a training at one step, in one file, from which it can be continued exactly."""

import json
import os
import zipfile
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import keras
import numpy as np

from eqstream.data.errors import UserError
from eqstream.data.loading.epoch_order import ORDER_VERSION
from eqstream.seq2seq.models.base import EquationModel


@dataclass(kw_only=True)
class TrainingProgress:
    """How far a training has come; the callbacks keep it up to date.

    Attributes:
        epoch: the epoch that comes next or is under way, from 0.
        step: steps of that epoch that are done.
        rows: the metrics of each finished epoch.
        best_epoch: the epoch whose model is kept, from 0; None before the first epoch ends.
        is_stopped: whether early stopping has ended the training.
        order_version: of the order of the examples, see `eqstream.data.loading.epoch_order`.
    """

    epoch: int = 0
    step: int = 0
    rows: list[dict[str, Any]] = field(default_factory=list)
    best_epoch: int | None = None
    is_stopped: bool = False
    order_version: int = ORDER_VERSION

    @classmethod
    def from_json(cls, text: str) -> "TrainingProgress":
        """Returns the progress that a state holds; the first release kept more, which `rows` tell, too."""
        # The versions with the first order did not say so.
        values = {"order_version": 1} | json.loads(text)
        return cls(**{field.name: values[field.name] for field in fields(cls)})


def list_variables(model: keras.Model) -> list[keras.Variable]:
    """Returns every variable a training step reads or writes, each once; see `build_metrics` for when there are all.

    Weights, the states of random generators, the optimizer's moments, step number and learning rate, and the
    metrics of the epoch under way.
    """
    variables = [*model.variables, *model.optimizer.variables, *model.metrics_variables]
    return list({id(variable): variable for variable in variables}.values())


def build_metrics(model: EquationModel) -> None:
    """Creates the metrics' variables of a compiled model, which Keras would leave to the first step."""
    question = np.ones((1, model.codec.question_width), np.int32)
    answer = np.ones((1, model.codec.answer_width), np.int32)
    output = model({"question": question, "answer": answer}, training=False)
    model.compute_metrics(None, model.make_target(keras.ops.convert_to_tensor(answer)), output, None)
    model.reset_metrics()


def save_state(path: Path, model: keras.Model, progress: TrainingProgress) -> None:
    """Writes the state, whole or not at all; the model must be compiled and its optimizer built."""
    values = [keras.ops.convert_to_numpy(variable) for variable in list_variables(model)]
    arrays = {f"{number:05d}": value for number, value in enumerate(values)}
    aside = path.with_name(path.name + ".partial")
    with aside.open("wb") as file:
        np.savez(file, progress=np.array(json.dumps(asdict(progress))), **arrays)
        file.flush()
        os.fsync(file.fileno())
    os.replace(aside, path)


def save_model(path: Path, model: keras.Model) -> None:
    """Writes a `.keras` file, whole or not at all."""
    aside = path.with_name(f"{path.stem}.partial.keras")
    model.save(aside)
    aside.replace(path)


def restore_state(path: Path, model: keras.Model) -> TrainingProgress:
    """Puts every variable of `model` back to what `save_state` wrote, and returns the progress.

    Raises:
        UserError: the file is damaged, or of a model with other variables.
    """
    variables = list_variables(model)
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as saved:
            progress = TrainingProgress.from_json(str(saved["progress"]))
            names = [name for name in saved.files if name != "progress"]
            arrays = [saved[name] for name in sorted(names)]
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} is damaged, the training cannot go on from it: {error}") from error
    if [array.shape for array in arrays] != [tuple(variable.shape) for variable in variables]:
        raise UserError(f"{path} belongs to another model")
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)
    return progress
