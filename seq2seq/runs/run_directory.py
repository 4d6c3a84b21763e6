"""A run's directory: everything needed to use, resume and repeat one training.

| file | holds |
| --- | --- |
| `run.json` | recipe, data and its fingerprint, validation split (null: equations of no split), versions, if finished |
| `codec.json` | from text to tokens and back |
| `log.csv` | one row of metrics per finished epoch |
| `samples.txt` | sample predictions of each epoch |
| `model.keras` | the weights of the best epoch |
| `last.keras` | the weights at the end of the training, or where Ctrl-C has stopped it |
| `state.npz` | where an interrupted training goes on; see `training_state` |
| `reports/` | evaluation reports, as text, JSON and CSV; see `evaluate` |
| `tensorboard/` | event files, if the recipe wants them |
"""

import contextlib
import dataclasses
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from eqstream.data.configuration import describe_type, from_mapping
from eqstream.data.dataset.manifest import Manifest
from eqstream.data.errors import UserError
from eqstream.data.loading.codec import Codec
from eqstream.data.recipe import Recipe
from eqstream.data.space_recipe import SpaceRecipe
from eqstream.data.storage import normalize
from eqstream.data.versions import EQSTREAM_VERSION, tool_versions
from eqstream.seq2seq.runs.askable_spaces import drop_covered, widen

# Raised by any change in what a run's directory holds; readers refuse newer ones.
RUN_VERSION = 1
# Of `run.json`, what runs of all versions have.
_KEYS = ("run_version", "recipe", "data_directory", "data_fingerprint", "data_name", "versions")
_CURE = "put an undamaged copy in its place or train again"
_FILES = ("run.json", "codec.json", "log.csv", "samples.txt", "model.keras", "last.keras", "state.npz")
# `verdicts` held what is in `reports` now.
_FOLDERS = ("logs", "plots", "reports", "verdicts", "tensorboard")
# What a process that is killed while it writes one of them may leave.
_PARTIAL_FILES = (
    *(f"{name}.partial" for name in ("run.json", "codec.json", "log.csv", "samples.txt", "state.npz")),
    "model.partial.keras",
    "last.partial.keras",
)


