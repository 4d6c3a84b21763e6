"""Bulk text and checksums against texts and checksums made one at a time."""

import itertools

import google_crc32c
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eqstream.data.formats.crc32c import append_zero, append_zeros, checksum, constants, mask, terms_of_rows
from eqstream.data.formats.string_tables import Piece, PieceTable, total_lengths, write_joined
from eqstream.data.formats.text_encoder import TextEncoder
from eqstream.data.reference.evaluation import answer_text, evaluate
from eqstream.data.reference.parsing import render
from eqstream.data.space.equation_block import EquationBlock, join_blocks
from eqstream.data.space.prepared_space import prepare_space
from tests.brute_force import make_recipe, plant
from tests.examples import examples
from tests.one_shape import columns_of, count_terms, list_shapes


def split_joined(pieces) -> list[str]:
    data, offsets = write_joined(pieces)
    assert offsets[-1] == len(data)
    return [data[start:end].tobytes().decode() for start, end in itertools.pairwise(offsets)]


def make_block(shapes, arithmetic, rows, is_huge) -> EquationBlock:
    """A block of (shape, grid integers) in the order given."""
    widest = max(map(count_terms, shapes))
    parts = []
    for number, operands in rows:
        columns = [np.array([operand], dtype=object if is_huge else np.int64) for operand in operands]
        answers = arithmetic.evaluate(columns_of([shapes[number]]), np.stack(columns))
        columns += [np.zeros(1, dtype=columns[0].dtype)] * (widest - len(operands))
        none = np.zeros(1, dtype=np.int64)
        shape = np.array([number], dtype=np.uint16)
        parts.append(
            EquationBlock(
                shapes=shape,
                operands=columns,
                numerators=answers.numerators,
                denominators=answers.denominators,
                carries=none,
                digits=none,
            )
        )
    return join_blocks(parts)


spaces = st.builds(
    lambda low, width, decimals, operators, division, places, brackets, spacing: {
        "operands": {"min": low, "max": low + width, "decimals": decimals},
        "operators": operators,
        "terms": {"min": 1, "max": 3},
        "brackets": brackets,
        "division": division,
        "places": places,
        "spacing": spacing,
    },
    st.one_of(st.integers(-3, 3), st.integers(-(10**9), 10**9), st.integers(-(10**21), 10**21)),
    st.one_of(st.integers(0, 12), st.integers(0, 10**6), st.integers(0, 10**12)),
    st.one_of(st.just(0), st.integers(0, 9)),
    st.sampled_from(["+", "-", "*", "+/", "+-*/"]),
    st.sampled_from(["quotient", "decimal", "fraction"]),
    st.integers(0, 9),
    st.booleans(),
    st.booleans(),
)


@examples(30)
@given(spaces, st.data())
def test_texts_of_a_block_are_those_printed_one_by_one(mapping, data):
    space = make_recipe(mapping).space
    prepared = prepare_space(space)
    shapes, scale = list_shapes(space), prepared.scale
    low, high = space.operands.min * scale, space.operands.max * scale
    corners = [
        step for power in range(0, 22, 4) for step in (10**power - 1, 10**power, -(10**power), scale * 10**power)
    ]
    corners = [step for step in (low, high, 0, *corners) if low <= step <= high]
    # No divisor is zero, so that every row has an answer.
    numbers = st.one_of(st.sampled_from(corners), st.integers(low, high)).filter(
        lambda step: step or "/" not in mapping
    )
    rows = []
    for number in data.draw(st.lists(st.integers(0, len(shapes) - 1), min_size=1, max_size=6)):
        operands = data.draw(st.tuples(*[numbers] * count_terms(shapes[number])))
        try:
            value = evaluate(plant(shapes[number], operands, scale), space.division, space.operands.decimals)
        except ZeroDivisionError:
            continue
        rows.append((number, operands, value))
    if not rows:
        return
    text = TextEncoder(prepared)
    is_huge = max(abs(low), abs(high)) >= 1 << 62
    block = make_block(shapes, prepared.arithmetic, [row[:2] for row in rows], is_huge)
    questions, answers = split_joined(text.questions(block)), split_joined(text.answers(block))
    division = space.division if "/" in space.operators else "exact"
    for (number, operands, value), question, answer in zip(rows, questions, answers, strict=True):
        assert question == render(plant(shapes[number], operands, scale), space.spacing)
        assert answer == answer_text(value, division, space.places)
        assert len(question) <= text.max_question_length
        assert len(answer) <= text.max_answer_length
    assert total_lengths(text.questions(block)).tolist() == list(map(len, questions))


