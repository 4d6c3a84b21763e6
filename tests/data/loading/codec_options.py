"""How texts may be written as tokens: all choices with answers that end early, and some where these are filled up."""

import itertools

from eqstream.data.loading.codec_options import CodecOptions

ALL_OPTIONS = [
    CodecOptions(padding=padding, zero_padding=zeros, reverse_question=question, reverse_answer=answer, spaces=spaces)
    for padding, zeros, question, answer, spaces in itertools.product(
        ("left", "right"), (False, True), (False, True), (False, True), ("keep", "drop")
    )
] + [
    CodecOptions(
        answer_padding="left", end_question=True, padding=padding, zero_padding=zeros, **reversal, spaces=spaces
    )
    for padding, zeros, reversal, spaces in (
        ("right", False, {}, "keep"),
        ("left", False, {"reverse_question": True, "reverse_answer": True}, "drop"),
        ("right", True, {"reverse_answer": True}, "drop"),
        ("left", True, {}, "keep"),
    )
]
