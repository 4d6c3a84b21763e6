"""A codec fits the equations that it is made for, and refuses others."""

import pytest

from eqstream.data.errors import UserError
from eqstream.data.loading.codec_fit import check_codec
from tests.recipes import ADDITION, MIXED


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (ADDITION.with_facts(alphabet=" +-0123456789"), "does not know the dataset's characters '-'"),
        (ADDITION.with_facts(max_question_length=11), "takes questions of up to 9 characters, the dataset has 11"),
        (ADDITION.with_facts(max_answer_length=5), "takes answers of up to 4 characters, the dataset has 5"),
        (ADDITION.with_space(spacing=False), "trained on questions with spaces, the dataset's are without"),
    ],
)
def test_a_dataset_that_does_not_fit_is_refused_with_the_reason(texts, message):
    codec = ADDITION.codec()
    check_codec(codec, ADDITION.space, ADDITION.facts)
    with pytest.raises(UserError, match=message):
        check_codec(codec, texts.space, texts.facts)


def test_zero_padding_does_not_go_with_fractions():
    texts = MIXED.with_space(division="fraction")
    with pytest.raises(UserError, match=r"does not go with `space\.division: fraction`"):
        texts.codec(zero_padding=True)


def test_a_space_without_the_digit_zero_can_be_zero_padded():
    codec = ADDITION.with_facts(alphabet=" +123456789").codec(zero_padding=True)
    assert codec.decode_questions(codec.encode_questions(["1 + 23"])) == ["1 + 23"]
