"""Models that are asked line by line, until a number is left."""

import re
from collections.abc import Callable

import numpy as np

from eqstream.data.errors import UserError
from eqstream.data.reference.parsing import parse
from eqstream.seq2seq.models.base import EquationModel
from eqstream.seq2seq.models.decoding import BATCH_SIZE, DecodedAnswers, Decoder, GreedyDecoder

# A solution that has not ended by then does not get anywhere.
MAX_LINES = 200
# The last of many questions are asked in small batches, which are not worth compiling.
_FEW = 32
_IS_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?").fullmatch
is_fraction = re.compile("-?[0-9]+ ?/ ?[0-9]+").fullmatch


class SolvingDecoder:
    """Asks a model for the next line, of all questions together, until each has a number left.

    A solution ends without an answer at a line that is no equation or was there before, and after `MAX_LINES` lines.
    Deterministic as `GreedyDecoder` is.

    Args:
        model: trained on steps, with its weights created.
        factored: whether a fraction that is written by itself is an answer: where `SpaceRecipe.factors_fractions` is
            true of what the model was trained on.
        batch_size: see `GreedyDecoder`.
        jit_compile: see `GreedyDecoder`.
    """

    def __init__(
        self, model: EquationModel, *, factored: bool, batch_size: int = BATCH_SIZE, jit_compile: bool = True
    ) -> None:
        self._codec, self._factored = model.codec, factored
        self._decoder = GreedyDecoder(model, batch_size=batch_size, jit_compile=jit_compile)
        self._small_decoder = self._decoder
        if batch_size > _FEW:
            self._small_decoder = GreedyDecoder(model, batch_size=_FEW, jit_compile=False)

    def decode(self, questions: np.ndarray, on_batch: Callable[[int], None] | None = None) -> DecodedAnswers:
        """Returns the last lines, and the solutions, of encoded questions, uint8 (num_questions, question_width).

        Args:
            questions: tokens.
            on_batch: called with a number of questions whenever so many more have ended.
        """
        shape = (len(questions), self._codec.answer_width)
        tokens, probabilities = np.zeros(shape, np.uint8), np.ones(shape, np.float32)
        log_probabilities = np.zeros(len(questions))
        lines = [[question] for question in self._codec.decode_questions(questions)]
        rows, asked = np.arange(len(questions)), questions
        while len(rows):
            written = (self._decoder if len(rows) > _FEW else self._small_decoder).decode(asked)
            tokens[rows], probabilities[rows] = written.tokens, written.probabilities
            log_probabilities[rows] += written.log_probabilities
            texts = self._codec.decode_predictions(written.tokens)
            is_open = []
            for row, text in zip(rows.tolist(), texts, strict=True):
                is_open.append(len(lines[row]) < MAX_LINES and text not in lines[row] and self._goes_on(text))
                lines[row].append(text)
            going_on = np.flatnonzero(is_open)
            if on_batch is not None and len(going_on) < len(rows):
                on_batch(len(rows) - len(going_on))
            rows = rows[going_on]
            asked = self._codec.encode_questions([texts[place] for place in going_on.tolist()])
        return DecodedAnswers(tokens, probabilities, log_probabilities, lines)

    def _goes_on(self, line: str) -> bool:
        """Returns whether a line that was written can be asked for its next one: it is an equation, and no answer."""
        if _IS_NUMBER(line) or (self._factored and is_fraction(line)):
            return False
        try:
            parse(line)
        except UserError:
            return False
        return True


def make_decoder(
    model: EquationModel, *, factored: bool, batch_size: int = BATCH_SIZE, jit_compile: bool = True
) -> Decoder:
    """Returns what asks a model for its answers: line by line if it is trained on steps.

    Args:
        model: with its weights created.
        factored: see `SolvingDecoder`; means nothing for other models.
        batch_size: see `GreedyDecoder`.
        jit_compile: see `GreedyDecoder`.
    """
    if model.codec.options.steps:
        return SolvingDecoder(model, factored=factored, batch_size=batch_size, jit_compile=jit_compile)
    return GreedyDecoder(model, batch_size=batch_size, jit_compile=jit_compile)
