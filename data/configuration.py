"""Plain mappings (YAML, JSON) to frozen dataclasses and back, with errors a user can act on."""

import dataclasses
import datetime
import difflib
import functools
import math
import re
import types
import typing
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any, TypeVar

from eqstream.data.errors import UserError
from eqstream.data.yaml_text import MAX_DEPTH, MAX_VALUES, load_yaml

Config = TypeVar("Config")

# Of a whole number in a recipe. Python refuses to write numbers of more than 4,300 digits.
MAX_DIGITS = 300
# The least whole number with more.
_TOO_LARGE = 10**MAX_DIGITS
_DECIMAL = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_WHOLE_WITH_COMMAS = re.compile(r"-?[0-9]{1,3}(,[0-9]{3})+")
# YAML takes these for texts: its numbers with an exponent have a point and a sign, as in 1.0e-9.
_WITH_EXPONENT = re.compile(r"(-?[0-9]+)(\.[0-9]+)?[eE]([+-]?)([0-9]{1,2})")
_MAX_DIGITS_IN_HINT = 18
_TYPE_NAMES = {int: "a whole number", float: "a number", str: "a text", bool: "true or false", dict: "a mapping"}


def parse_yaml(text: str, source: str) -> dict[str, Any]:
    """Returns the mapping that `text` holds; `source` names it in errors.

    Raises:
        UserError: `text` is no YAML, is YAML of something else than a mapping, or breaks a rule of `yaml_text`.
    """
    value = load_yaml(text, source)
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
        return f"the text {(value if len(value) <= 80 else value[:77] + '...')!r}"
    if isinstance(value, int) and _is_too_long(value):
        return f"a number of more than {MAX_DIGITS} digits"
    if isinstance(value, datetime.date):
        return f"the date {value}"
    return repr(value).lower() if isinstance(value, bool) else repr(value)


def from_mapping(cls: type[Config], mapping: Any, path: str = "") -> Config:
    """Returns a `cls`, a dataclass, with the values of `mapping`.

    Nested dataclasses, tuples, ``dict[str, …]``, optional values and literals follow the annotations. A dataclass may
    define a class method `expand` that turns a shorthand (such as ``2`` for a range) into a mapping, and a text `form`
    that errors use for what it may be written as. A number of type ``int | float | str`` is exact: it may be given as a
    text, and stays one where a float would round it.

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
        form = getattr(cls, "form", _TYPE_NAMES[dict])
        raise UserError(f"{f'`{path}`' if path else 'the top level'} must be {form}, got {describe_type(mapping)}")
    hints, required = _read_form(cls)
    for key in mapping:
        if key not in hints:
            raise UserError(f"unknown key `{_join(path, key)}`{_find_below(key, hints, path) or nearest(key, hints)}")
    for name in required:
        if name not in mapping:
            raise UserError(f"`{_join(path, name)}` is missing")
    values = {key: _convert(hints[key], value, _join(path, key)) for key, value in mapping.items()}
    try:
        return cls(**values)
    except UserError as error:
        raise UserError(f"`{path}`: {error}" if path else str(error)) from error


def _find_below(key: Any, hints: dict[str, Any], path: str) -> str | None:
    """Returns `; did you mean …?` for a key that is known one level below, None if there is none."""
    for name, hint in hints.items():
        for each in (hint, *typing.get_args(hint)):
            if dataclasses.is_dataclass(each) and key in _read_form(typing.cast(type, each))[0]:
                return f"; did you mean `{_join(_join(path, name), key)}`?"
    return None


@functools.cache
def _read_form(cls: type) -> tuple[dict[str, Any], list[str]]:
    """Returns the types of a dataclass' fields by name, and the names of those without a default."""
    hints = typing.get_type_hints(cls)
    fields = [field for field in dataclasses.fields(typing.cast(Any, cls)) if field.init]
    return {field.name: hints[field.name] for field in fields}, [each.name for each in fields if _is_required(each)]


