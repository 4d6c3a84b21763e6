"""Which split of a dataset serves which purpose."""

from collections.abc import Mapping
from typing import Any

from eqstream.data.configuration import nearest
from eqstream.data.errors import UserError

_FOR_VALIDATION = ("validation", "dev", "test")
_FOR_TESTING = ("test", "unseen")


def choose_validation_split(manifest: Mapping[str, Any], wanted: str | None, train_split: str) -> str:
    """Returns the split `wanted`, or the usual one for choosing the best epoch, or any that is not for training.

    Raises:
        UserError: the dataset has no such split.
    """
    if wanted is not None:
        return _find(manifest, wanted)
    usual = [name for name in (*_FOR_VALIDATION, *manifest["splits"]) if name in manifest["splits"]]
    others = [name for name in usual if name != train_split]
    if not others:
        raise UserError(f"the dataset has no split besides `{train_split}` to judge a model on")
    return others[0]


def choose_test_split(manifest: Mapping[str, Any], wanted: str | None, train_split: str, validation_split: str) -> str:
    """Returns the split `wanted`, or the usual one to evaluate a model on.

    A split on which the best epoch was chosen flatters the model, so another one is taken if there is one.

    Raises:
        UserError: the dataset has no such split.
    """
    if wanted is not None:
        return _find(manifest, wanted)
    usual = [name for name in (*_FOR_TESTING, *manifest["splits"]) if name in manifest["splits"]]
    fresh = [name for name in usual if name not in (train_split, validation_split)]
    return fresh[0] if fresh else validation_split


def _find(manifest: Mapping[str, Any], wanted: str) -> str:
    splits = manifest["splits"]
    if wanted not in splits:
        raise UserError(f"the dataset has no split `{wanted}`{nearest(wanted, splits)}")
    return wanted
