"""Trained models that come with eqstream: runs without what only a training needs.

`python -m eqstream.seq2seq.runs.shipped_models RUN` makes the model of a run one of them, in place of an older one of
the same recipe.
"""

import io
import json
import re
import shutil
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eqstream.data.configuration import nearest
from eqstream.data.errors import UserError, shorten
from eqstream.data.reference.evaluation import list_operators
from eqstream.data.reference.membership import KnownQuestion, NotInSpaceError, is_contained, read_question
from eqstream.data.reference.parsing import parse
from eqstream.data.space.prepared_space import prepare_space
from eqstream.data.space_recipe import SpaceRecipe
from eqstream.seq2seq.runs.askable_spaces import covers
from eqstream.seq2seq.runs.run_directory import RunDirectory, write_atomically

DIRECTORY = Path(__file__).parents[1] / "trained"
_is_asked_otherwise = re.compile(r".*-(in-[0-9]+-orders|greedy)\.json").fullmatch


@dataclass(frozen=True, kw_only=True)
class ShippedModel:
    """A trained model that comes with eqstream.

    Attributes:
        name: of its recipe.
        run: its directory.
        spaces: what it can be asked.
        judged: those of the equations that it was judged by.
        verdict: what it gets right, for a person.
    """

    name: str
    run: RunDirectory
    spaces: tuple[SpaceRecipe, ...]
    judged: tuple[SpaceRecipe, ...]
    verdict: str

    def holds(self, question: str) -> bool:
        """Returns whether it can be asked a question."""
        return is_contained(question, self.spaces)

    def was_judged_by(self, question: str) -> bool:
        """Returns whether a question is of the kind that it was judged by."""
        return is_contained(question, self.judged)


def list_shipped_models(directory: Path = DIRECTORY) -> list[ShippedModel]:
    """Returns the models, that of the smallest space first."""
    runs = [RunDirectory(path) for path in sorted(directory.iterdir()) if path.is_dir()]
    sizes = {run.path: prepare_space(run.read_recipe().space).whole.size for run in runs}
    return [_describe(run) for run in sorted(runs, key=lambda run: sizes[run.path])]


def _describe(run: RunDirectory) -> ShippedModel:
    reports = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(run.reports.glob("*.json"))]
    return ShippedModel(
        name=run.read_recipe().name,
        run=run,
        spaces=run.read_spaces(),
        judged=(run.read_recipe().space,),
        verdict="; ".join(map(_say_verdict, reports)),
    )


def _say_verdict(report: dict[str, Any]) -> str:
    num_wrong = report["num_examples"] - report["num_right"]
    return f"{num_wrong:,} wrong of {report['num_examples']:,} equations, {report['about']}"


def choose_model(models: Sequence[ShippedModel], question: str) -> ShippedModel:
    """Returns the first model that was judged by such questions, or else the first that can be asked this one."""
    able = [model for model in models if model.holds(question)]
    return next((model for model in able if model.was_judged_by(question)), able[0])


def list_names() -> list[str]:
    """Returns the names of the models, sorted; reads none of them."""
    return sorted(path.name for path in DIRECTORY.iterdir() if path.is_dir())


def find_run(name: str | Path) -> Path:
    """Returns the directory of a run, or where there is none, that of a shipped model of this name.

    A path of several parts is a directory's, whether or not it is there.

    Raises:
        UserError: a name that is neither a directory's nor a model's (with the nearest one).
    """
    path = Path(name)
    if len(path.parts) != 1 or path.exists():
        return path
    if path.name not in list_names():
        raise UserError(f"{no_run(path.name)}{nearest(path.name, list_names())}")
    return DIRECTORY / path


def no_run(name: str) -> str:
    """Returns that there is no run or model of a name, for errors."""
    return f"there is neither a run nor a model that comes with eqstream called `{shorten(name)}`"


def is_shipped(run: RunDirectory) -> bool:
    """Returns whether a run is that of a model that comes with eqstream; nothing is written there."""
    return run.path.resolve().parent == DIRECTORY.resolve()


def list_spaces(models: Sequence[ShippedModel]) -> tuple[SpaceRecipe, ...]:
    """Returns the spaces of all models, each once, in their order."""
    return tuple(dict.fromkeys(space for model in models for space in model.spaces))


def read_shipped_question(text: str, models: Sequence[ShippedModel]) -> KnownQuestion:
    """Returns the question that a person typed, as the first model that can be asked it writes it.

    Raises:
        UserError: `text` is no equation (with the position), or no model has it in its space (with the reasons).
    """
    refusals: list[tuple[ShippedModel, NotInSpaceError]] = []
    for model in models:
        try:
            return read_question(text, *model.spaces)
        except NotInSpaceError as error:
            refusals.append((model, error))
    raise UserError(
        f"no model that comes with eqstream has `{shorten(refusals[0][1].question)}` in its space: "
        f"{_list_reasons(refusals)}; `eqstream models` lists what they can be asked, `eqstream run RECIPE --out DIR` "
        "trains another one"
    )


