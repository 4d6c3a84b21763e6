"""How text becomes tokens: the section `codec` of a recipe."""

from dataclasses import dataclass
from typing import Literal

from eqstream.data.configuration import check_positive, check_types
from eqstream.data.errors import UserError


@dataclass(frozen=True, kw_only=True)
class CodecOptions:
    """What a recipe's section `codec` may say.

    `padding` is the side of a question's pad tokens. `answer_padding` is `right` for pads behind the end of a short
    answer, `left` for spaces before it, so that all answers are equally long. With `end_question` an end token closes
    a question, as it does every answer. `spaces` says whether a question's spaces become tokens; with `zero_padding`
    each number gets leading zeros up to the longest operand's or answer's digits.

    With `steps` the texts are lines of worked solutions: a model answers a line with the next one, and is asked again
    until a number is left. No line may have more than `line_length` characters, spaces not counted.
    """

    padding: Literal["left", "right"] = "right"
    answer_padding: Literal["left", "right"] = "right"
    end_question: bool = False
    zero_padding: bool = False
    reverse_question: bool = False
    reverse_answer: bool = False
    spaces: Literal["keep", "drop"] = "drop"
    steps: bool = False
    line_length: int = 64

    def __post_init__(self) -> None:
        check_types(self)
        check_positive(self, "line_length")
        is_padded = self.zero_padding or "left" in (self.padding, self.answer_padding)
        if self.steps and (is_padded or self.end_question or self.spaces == "keep"):
            raise UserError(
                "`steps` does not go with `zero_padding`, `end_question`, `spaces: keep`, `padding: left` or "
                "`answer_padding: left`"
            )