@pytest.mark.parametrize("decimals", [1, 3, 4, 5, 8, 9, 12])
def test_groups_of_digits_behind_the_point_keep_their_inner_zeros_and_lose_the_last(decimals):
    mapping = {"operands": {"min": -11_000, "max": 100_000_000, "decimals": decimals}, "operators": "-", "terms": 1}
    text, scale = TextEncoder(prepare_space(make_recipe(mapping).space)), 10**decimals
    steps = [whole * scale + part for whole in (0, 9, 9_999, 10_000, 10_001, 99_999_999) for part in
             (0, 1, 10, scale // 10, scale - 1, 5 * scale // 10, scale // 10 + 1)]  # fmt: skip
    steps += [-step for step in steps if step <= 11_000 * scale]
    dtype = object if max(steps) >= 1 << 62 else np.int64
    column = np.array(steps, dtype=dtype)
    none = np.zeros(len(steps), dtype=np.int64)
    block = EquationBlock(
        shapes=none.astype(np.uint16),
        operands=[column],
        numerators=column,
        denominators=None,
        carries=none,
        digits=none,
    )
    expected = [render(plant(0, [step], scale)) for step in steps]
    assert split_joined(text.questions(block)) == split_joined(text.answers(block)) == expected


@pytest.mark.parametrize(("decimals", "terms"), [(5, 3), (4, 4), (6, 3), (9, 2), (5, 4), (7, 3), (9, 3)])
def test_answers_whose_decimals_fill_64_bits_are_written_exactly(decimals, terms):
    mapping = {
        "operands": {"min": 0, "max": 9999, "decimals": decimals},
        "operators": "*",
        "terms": {"min": 1, "max": terms},
    }
    steps = [0, 1, 10**14, 92_234 * 10**12, 10**17 + 1, 2 * 10**17, (1 << 62) - 1]
    text, none = TextEncoder(prepare_space(make_recipe(mapping).space)), np.zeros(len(steps), dtype=np.int64)
    block = EquationBlock(
        shapes=none.astype(np.uint16),
        operands=[none] * terms,
        numerators=np.array(steps),
        denominators=None,
        carries=none,
        digits=none,
    )
    assert split_joined(text.answers(block)) == [render(plant(0, [step], 10 ** (decimals * terms))) for step in steps]


strings = st.lists(st.binary(max_size=9), min_size=1, max_size=5)


@given(st.lists(st.tuples(strings, st.randoms(use_true_random=False)), min_size=1, max_size=5), st.integers(1, 20))
def test_pieces_are_joined_in_order(parts, count):
    """All pieces of one string come from one table there: the texts of a space."""
    table = PieceTable([string for some, _ in parts for string in some])
    assert table.width >= 1
    rows = [row.tobytes()[:length] for row, length in zip(table.rows, table.lengths, strict=True)]
    ids = [np.array([random.randrange(len(rows)) for _ in range(count)], dtype=np.int32) for _, random in parts]
    pieces = [Piece(table, column) for column in ids]
    data, offsets = write_joined(pieces)
    joined = [b"".join(rows[column[place]] for column in ids) for place in range(count)]
    assert data.tobytes() == b"".join(joined)
    assert np.diff(offsets).tolist() == total_lengths(pieces).tolist() == list(map(len, joined))


@given(st.lists(strings, min_size=1, max_size=6), st.integers(0, 3), st.data())
def test_checksum_of_a_string_is_that_of_its_pieces(tables, skip, data):
    pieces = [(PieceTable(some), data.draw(st.integers(0, len(some) - 1))) for some in tables]
    strings = [row.tobytes()[: table.lengths[place]] for table, place in pieces for row in [table.rows[place]]]
    value = int(constants(100)[sum(map(len, strings))])
    behind = sum(map(len, strings))
    for (table, place), string in zip(pieces, strings, strict=True):
        behind -= len(string)
        value ^= int(table.terms(behind)[behind][place])
        # More lines than asked for may be there, and are the same lines.
        assert table.terms(0)[0][place] == table.terms(behind)[0][place]
    assert value == google_crc32c.value(b"".join(strings))
    rows = PieceTable([b"x" * skip + strings[0], b""])
    skipping = terms_of_rows(rows.rows, rows.lengths, skip)
    assert skipping[0] == PieceTable([strings[0]]).terms(0)[0][0]
    number = data.draw(st.integers(0, 9))
    lines = rows.terms(9)
    assert append_zeros(lines[0], np.array([number, 3])).tolist() == [lines[number][0], lines[3][1]]


@given(st.binary(max_size=300))
def test_checksum_of_bytes_is_that_of_another_implementation(data):
    assert checksum(data) == google_crc32c.value(data)
    rows, lengths = np.frombuffer(data or b"\0", dtype=np.uint8).reshape(1, -1), np.array([len(data)])
    assert int(terms_of_rows(rows, lengths)[0]) ^ int(constants(len(data))[-1]) == checksum(data)
    assert int(append_zero(terms_of_rows(rows, lengths))[0]) ^ int(constants(len(data) + 1)[-1]) == checksum(
        data + b"\0"
    )


def test_known_checksums():
    # RFC 3720, appendix B.4.
    assert checksum(bytes(32)) == 0x8A9136AA
    assert checksum(b"\xff" * 32) == 0x62A8AB43
    assert checksum(bytes(range(32))) == 0x46DD794E
    assert checksum(bytes(reversed(range(32)))) == 0x113FDB5C
    assert mask(np.array([0, 1, 0xFFFFFFFF], dtype=np.uint32)).tolist() == [0xA282EAD8, 0xA284EAD8, 0xA282EAD7]
