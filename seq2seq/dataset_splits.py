"""Which split of a dataset serves which purpose."""

from collections.abc import Mapping
from typing import Any

from data.configuration import nearest
from data.errors import UserError

VALIDATION_SPLITS = ("validation", "dev", "test")
TEST_SPLITS = ("test", "unseen", "validation")


def choose_split(manifest: Mapping[str, Any], wanted: str | None, usual: tuple[str, ...], train_split: str) -> str:
    """Returns the split `wanted`, or the first of the `usual` ones, or any that is not for training.

    Raises:
        UserError: the dataset has no such split.
    """
    splits = manifest["splits"]
    if wanted is not None:
        if wanted not in splits:
            raise UserError(f"the dataset has no split `{wanted}`{nearest(wanted, splits)}")
        return wanted
    candidates = [name for name in (*usual, *splits) if name in splits and name != train_split]
    if not candidates:
        raise UserError(f"the dataset has no split besides `{train_split}` to judge a model on")
    return candidates[0]
