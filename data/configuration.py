"""Plain mappings (YAML, JSON) to frozen dataclasses and back, with errors a user can act on."""

import dataclasses
import difflib
import math
import types
import typing
from collections.abc import Hashable, Iterable, Mapping
from typing import Any, TypeVar

import yaml

from eqstream.data.errors import UserError

Config = TypeVar("Config")


class _StrictLoader(yaml.SafeLoader):
    """A safe YAML loader that refuses a key given twice, where PyYAML would keep the last one in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                raise UserError(f"a key must not be a list or mapping, as on line {key_node.start_mark.line + 1}")
            if key in seen:
                raise UserError(f"key `{key}` is given twice, the second time on line {key_node.start_mark.line + 1}")
            seen.add(key)
        return super().construct_mapping(node, deep)


def parse_yaml(text: str, source: str) -> dict[str, Any]:
    """Returns the mapping that `text` holds; `source` names it in errors.

    Raises:
        UserError: `text` is no YAML, or is YAML of something else than a mapping.
    """
    try:
        value = yaml.load(text, Loader=_StrictLoader)
    except UserError as error:
        raise UserError(f"{source}: {error}") from error
    except (yaml.YAMLError, ValueError) as error:
        # PyYAML leaves a date such as 2026-02-30 to Python, which raises a ValueError.
        mark = getattr(error, "problem_mark", None)
        place = f" on line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise UserError(f"{source} is not valid YAML{place}: {problem}") from error
    if not isinstance(value, dict):
        raise UserError(f"{source} must hold a mapping of keys to values, got {describe_type(value)}")
    return value


def nearest(word: str, choices: Iterable[str]) -> str:
    """Returns `; did you mean …?` for the choice nearest to `word`, else a list of the choices."""
    choices = [str(choice) for choice in choices]
    close = difflib.get_close_matches(str(word), choices, n=1)
    if close:
        return f"; did you mean `{close[0]}`?"
    return f"; there are {', '.join(f'`{choice}`' for choice in choices)}"


def describe_type(value: Any) -> str:
    """Returns how a user would call the value, such as ``the text 'abc'``."""
    names = {dict: "a mapping", list: "a list", tuple: "a list", type(None): "nothing"}
    if type(value) in names:
        return names[type(value)]
    if isinstance(value, str):
        return f"the text {value!r}"
    return repr(value).lower() if isinstance(value, bool) else repr(value)


def from_mapping(cls: type[Config], mapping: Any, path: str = "") -> Config:
    """Returns a `cls`, a dataclass, with the values of `mapping`.

    Nested dataclasses, tuples, optional values and literals follow the annotations. A dataclass may define a
    class method `expand` that turns a shorthand (such as ``2`` for a range) into a mapping.

    Args:
        cls: a dataclass whose fields are all keyword-only.
        mapping: what the user wrote.
        path: the dotted place of `mapping` in the whole, for errors.

    Raises:
        UserError: a key is unknown or missing, a value has the wrong type or breaks a rule of `cls`.
    """
    expand = getattr(cls, "expand", None)
    if expand is not None:
        mapping = expand(mapping)
    if not isinstance(mapping, Mapping):
        raise UserError(f"`{path}` must be a mapping, got {describe_type(mapping)}")
    hints = typing.get_type_hints(cls)
    fields = {field.name: field for field in dataclasses.fields(typing.cast(Any, cls)) if field.init}
    for key in mapping:
        if key not in fields:
            raise UserError(f"unknown key `{_join(path, key)}`{nearest(key, fields)}")
    required = [name for name, field in fields.items() if _is_required(field)]
    for name in required:
        if name not in mapping:
            raise UserError(f"`{_join(path, name)}` is missing")
    values = {key: _convert(hints[key], value, _join(path, key)) for key, value in mapping.items()}
    try:
        return cls(**values)
    except UserError as error:
        raise UserError(f"`{path}`: {error}" if path else str(error)) from error


def to_mapping(config: Any) -> Any:
    """Returns the plain value of a dataclass, tuples as lists: what `from_mapping` reads back unchanged."""
    if dataclasses.is_dataclass(config) and not isinstance(config, type):
        return {field.name: to_mapping(getattr(config, field.name)) for field in dataclasses.fields(config)}
    if isinstance(config, (tuple, list)):
        return [to_mapping(value) for value in config]
    if isinstance(config, Mapping):
        return {key: to_mapping(value) for key, value in config.items()}
    return config


def apply_override(mapping: dict[str, Any], override: str) -> None:
    """Sets one value in `mapping` in place; `override` is ``dotted.key=value``, the value in YAML.

    A number in the dotted key addresses a list: ``splits.0.count=100``.

    Raises:
        UserError: the override has no ``=``, or its key runs through something that is no mapping or list.
    """
    key, separator, text = override.partition("=")
    if not separator or not key:
        raise UserError(f"an override must look like `key=value`, got `{override}`")
    *parents, last = key.split(".")
    place: Any = mapping
    for depth, name in enumerate(parents):
        place = _step(place, name, ".".join(parents[: depth + 1]))
    try:
        value = yaml.load(text, Loader=_StrictLoader)
    except UserError:
        raise
    except (yaml.YAMLError, ValueError) as error:
        raise UserError(f"the value of override `{override}` is not valid YAML") from error
    if isinstance(place, list):
        place[_list_index(place, last, key)] = value
    elif isinstance(place, dict):
        place[last] = value
    else:
        raise UserError(f"override `{override}`: `{'.'.join(parents)}` has no keys, it is {describe_type(place)}")


def _step(place: Any, name: str, path: str) -> Any:
    if isinstance(place, list):
        return place[_list_index(place, name, path)]
    if not isinstance(place, dict):
        raise UserError(f"override of `{path}`: there is no such key")
    if not isinstance(place.get(name), (dict, list)):
        # A shorthand (`terms: 2`) gives way to the mapping that the override spells out.
        place[name] = {}
    return place[name]


def _list_index(place: list, name: str, path: str) -> int:
    if not name.isdecimal() or int(name) >= len(place):
        raise UserError(f"override of `{path}`: expected a number from 0 to {len(place) - 1}, got `{name}`")
    return int(name)


def _join(path: str, key: Any) -> str:
    return f"{path}.{key}" if path else str(key)


def _is_required(field: dataclasses.Field) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _convert(hint: Any, value: Any, path: str) -> Any:
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return _convert_union(typing.get_args(hint), value, path)
    if origin is typing.Literal:
        choices = typing.get_args(hint)
        if value not in choices or isinstance(value, bool) != any(isinstance(choice, bool) for choice in choices):
            raise UserError(f"`{path}` is unknown: {describe_type(value)}{nearest(value, choices)}")
        return value
    if origin is tuple:
        if not isinstance(value, (list, tuple)):
            raise UserError(f"`{path}` must be a list, got {describe_type(value)}")
        item = typing.get_args(hint)[0]
        return tuple(_convert(item, each, f"{path}.{position}") for position, each in enumerate(value))
    if dataclasses.is_dataclass(hint):
        return from_mapping(typing.cast(type, hint), value, path)
    return _convert_scalar(hint, value, path)


def _convert_union(hints: tuple, value: Any, path: str) -> Any:
    if value is None and type(None) in hints:
        return None
    remaining = [hint for hint in hints if hint is not type(None)]
    if len(remaining) > 1 and all(hint in (int, float) for hint in remaining):
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not is_number or (isinstance(value, float) and not math.isfinite(value)):
            raise UserError(f"`{path}` must be a number, got {describe_type(value)}")
        return value
    return _convert(remaining[0], value, path)


def _convert_scalar(hint: type, value: Any, path: str) -> Any:
    names = {int: "a whole number", float: "a number", str: "a text", bool: "true or false", dict: "a mapping"}
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint is dict and isinstance(value, dict):
        return value
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        raise UserError(f"`{path}` must be {names.get(hint, hint.__name__)}, got {describe_type(value)}")
    return value