def to_mapping(config: Any) -> Any:
    """Returns the plain value of a dataclass, tuples as lists: what `from_mapping` reads back unchanged."""
    if dataclasses.is_dataclass(config) and not isinstance(config, type):
        return {field.name: to_mapping(getattr(config, field.name)) for field in dataclasses.fields(config)}
    if isinstance(config, (tuple, list)):
        # The blocks of a large dataset have tens of thousands of sizes and checksums.
        are_numbers = set(map(type, config)) == {int}
        return list(config) if are_numbers else [to_mapping(value) for value in config]
    if isinstance(config, Mapping):
        return {key: to_mapping(value) for key, value in config.items()}
    return config


def drop_nothing(mapping: dict[str, Any]) -> dict[str, Any]:
    """Returns a mapping without the keys, at any depth of mappings, that hold None."""
    return {
        key: drop_nothing(typing.cast(dict[str, Any], value)) if isinstance(value, dict) else value
        for key, value in mapping.items()
        if value is not None
    }


def is_number(value: Any) -> bool:
    """Returns whether a value is a finite number, or a text of decimals that stands for one.

    >>> is_number(3), is_number("0.1234567890123456789"), is_number(float("inf")), is_number(True)
    (True, True, False, False)
    """
    if isinstance(value, str):
        return _DECIMAL.fullmatch(value) is not None
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool)


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
    # The shell takes one pair of quotes away.
    hint = f"; if a text is meant, write \"{key}='{text}'\"" if "'" not in text else ""
    value = load_yaml(text, f"the value of override `{override}`", hint)
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
    # Python refuses to read thousands of digits.
    if not re.fullmatch("[0-9]{1,9}", name) or int(name) >= len(place):
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
        if item is int and set(map(type, value)) == {int} and not _is_too_long(max(value, key=abs)):
            # The blocks of a large dataset have tens of thousands of sizes and checksums.
            return tuple(value)
        return tuple(_convert(item, each, f"{path}.{position}") for position, each in enumerate(value))
    if origin is dict:
        if not isinstance(value, Mapping):
            raise UserError(f"`{path}` must be a mapping, got {describe_type(value)}")
        item = typing.get_args(hint)[1]
        return {key: _convert(item, each, f"{path}.{key}") for key, each in value.items()}
    if dataclasses.is_dataclass(hint):
        return from_mapping(typing.cast(type, hint), value, path)
    return _convert_scalar(hint, value, path)


def _convert_union(hints: tuple, value: Any, path: str) -> Any:
    if value is None and type(None) in hints:
        return None
    remaining = [hint for hint in hints if hint is not type(None)]
    if set(remaining) == {int, float, str}:
        return _convert_exact(value, path)
    forms = [hint for hint in remaining if dataclasses.is_dataclass(hint)]
    return _convert(forms[0] if forms and isinstance(value, Mapping) else remaining[0], value, path)


def _convert_exact(value: Any, path: str) -> int | float | str:
    if not is_number(value):
        raise UserError(f"`{path}` must be a number, got {describe_type(value)}{_spelling_hint(float, value)}")
    _check_length(value, path)
    return _shorten(value) if isinstance(value, str) else value


def _shorten(text: str) -> int | float | str:
    """Returns a decimal number as an `int` or a `float` where that is exact, else as its shortest text.

    >>> _shorten("7.0"), _shorten("-0.50"), _shorten("01234567.1234567890120")
    (7, -0.5, '1234567.123456789012')
    """
    whole, _, decimals = text.partition(".")
    decimals = decimals.rstrip("0")
    if not decimals:
        return int(whole)
    if math.isfinite(number := float(text)) and Fraction(repr(number)) == Fraction(text):
        return number
    return f"{'-' if text.startswith('-') else ''}{abs(int(whole))}.{decimals}"