class RunDirectory:
    """Names and contents of one run's directory; creating the object touches nothing on disk."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.run_json = self.path / "run.json"
        self.codec_json = self.path / "codec.json"
        self.log_csv = self.path / "log.csv"
        self.samples_txt = self.path / "samples.txt"
        self.model_keras = self.path / "model.keras"
        self.last_keras = self.path / "last.keras"
        self.state_npz = self.path / "state.npz"
        self.reports = self.path / "reports"
        self.tensorboard = self.path / "tensorboard"

    @property
    def exists(self) -> bool:
        """Whether a training was begun here."""
        return self.run_json.is_file()

    def check_free(self, *, overwrite: bool) -> None:
        """Refuses a place at which no run can be made.

        Raises:
            UserError: something is there already that may not be replaced, or nothing may be written there.
        """
        if self.path.exists() and not self.path.is_dir():
            raise UserError(f"{self.path} is a file, a run needs a directory")
        # A training killed while it writes its description may leave a partial file, which is safe to overwrite.
        if self.path.is_dir() and any(path.name not in _PARTIAL_FILES for path in self.path.iterdir()):
            if not self.exists:
                raise UserError(f"{self.path} is not empty and not a run: choose another directory")
            if not overwrite:
                raise UserError(
                    f"{self.path} holds a run already: go on with it by `--resume`, replace it by `--overwrite`, "
                    "or choose another directory"
                )
        above = next(path for path in (self.path, *self.path.absolute().parents) if path.exists())
        if not above.is_dir() or not os.access(above, os.W_OK):
            reason = "is not writable" if above.is_dir() else "is a file"
            raise UserError(f"{self.path} cannot be written: {above} {reason}; choose another directory")

    def create(self, *, overwrite: bool) -> None:
        """Makes an empty run's directory.

        Raises:
            UserError: see `check_free`.
        """
        self.check_free(overwrite=overwrite)
        if self.exists:
            self._remove_own_files()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"{self.path} cannot be created: {error.strerror}") from error

    def _remove_own_files(self) -> None:
        for name in _FOLDERS:
            shutil.rmtree(self.path / name, ignore_errors=True)
        # `run.json` goes last: whoever is interrupted here still has a run that `overwrite` may replace.
        for name in (*_PARTIAL_FILES, *reversed(_FILES)):
            (self.path / name).unlink(missing_ok=True)

    def write_description(self, description: Mapping[str, Any]) -> None:
        """Writes `run.json` whole or not at all."""
        write_atomically(self.run_json, json.dumps(description, indent=2, sort_keys=True) + "\n")

    def write_samples(self, epoch: int, lines: Iterable[str]) -> None:
        """Adds an epoch, from 0, to `samples.txt`, in the place of what is there of it and of later ones.

        An epoch that is trained again after a crash must not stand there twice.
        """
        text = self.samples_txt.read_text(encoding="utf-8") if self.samples_txt.is_file() else ""
        before = [part for part in re.split(r"(?m)^(?=epoch )", text) if part and int(part.split()[1]) <= epoch]
        write_atomically(self.samples_txt, "".join([*before, "\n".join([f"epoch {epoch + 1}", *lines]) + "\n"]))

    def write_codec(self, codec: Codec) -> None:
        """Writes `codec.json` whole or not at all."""
        with written_aside(self.codec_json) as aside:
            codec.save(aside)

    def read_description(self) -> dict[str, Any]:
        """Returns what `run.json` holds.

        Raises:
            UserError: this is no run, a damaged one, or of a newer eqstream.
        """
        if not self.exists:
            raise UserError(self._explain_no_run())
        try:
            description = json.loads(self.run_json.read_text(encoding="utf-8"))
        except OSError as error:
            raise UserError(f"{self.run_json} cannot be read: {error.strerror}") from error
        except ValueError as error:
            raise UserError(f"{self.run_json} is damaged: it is not JSON: {error}; {_CURE}") from error
        fault = _find_fault(description)
        if fault is not None:
            raise UserError(f"{self.run_json} is damaged: {fault}; {_CURE}")
        run_version = description["run_version"]
        if run_version > RUN_VERSION:
            raise UserError(
                f"{self.path} has run version {run_version}, known are up to {RUN_VERSION}: update eqstream"
            )
        return description

    def _explain_no_run(self) -> str:
        if not self.path.exists():
            return f"{self.path} does not exist"
        inner = sorted(self.path.glob("*/run.json")) if self.path.is_dir() else []
        hint = f"; did you mean {inner[0].parent}?" if inner else ""
        return f"{self.path} is not a run: it has no run.json{hint}"

    def read_recipe(self) -> Recipe:
        """Returns the recipe that the run was trained by; its model always has a `kind`.

        Runs of the first releases may lack it: at the time that meant `repeat-vector`.
        """
        description = self.read_description()
        try:
            recipe = Recipe.from_dict(description["recipe"])
        except UserError as error:
            raise UserError(f"{self.run_json} is damaged: in its recipe, {error}; {_CURE}") from error
        return with_kind(recipe, "repeat-vector")

    def read_spaces(self) -> tuple[SpaceRecipe, ...]:
        """Returns the spaces of what the model can be asked, each once, that of the run's recipe first.

        These are the spaces of the datasets that it was trained on; wider ones where it was trained on steps.
        """
        recipe = self.read_recipe()
        others = [from_mapping(SpaceRecipe, each["space"]) for each in self.read_description().get("mixture", ())]
        spaces = tuple(dict.fromkeys([recipe.space, *others]))
        return drop_covered([widen(each) for each in spaces]) if recipe.sections["codec"].get("steps") else spaces

    def read_codec(self) -> Codec:
        """Returns the codec that the model was trained with."""
        return Codec.load(self.codec_json)


def _find_fault(description: Any) -> str | None:
    """Returns what is wrong with the contents of `run.json`, None if its keys are there or it is of a newer version."""
    if not isinstance(description, dict):
        return f"it must hold a mapping, got {describe_type(description)}"
    version = description.get("run_version", RUN_VERSION)
    if not isinstance(version, int) or version < 1:
        return f"`run_version` must be a whole number of at least 1, got {describe_type(version)}"
    missing = [name for name in _KEYS if name not in description]
    return f"the key `{missing[0]}` is missing" if missing and version <= RUN_VERSION else None


def with_kind(recipe: Recipe, kind: str) -> Recipe:
    """Returns the recipe with `model.kind` written out; `kind` is taken where it names none."""
    return dataclasses.replace(recipe, model={"kind": kind, **recipe.sections["model"]})


def describe_run(
    recipe: Recipe,
    data_directory: str | Path,
    manifest: Manifest,
    *,
    validation_split: str | None,
    mixture: Sequence[Mapping[str, Any]] = (),
    started_from: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Returns the contents of `run.json` for a training that begins.

    Args:
        recipe: of the training.
        data_directory: the dataset that it is given.
        manifest: of that dataset.
        validation_split: None chooses the best epoch on equations of no split.
        mixture: what is to be known of each source, if there are several.
        started_from: what is to be known of the run whose weights it begins with, if there is one.
    """
    return {
        **({} if started_from is None else {"started_from": dict(started_from)}),
        **({"mixture": list(mixture)} if mixture else {}),
        "run_version": RUN_VERSION,
        "recipe": recipe.to_dict(),
        "data_directory": normalize(data_directory),
        "data_fingerprint": manifest.fingerprint,
        "data_name": f"{manifest.name} {manifest.version}",
        "validation_split": validation_split,
        "versions": {"eqstream": EQSTREAM_VERSION, **tool_versions("keras", "numpy", "tensorflow")},
        "is_finished": False,
    }


def write_atomically(path: Path, text: str) -> None:
    """Writes a text file so that a reader sees the old or the new one, never a part."""
    with written_aside(path) as aside:
        aside.write_text(text, encoding="utf-8")


@contextlib.contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """Gives the path to write a file to, which gets its own name when it is whole, and is removed if that fails."""
    aside = path.with_name(path.name + ".partial")
    try:
        yield aside
        os.replace(aside, path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise


def check_output_file(path: str | Path) -> None:
    """Refuses a file that cannot be written, so that this comes to light before the work that fills it.

    Raises:
        UserError: the path is a directory, or its folder is missing or not writable.
    """
    path = Path(path)
    if path.is_dir():
        raise UserError(f"{path} cannot be written: it is a directory, name a file")
    if path.exists() and not path.is_file():
        raise UserError(f"{path} cannot be written: it is no ordinary file")
    if not path.parent.is_dir():
        raise UserError(f"{path} cannot be written: there is no directory {path.parent}")
    if not os.access(path.parent, os.W_OK):
        raise UserError(f"{path} cannot be written: the directory {path.parent} is not writable")


def format_csv(rows: Iterable[Mapping[str, Any]]) -> str:
    """Returns rows as CSV with a header of all their keys; floats keep all their digits."""
    rows = list(rows)
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = [",".join(names)]
    lines += [",".join("" if row.get(name) is None else str(row[name]) for name in names) for row in rows]
    return "\n".join(lines) + "\n"
