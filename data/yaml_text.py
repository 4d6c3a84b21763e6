"""YAML to plain values, within bounds: what is deep, large, recursive or ambiguous is refused in one line.

| PyYAML | here |
| --- | --- |
| keeps the last of two equal keys | refused |
| takes `1` and `true` as keys, which Python cannot tell apart | a whole number is the text `1`, all else must be one |
| rounds a number with more digits than a float holds | refused; a condition takes such a number as a text |
| writes out aliases (`*a`) without end, recurses into what is nested | at most `MAX_VALUES` values, `MAX_DEPTH` deep |
"""

import math
import re
from collections.abc import Hashable, Mapping
from fractions import Fraction
from typing import Any, NamedTuple

import yaml

from eqstream.data.errors import UserError

MAX_DEPTH = 64
MAX_VALUES = 100_000
_WHOLE = re.compile("0|[1-9][0-9]*")
_WRITTEN_FLOAT = re.compile(r"[-+]?(?P<digits>[0-9]*\.?[0-9]*)(e[-+]?[0-9]+)?")


def load_yaml(text: str, source: str, hint: str = "") -> Any:
    """Returns the value that a text holds, of YAML's plain types.

    Args:
        text: one YAML document.
        source: what the text is, for errors.
        hint: is added to the error about a text that is not YAML.

    Raises:
        UserError: the text is not YAML, or the table above refuses it.
    """
    try:
        return _BoundedLoader(text).get_single_data()
    except UserError as error:
        raise UserError(f"{source}: {error}") from error
    except (yaml.YAMLError, ValueError) as error:
        # PyYAML leaves a date such as 2026-02-30 to Python, which raises a ValueError.
        mark = getattr(error, "problem_mark", None)
        place = f" on line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise UserError(f"{source} is not valid YAML{place}: {problem}{hint}") from error


class _Extent(NamedTuple):
    """How many values a node stands for once its aliases are written out, and how deep they are nested."""

    num_values: int
    depth: int


class _BoundedLoader(yaml.SafeLoader):
    """The safe loader with the rules of the module's table."""

    def __init__(self, stream: Any) -> None:
        super().__init__(stream)
        self._depth = 0
        self._num_nodes = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self._depth += 1
        self._num_nodes += 1
        _check_extent(_Extent(self._num_nodes, self._depth))
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def get_single_node(self) -> yaml.Node | None:
        node = super().get_single_node()
        if node is not None:
            _measure(node, {})
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        node.value = [(_as_text(key), value) for key, value in node.value]
        for key_node, _ in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                raise UserError(f"a key must not be a list or mapping, as on line {line}")
            key = self.construct_object(key_node)
            if not isinstance(key, str):
                raise UserError(
                    f"a key must be a text, got `{key_node.value[:80]}` on line {line}; put quotes around it"
                )
            if key in seen:
                raise UserError(f"key `{key}` is given twice, the second time on line {line}")
            seen.add(key)
        return super().construct_mapping(node, deep)

    def construct_whole(self, node: yaml.ScalarNode) -> int:
        try:
            return self.construct_yaml_int(node)
        except ValueError as error:
            # Python refuses to read thousands of digits.
            raise UserError(f"the whole number on line {node.start_mark.line + 1} is too long") from error

    def construct_exact(self, node: yaml.ScalarNode) -> float:
        value = self.construct_yaml_float(node)
        if _is_rounded(node.value.replace("_", "").lower(), value):
            raise UserError(
                f"the number {node.value[:80]} on line {node.start_mark.line + 1} would be rounded to {value!r}; "
                "write at most 17 digits or, in a condition on equations, put quotes around it"
            )
        return value

    yaml_constructors: Mapping[str, Any] = {
        **yaml.SafeLoader.yaml_constructors,
        "tag:yaml.org,2002:int": construct_whole,
        "tag:yaml.org,2002:float": construct_exact,
    }


def _as_text(key: yaml.Node) -> yaml.Node:
    """Returns a key; a whole number, as which a kind of equations may be named, as the text that it is."""
    if not isinstance(key, yaml.ScalarNode) or not key.tag.endswith(":int") or not _WHOLE.fullmatch(key.value):
        return key
    # A node of its own: an alias of the key may stand where a number is wanted.
    return yaml.ScalarNode("tag:yaml.org,2002:str", key.value, key.start_mark, key.end_mark)


def _is_rounded(text: str, value: float) -> bool:
    """Returns whether a decimal text and its float, as Python writes it, are two numbers."""
    match = _WRITTEN_FLOAT.fullmatch(text)
    if match is None:
        return False
    if math.isinf(value) or value == 0:
        # Fraction would write out an exponent of any size.
        return math.isinf(value) or any(digit in "123456789" for digit in match["digits"])
    return Fraction(text) != Fraction(repr(value))


def _measure(node: yaml.Node, known: dict[yaml.Node, _Extent | None]) -> _Extent:
    """Returns the extent of a node.

    Args:
        node: may be reached over several aliases, of itself, too.
        known: node to its extent, None while it is being measured; is added to.

    Raises:
        UserError: the node contains itself, or is too large or too deep.
    """
    if node in known:
        extent = known[node]
        if extent is None:
            raise UserError(f"the value on line {node.start_mark.line + 1} contains itself")
        return extent
    known[node] = None
    parts = []
    if isinstance(node, yaml.SequenceNode):
        parts = [_measure(item, known) for item in node.value]
    elif isinstance(node, yaml.MappingNode):
        parts = [_measure(item, known) for pair in node.value for item in pair]
    extent = _Extent(1 + sum(part.num_values for part in parts), 1 + max((part.depth for part in parts), default=0))
    _check_extent(extent)
    known[node] = extent
    return extent


def _check_extent(extent: _Extent) -> None:
    if extent.depth > MAX_DEPTH:
        raise UserError(f"values are nested more than {MAX_DEPTH} deep")
    if extent.num_values > MAX_VALUES:
        raise UserError(f"there are more than {MAX_VALUES:,} keys and values")
