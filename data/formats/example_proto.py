"""The pieces of a serialised `tf.train.Example`, as `SerializeToString(deterministic=True)` writes it.

An example is one message of features, a map from name to a list of values; an entry of the map is a message of its own.
"""


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
