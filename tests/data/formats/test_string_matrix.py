"""Byte matrices against what Python's own strings do, for short rows and for those too long for a byte's count."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eqstream.data.errors import UserError
from eqstream.data.formats.string_matrix import ByteRows

WIDTHS = [3, 255, 256, 300]
texts = st.lists(st.text(alphabet="0123456789 +-", max_size=12), max_size=8)


def widen(short: list[str], width: int) -> list[str]:
    """The texts, and one more that makes the matrix `width` wide."""
    return [*short, "7 " * (width // 2) + "5" * (width % 2)]


@pytest.mark.parametrize("width", WIDTHS)
@given(short=texts)
def test_every_change_is_what_python_does_to_each_text(width, short):
    given_texts = widen([text[:width] for text in short], width)
    rows = ByteRows.from_texts(given_texts)
    assert rows.to_texts() == given_texts
    assert rows.reverse().to_texts() == [text[::-1] for text in given_texts]
    assert rows.keep(rows.matrix != ord(" ")).to_texts() == [text.replace(" ", "") for text in given_texts]
    assert rows.without(" ").to_texts() == [text.replace(" ", "") for text in given_texts]
    assert rows.keep(np.zeros(rows.matrix.shape, bool)).to_texts() == [""] * len(given_texts)
    doubled = rows.insert((rows.matrix == ord("7")).astype(np.int64), "0").to_texts()
    assert doubled == [text.replace("7", "07") for text in given_texts]
    for on_left in (False, True):
        padded = rows.padded(width + 2, on_left=on_left)
        justify = bytes.rjust if on_left else bytes.ljust
        assert [bytes(row) for row in padded] == [justify(text.encode(), width + 2, b"\0") for text in given_texts]


@pytest.mark.parametrize("width", WIDTHS)
@given(short=texts, skipped=st.integers(0, 5))
def test_rows_are_cut_from_a_buffer_at_its_offsets(width, short, skipped):
    given_texts = widen(short, width)
    buffer = np.frombuffer(b"#" * skipped + "".join(given_texts).encode() + b"##", np.uint8)
    offsets = skipped + np.cumsum([0, *map(len, given_texts)])
    assert ByteRows.from_offsets(buffer, offsets.astype(np.int32)).to_texts() == given_texts


@given(short=texts)
def test_what_follows_a_text_is_zero_after_every_change(short):
    rows = ByteRows.from_texts(widen(short, 20))
    for changed in (
        rows,
        rows.reverse(),
        rows.keep(rows.matrix != ord(" ")),
        rows.without("7"),
        rows.reverse().reverse(),
    ):
        assert not changed.matrix[~changed.is_inside()].any()


def test_a_zero_byte_within_a_text_does_not_move_the_texts_behind_it():
    rows = ByteRows.from_offsets(np.frombuffer(b"1\x002 34", np.uint8), np.array([0, 4, 6]))
    with pytest.raises(UserError, match=r"^a text holds a zero byte, which no equation has$"):
        rows.without(" ")


def test_parts_are_merged_into_their_rows_and_a_later_part_counts():
    parts = [(np.array([2, 0]), ByteRows.from_texts(["31", "7"])), (np.array([1, 0]), ByteRows.from_texts(["", "123"]))]
    assert ByteRows.merge(parts, 4).to_texts() == ["123", "", "31", ""]


def test_every_byte_is_translated_those_behind_a_text_too():
    rows = ByteRows.from_texts(["12", "3"])
    table = bytes((number + 1) % 256 for number in range(256))
    assert rows.translate(table).tolist() == [[50, 51], [52, 1]]
    assert rows.reverse().translate(table).tolist() == [[51, 50], [52, 1]]


def test_no_texts_and_empty_texts_are_rows_too():
    for given_texts in ([], ["", ""]):
        rows = ByteRows.from_texts(given_texts)
        assert rows.reverse().to_texts() == rows.keep(rows.is_inside()).to_texts() == given_texts
        assert rows.translate(bytes(256)).shape == rows.matrix.shape


def test_a_text_with_a_zero_byte_or_beyond_ascii_is_refused():
    with pytest.raises(UserError, match="a text holds a zero byte"):
        ByteRows.from_texts(["1\0", "2"])
    with pytest.raises(UserError, match="has the character 'é' at position 2, not ASCII"):
        ByteRows.from_texts(["1é"])
