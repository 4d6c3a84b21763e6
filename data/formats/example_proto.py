"""The pieces of a serialised `tf.train.Example`, as `SerializeToString(deterministic=True)` writes it.

An example is one message of features, a map from name to a list of values; an entry of the map is a message of its own.
"""

from collections.abc import Iterator

# Kind of a field to the bytes of its value, where these are fixed.
_FIXED_SIZES = {1: 8, 5: 4}
_BYTES_LIST, _INT64_LIST = 1, 3


def varint(number: int) -> bytes:
    """Returns a whole number, not below 0, as protocol buffers write it.

    >>> varint(300).hex()
    'ac02'
    """
    parts = bytearray()
    while number >= 0x80:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    parts.append(number)
    return bytes(parts)


def field(number: int, payload: bytes) -> bytes:
    """Returns a length-delimited field."""
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def bytes_entry_head(key: str, value_length: int) -> bytes:
    """Returns what stands before a bytes value of that length in its map entry, the entry's own header included."""
    # Filler stands for the value, so that the lengths around it come out right.
    entry = field(1, field(1, key.encode()) + field(2, field(1, field(1, bytes(value_length)))))
    return entry[: len(entry) - value_length]


def int64_entry(key: str, value: int) -> bytes:
    """Returns the map entry of one whole number, not below 0."""
    return field(1, field(1, key.encode()) + field(2, field(3, field(1, varint(value)))))


def features_head(num_bytes: int) -> bytes:
    """Returns what stands before the entries of an example, which take `num_bytes` together."""
    return varint(1 << 3 | 2) + varint(num_bytes)


def parse_example(payload: bytes) -> dict[str, bytes | int]:
    """Returns the features of any serialised example that have one value, bytes or a whole number; slow.

    >>> parse_example(field(1, int64_entry("digits", 300)))
    {'digits': 300}

    Raises:
        ValueError: it is no example.
    """
    found: dict[str, bytes | int] = {}
    for features in _messages(payload, 1):
        for entry in _messages(features, 1):
            names, lists = list(_messages(entry, 1)), list(_messages(entry, 2))
            values = [value for feature in lists for value in _list_values(feature)]
            if names and len(values) == 1:
                found[names[-1].decode()] = values[0]
    return found


def _list_values(feature: bytes) -> Iterator[bytes | int]:
    """Yields the values of a feature's list of bytes or of whole numbers."""
    for number, values in _fields(feature):
        if number not in (_BYTES_LIST, _INT64_LIST):
            continue
        if isinstance(values, int):
            raise ValueError("a list of values is a number")
        for _, value in _fields(values):
            if number == _BYTES_LIST or isinstance(value, int):
                yield value
            else:
                yield from _unpack(value)


def _unpack(packed: bytes) -> Iterator[int]:
    position = 0
    while position < len(packed):
        value, position = _read_varint(packed, position)
        yield value


def _messages(data: bytes, number: int) -> Iterator[bytes]:
    """Yields the length-delimited fields of that number."""
    for found, value in _fields(data):
        if found == number:
            if isinstance(value, int):
                raise ValueError("a message is a number")
            yield value


def _fields(data: bytes) -> Iterator[tuple[int, bytes | int]]:
    """Yields number and value of each field."""
    position = 0
    while position < len(data):
        key, position = _read_varint(data, position)
        kind = key & 7
        if kind == 0:
            value, position = _read_varint(data, position)
            yield key >> 3, value
            continue
        length = _FIXED_SIZES.get(kind)
        if kind == 2:
            length, position = _read_varint(data, position)
        if length is None or not 0 <= length <= len(data) - position:
            raise ValueError("a field is cut off or of an unknown kind")
        yield key >> 3, data[position : position + length]
        position += length


def _read_varint(data: bytes, position: int) -> tuple[int, int]:
    """Returns the signed number of 64 bits at a position, and the position behind it."""
    number = shift = 0
    while True:
        if position >= len(data) or shift > 63:
            raise ValueError("a number is cut off or too long")
        number |= (data[position] & 0x7F) << shift
        shift, position = shift + 7, position + 1
        if data[position - 1] < 0x80:
            number &= (1 << 64) - 1
            return number - (number >> 63 << 64), position
