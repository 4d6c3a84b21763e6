"""A record's `tf.train.Example`, read and written by the library of protocol buffers itself.

The message is described here, as TensorFlow's own classes would make every worker import TensorFlow:

| message | field | type |
| --- | --- | --- |
| `Example` | 1 `features` | `Features` |
| `Features` | 1 `feature` | map from string to `Feature` |
| `Feature` | one of 1 `bytes_list`, 2 `float_list`, 3 `int64_list` | a list of values, field 1 |
"""

import functools
from typing import Any, NamedTuple

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from eqstream.data.errors import UserError

_FIELD = descriptor_pb2.FieldDescriptorProto
_PACKAGE = "eqstream.checks"
_LISTS = {"bytes_list": _FIELD.TYPE_BYTES, "float_list": _FIELD.TYPE_FLOAT, "int64_list": _FIELD.TYPE_INT64}


class Record(NamedTuple):
    """One record; the fields are the columns in the order of their names.

    The table of columns that every check goes by; what is written has one of its own, so that they prove each other.
    """

    answer: str
    carries: int
    digits: int
    question: str
    terms: int


TEXTS = tuple(name for name, kind in Record.__annotations__.items() if kind is str)
NUMBERS = tuple(name for name, kind in Record.__annotations__.items() if kind is int)
# A shorter record than any.
EMPTY = Record(**{name: kind() for name, kind in Record.__annotations__.items()})


def encode_record(record: Record) -> bytes:
    """Returns the deterministic serialisation of a record."""
    example = _example_class()()
    for name, value in record._asdict().items():
        feature = example.features.feature[name]
        if isinstance(value, str):
            feature.bytes_list.value.append(value.encode())
        else:
            feature.int64_list.value.append(value)
    return example.SerializeToString(deterministic=True)


def decode_record(payload: bytes) -> Record:
    """Returns the record that a payload holds.

    Raises:
        UserError: it is not the deterministic serialisation of a record.
    """
    try:
        example = _example_class().FromString(payload)
        feature = example.features.feature
        values: Any = (_value(feature[name], kind) for name, kind in Record.__annotations__.items())
        record = Record(*values)
        if encode_record(record) == payload:
            return record
    except (DecodeError, UnicodeDecodeError, IndexError):
        pass
    names = ", ".join(Record._fields)
    raise UserError(f"is not the deterministic serialisation of a tf.train.Example of {names}")


def _value(feature: Any, kind: type) -> str | int:
    return feature.bytes_list.value[0].decode() if kind is str else feature.int64_list.value[0]


@functools.cache
def _example_class() -> Any:
    file = descriptor_pb2.FileDescriptorProto(name="eqstream/checks.proto", package=_PACKAGE, syntax="proto3")
    feature = descriptor_pb2.DescriptorProto(name="Feature")
    feature.oneof_decl.add(name="kind")
    for number, (name, kind) in enumerate(_LISTS.items(), 1):
        file.message_type.add(name=name).field.add(name="value", number=1, label=_FIELD.LABEL_REPEATED, type=kind)
        feature.field.append(_message_field(name, number, name, oneof_index=0))
    file.message_type.append(feature)
    features = file.message_type.add(name="Features")
    entry = features.nested_type.add(name="FeatureEntry", options={"map_entry": True})
    entry.field.add(name="key", number=1, label=_FIELD.LABEL_OPTIONAL, type=_FIELD.TYPE_STRING)
    entry.field.append(_message_field("value", 2, "Feature"))
    features.field.append(_message_field("feature", 1, "Features.FeatureEntry", label=_FIELD.LABEL_REPEATED))
    file.message_type.add(name="Example").field.append(_message_field("features", 1, "Features"))
    # A pool of its own, as TensorFlow may be in the same process.
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.Example"))


def _message_field(name: str, number: int, type_name: str, **options: Any) -> Any:
    return _FIELD(
        name=name,
        number=number,
        type=_FIELD.TYPE_MESSAGE,
        type_name=f".{_PACKAGE}.{type_name}",
        **{"label": _FIELD.LABEL_OPTIONAL, **options},
    )