def _list_reasons(refusals: Sequence[tuple[ShippedModel, NotInSpaceError]]) -> str:
    """Returns the reasons of the models that come nearest to a question, each reason once.

    These are the ones with its operators, if there are any, and of them those that no other one exceeds.
    """
    operators = set(list_operators(parse(refusals[0][1].question)))
    able = [each for each in refusals if any(operators <= set(space.operators) for space in each[0].spaces)]
    nearest: list[tuple[ShippedModel, NotInSpaceError]] = []
    for model, error in reversed(able or refusals):
        if not any(_exceeds(wider, model) for wider, _ in nearest):
            nearest.insert(0, (model, error))
    reason_to_names: dict[str, list[str]] = {}
    for model, error in nearest:
        reason_to_names.setdefault("; ".join(error.reasons), []).append(model.name)
    return "; ".join(f"{reason} ({', '.join(names)})" for reason, names in reason_to_names.items())


def _exceeds(one: ShippedModel, other: ShippedModel) -> bool:
    """Returns whether all that a person can ask the other model has a wider space of the first one, answers aside."""
    return all(any(covers(wide, narrow) for wide in one.spaces) for narrow in other.spaces)


def ship(run_directory: str | Path, directory: Path = DIRECTORY) -> Path:
    """Copies the model of a run, its recipe and its reports, without the optimizer; returns where they are.

    Reports are those on its own dataset, answered as `predict` does: another one may share equations with what it was
    trained on, and in several orders, or without asking lines again, it gets others right.

    Raises:
        UserError: the directory is no finished run, or nothing was evaluated in this way.
    """
    from eqstream.seq2seq.runs.trained_model import load_trained_model

    trained = load_trained_model(run_directory)
    run = trained.run
    reports = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in sorted(run.reports.glob("*.json"))}
    own = {
        name: each
        for name, each in reports.items()
        if each["data"] == trained.description["data_name"] and not _is_asked_otherwise(name)
    }
    if not own:
        raise UserError(f"{run.path} has no report: run `eqstream evaluate {run.path}` first")
    target = RunDirectory(directory / trained.recipe.name)
    shutil.rmtree(target.path, ignore_errors=True)
    target.reports.mkdir(parents=True)
    description = {**trained.description, "data_directory": ""}
    if "mixture" in description:
        description["mixture"] = [{**source, "data_directory": None} for source in description["mixture"]]
    if "started_from" in description:
        description["started_from"] = {**description["started_from"], "run": ""}
        recipe = description["recipe"]
        description["recipe"] = {**recipe, "training": {**recipe["training"], "start_from": None}}
    target.write_description(description)
    target.write_codec(trained.codec)
    trained.model.save(target.model_keras, include_optimizer=False)
    _compress(target.model_keras)
    for name, report in own.items():
        # What it says of single examples is for those who look into a run of their own.
        kept = {key: report[key] for key in ("about", "data", "split", "num_examples", "num_right")}
        write_atomically(target.reports / name, json.dumps(kept, indent=2, sort_keys=True) + "\n")
    return target.path


def _compress(archive: Path) -> None:
    """Compresses a model's file, which Keras stores as it is: an eighth less, and the same weights to the last bit."""
    with zipfile.ZipFile(archive) as stored:
        members = [(member, stored.read(member)) for member in stored.infolist()]
    with zipfile.ZipFile(archive, "w") as compressed:
        for member, content in members:
            smaller = _compress_weights(content) if member.filename.endswith(".h5") else content
            compressed.writestr(member, smaller, zipfile.ZIP_DEFLATED, compresslevel=9)


def _compress_weights(content: bytes) -> bytes:
    """Returns an HDF5 file with the bytes of its numbers grouped: those of exponents are much alike."""
    import h5py

    result = io.BytesIO()
    with h5py.File(io.BytesIO(content)) as source, h5py.File(result, "w") as target:

        def copy(name: str, item: "h5py.Dataset | h5py.Group") -> None:
            if isinstance(item, h5py.Dataset):
                numbers = item[()]
                options = {"shuffle": True, "compression": "gzip", "compression_opts": 9} if numbers.size > 256 else {}
                copied = target.create_dataset(name, data=numbers, **options)
            else:
                copied = target.require_group(name)
            copied.attrs.update(item.attrs)

        target.attrs.update(source.attrs)
        source.visititems(copy)
    return result.getvalue()


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        print(ship(argument))
