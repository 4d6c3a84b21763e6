"""How two recipes' datasets differ, key by key."""

import json
from typing import Any

from eqstream.data.recipe import MODEL_SECTIONS


def list_differences(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Returns how two recipes' datasets differ, as `space.operands.max: 999 -> 99`, sorted by key.

    >>> list_differences({"seed": 0, "splits": [{"name": "train", "count": 5}]}, {"seed": 1, "splits": []})
    ['seed: 0 -> 1', 'splits.train.count: 5 -> (none)', 'splits.train.name: train -> (none)']
    """
    old, new = _flatten(before), _flatten(after)
    return [
        f"{key}: {_show(old.get(key))} -> {_show(new.get(key))}"
        for key in sorted({*old, *new})
        if old.get(key) != new.get(key) and key.split(".")[0] not in MODEL_SECTIONS
    ]


def _flatten(value: Any, key: str = "") -> dict[str, Any]:
    if isinstance(value, list) and value and all(isinstance(item, dict) and "name" in item for item in value):
        value = {item["name"]: item for item in value}
    if not isinstance(value, dict):
        return {key: value} if value != [] else {}
    flat = {}
    for name, item in value.items():
        flat |= _flatten(item, f"{key}.{name}" if key else name)
    return flat


def _show(value: Any) -> str:
    if value is None:
        return "(none)"
    return value if isinstance(value, str) else json.dumps(value)