def _convert_scalar(hint: type, value: Any, path: str) -> Any:
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        _check_length(value, path)
        return float(value)
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        name = _TYPE_NAMES.get(hint, hint.__name__)
        raise UserError(f"`{path}` must be {name}, got {describe_type(value)}{_spelling_hint(hint, value)}")
    _check_plain(value, path)
    return value


def _spelling_hint(hint: type, value: Any) -> str:
    if hint is str and isinstance(value, (int, float, datetime.date)):
        return "; put quotes around it"
    if hint is int and isinstance(value, str) and _WHOLE_WITH_COMMAS.fullmatch(value):
        return f"; write {value.replace(',', '')}"
    if hint in (int, float) and isinstance(value, str) and (match := _WITH_EXPONENT.fullmatch(value)):
        return _exponent_hint(hint, match)
    return ""


def _exponent_hint(hint: type, match: re.Match[str]) -> str:
    if hint is float:
        whole, decimals, sign, exponent = match.groups()
        return f"; write {whole}{decimals or '.0'}e{sign or '+'}{exponent}"
    number = Fraction(match[0])
    is_short = number.denominator == 1 and abs(number) < 10**_MAX_DIGITS_IN_HINT
    return f"; write {number}" if is_short else ""


def _check_plain(value: Any, path: str) -> None:
    """Refuses a value that no JSON file can hold, or that is too deep or too large to be meant."""
    pending = [(value, path, 1)]
    num_values = 0
    while pending:
        each, place, depth = pending.pop()
        num_values += 1
        if depth > MAX_DEPTH or num_values > MAX_VALUES:
            raise UserError(f"`{path}` must hold at most {MAX_VALUES:,} values, nested at most {MAX_DEPTH} deep")
        if isinstance(each, dict):
            for key in each:
                if not isinstance(key, str):
                    raise UserError(f"a key of `{place}` must be a text, got {describe_type(key)}")
                _check_text(key, place)
            pending += [(item, f"{place}.{key}", depth + 1) for key, item in each.items()]
        elif isinstance(each, (list, tuple)):
            pending += [(item, f"{place}.{position}", depth + 1) for position, item in enumerate(each)]
        else:
            _check_leaf(each, place)


def _check_leaf(value: Any, path: str) -> None:
    if isinstance(value, str):
        _check_text(value, path)
    elif value is not None and not isinstance(value, (int, float)):
        hint = "; put quotes around it" if isinstance(value, datetime.date) else ""
        raise UserError(
            f"`{path}` must be a text, a number, true, false, a list or a mapping, got {describe_type(value)}{hint}"
        )
    else:
        _check_length(value, path)


def _check_text(text: str, path: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UserError(f"`{path}` holds a character that UTF-8 cannot encode: {describe_type(text)}") from error


def _check_length(value: Any, path: str) -> None:
    if _is_too_long(value):
        raise UserError(f"`{path}` must have at most {MAX_DIGITS} digits, got more")


def _is_too_long(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) > MAX_DIGITS
    return isinstance(value, int) and abs(value) >= _TOO_LARGE


def check_types(config: Any) -> None:
    """Refuses fields of a configuration, all of one value each, that YAML could not give them."""
    hints, _ = _read_form(type(config))
    for name, hint in hints.items():
        _convert(hint, getattr(config, name), name)


def check_positive(config: Any, *names: str) -> None:
    """Refuses fields of a configuration that are not above 0."""
    for name in names:
        if getattr(config, name) <= 0:
            raise UserError(f"`{name}` must be above 0, got {getattr(config, name)}")


def check_not_negative(config: Any, *names: str) -> None:
    """Refuses fields of a configuration that are below 0."""
    for name in names:
        if getattr(config, name) < 0:
            raise UserError(f"`{name}` must not be below 0, got {getattr(config, name)}")


def check_share(config: Any, name: str) -> None:
    """Refuses a field of a configuration that is not in [0, 1)."""
    if not 0 <= getattr(config, name) < 1:
        raise UserError(f"`{name}` must be from 0 up to but without 1, got {getattr(config, name)}")
