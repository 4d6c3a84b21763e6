"""Which split of a dataset serves which purpose."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eqstream.data.configuration import nearest
from eqstream.data.errors import UserError
from eqstream.data.split_recipe import SplitRecipe
from eqstream.seq2seq.config.sections import TrainingRecipe

_FOR_VALIDATION = ("validation", "dev", "test")
_FOR_TESTING = ("test", "unseen")


@dataclass(frozen=True, kw_only=True)
class SplitRoles:
    """The splits that a model meets.

    Attributes:
        train: it was trained on.
        validation: the best epoch is chosen on; None if on equations of no split.
        test: the model is evaluated on in the end; None if the dataset has no split besides `train`.
    """

    train: str
    validation: str | None
    test: str | None


def choose_roles(splits: Sequence[SplitRecipe], training: TrainingRecipe) -> SplitRoles:
    """Returns the roles in a training that begins.

    `training.validation_split` is for validation, or else the first of `validation`, `dev`, `test` and then all others
    in the order of the recipe that has the `where` of the training split. A split with another `where` is held out: a
    model must not be chosen on it unless that is asked for by name.

    `training.test_split` is for the test, or else the first of `test`, `unseen` and then all others in the order of the
    recipe; one on which the best epoch was chosen makes the model look better than it is, so it comes last.

    Raises:
        UserError: there is no split of a name that is given.
    """
    train = _find(splits, training.train_split)
    if training.validation_split is not None:
        validation: str | None = _find(splits, training.validation_split).name
    else:
        alike = [split.name for split in splits if split is not train and split.where == train.where]
        validation = _first((*_FOR_VALIDATION, *alike), alike)
    return SplitRoles(
        train=train.name, validation=validation, test=_choose_test(splits, training, validation=validation, wanted=None)
    )


def roles_of_run(
    description: Mapping[str, Any],
    splits: Sequence[SplitRecipe],
    training: TrainingRecipe,
    *,
    wanted: str | None = None,
) -> SplitRoles:
    """Returns the roles in a training that was begun.

    The first releases did not write down which split the best epoch was chosen on. They went by names alone, and took
    the first one of the alphabet where none of the usual names was there.

    Args:
        description: of the run, as in `run.json`.
        splits: of the dataset to evaluate on.
        training: section of the run's recipe.
        wanted: the split to evaluate on; None for the usual one.

    Raises:
        UserError: there is no split of a name that is given.
    """
    if "validation_split" in description:
        validation = description["validation_split"]
    elif training.validation_split is not None:
        validation = training.validation_split
    else:
        names = sorted({split.name for split in splits} - {training.train_split})
        validation = _first((*_FOR_VALIDATION, *names), names)
    test = _choose_test(splits, training, validation=validation, wanted=wanted)
    return SplitRoles(train=training.train_split, validation=validation, test=test)


def _choose_test(
    splits: Sequence[SplitRecipe], training: TrainingRecipe, *, validation: str | None, wanted: str | None
) -> str | None:
    wanted = wanted or training.test_split
    if wanted is not None:
        return _find(splits, wanted).name
    names = [split.name for split in splits if split.name != training.train_split]
    usual = (*_FOR_TESTING, *names)
    return _first(usual, [name for name in names if name != validation]) or _first(usual, names)


def _first(names: Sequence[str], allowed: Sequence[str]) -> str | None:
    return next((name for name in names if name in allowed), None)


def _find(splits: Sequence[SplitRecipe], name: str) -> SplitRecipe:
    for split in splits:
        if split.name == name:
            return split
    raise UserError(f"the dataset has no split `{name}`{nearest(name, [split.name for split in splits])}")
