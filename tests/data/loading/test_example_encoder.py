import numpy as np
import pytest

from eqstream.data.errors import UserError
from eqstream.data.loading.example_encoder import ExampleEncoder
from tests.data.loading.in_memory import CODEC, RECIPE, BlocksInMemory

COLUMNS = BlocksInMemory(8).read(1)


@pytest.mark.parametrize("codec", [CODEC, None])
def test_equations_become_rows_from_a_place_on(codec):
    encoder = ExampleEncoder.for_recipe(RECIPE, codec, extra={"lengths": lambda columns: columns.question.lengths})
    table = encoder.reserve(4)
    encoder.fill(table, slice(1, None), COLUMNS)
    questions, answers = ["5 + 1", "6 + 1", "7 + 1"], ["6", "7", "8"]
    if codec is None:
        assert [bytes(row).rstrip(b"\0").decode() for row in table.questions[1:]] == questions
        assert [bytes(row).rstrip(b"\0").decode() for row in table.answers[1:]] == answers
    else:
        assert codec.decode_questions(table.questions[1:]) == questions
        assert codec.decode_answers(table.answers[1:]) == answers
    assert {name: values[1:].tolist() for name, values in table.numbers.items()} == {
        "terms": [2, 2, 2],
        "digits": [1, 1, 1],
        "carries": [5, 6, 7],
        "lengths": [5, 5, 5],
    }
    assert encoder.widths == {"question": table.questions.shape[1], "answer": table.answers.shape[1]}
    assert encoder.num_bytes * 4 == sum(values.nbytes for values in table.columns().values())


def test_text_longer_than_those_of_the_space_is_refused():
    encoder = ExampleEncoder.for_recipe(RECIPE)
    long = BlocksInMemory(10**12).read(10**11)
    message = "question `500000000000 + 1` has 16 characters, at most 9 fit"
    with pytest.raises(UserError, match=f"^{message.replace('+', '.')}$"):
        encoder.fill(encoder.reserve(5), slice(None), long)


def test_table_that_does_not_fit_into_memory_is_refused_with_its_size():
    message = "1,000,000,000,000,000 examples do not fit into memory: they take 24,000,000,000,000,000 bytes; "
    message += "read them in smaller batches"
    with pytest.raises(UserError, match=f"^{message}$"):
        ExampleEncoder.for_recipe(RECIPE, CODEC).reserve(10**15)
    assert ExampleEncoder.for_recipe(RECIPE, CODEC).reserve(0).numbers["terms"].dtype == np.int32
