import numpy as np

from eqstream.data.formats.columns import COLUMN_TYPES, NUMBER_COLUMNS, STORED_COLUMNS, TEXT_COLUMNS, EquationColumns
from eqstream.data.formats.string_matrix import ByteRows


def columns_of(*questions: str) -> EquationColumns:
    numbers = {name: np.full(len(questions), place, np.int32) for place, name in enumerate(NUMBER_COLUMNS)}
    return EquationColumns(ByteRows.from_texts(questions), ByteRows.from_texts(["1"] * len(questions)), numbers)


def test_columns_of_format_version_1_do_not_change():
    assert COLUMN_TYPES == {
        "question": "string",
        "answer": "string",
        "terms": "int64",
        "digits": "int64",
        "carries": "int64",
    }
    assert [column.name for column in STORED_COLUMNS] == ["answer", "carries", "digits", "question", "terms"]
    assert (*TEXT_COLUMNS, *NUMBER_COLUMNS) == tuple(COLUMN_TYPES)


def test_parts_are_joined_in_their_order():
    joined = EquationColumns.join([columns_of("1 + 2", "3"), columns_of(), columns_of("10 + 20")])
    assert len(joined) == 3
    assert joined.question.to_texts() == ["1 + 2", "3", "10 + 20"]
    assert {name: values.tolist() for name, values in joined.numbers.items()} == {
        "terms": [0] * 3,
        "digits": [1] * 3,
        "carries": [2] * 3,
    }
    assert len(EquationColumns.join([])) == 0
