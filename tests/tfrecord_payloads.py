"""The payloads of a TFRecord file, read record by record: independent of the readers that are under test."""

import struct

import google_crc32c


def read_payloads(contents: bytes) -> list[bytes]:
    """Returns the payloads of the uncompressed bytes of a TFRecord file; the checksums of all must be right."""
    payloads, offset = [], 0
    while offset < len(contents):
        (length,) = struct.unpack_from("<Q", contents, offset)
        payload = contents[offset + 12 : offset + 12 + length]
        assert contents[offset + 8 : offset + 12] == _masked(contents[offset : offset + 8])
        assert contents[offset + 12 + length : offset + 16 + length] == _masked(payload)
        payloads.append(payload)
        offset += 16 + length
    return payloads


def _masked(data: bytes) -> bytes:
    value = google_crc32c.value(data)
    return (((value >> 15 | value << 17) + 0xA282EAD8) & 0xFFFFFFFF).to_bytes(4, "little")
