"""Models that are asked each question in several orders, and answer what most of them come to."""

import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from eqstream.data.loading.codec import Codec
from eqstream.seq2seq.models.commuted_orders import list_other_orders
from eqstream.seq2seq.models.decoding import DecodedAnswers, Decoder, Vote, join_answers

# Bounds the memory, which the solutions fill.
_MOST_ASKED_AT_ONCE = 1 << 16
_IS_ANSWER = re.compile(r"-?[0-9]+(\.[0-9]+)?( ?/ ?[0-9]+)?").fullmatch


class VotingDecoder:
    """Asks each question in several orders, its sums and products with their sides swapped or not.

    The answer is that with the most probability, summed over the orders that come to it (self-consistency, Wang et
    al. 2022, arXiv 2203.11171, whose samples are replaced by orders); what is no number only if there is nothing
    else. Tokens, probabilities and solution are those of the first order that comes to it: of the question as it is,
    if it does. Deterministic as `decoder` is.

    Args:
        decoder: what asks the model.
        codec: of the model.
        orders: in how many each question is asked, if it has so many; the first is the question as it is.
        can_bracket: whether a question, natural text, may be asked in orders that take more brackets than it has.
    """

    def __init__(self, decoder: Decoder, codec: Codec, *, orders: int, can_bracket: Callable[[str], bool]) -> None:
        self._decoder, self._codec = decoder, codec
        self._num_orders, self._can_bracket = orders, can_bracket

    def decode(self, questions: np.ndarray, on_batch: Callable[[int], None] | None = None) -> DecodedAnswers:
        """Returns the answers to encoded questions, uint8 (num_questions, question_width); see `Decoder`."""
        size = max(1, _MOST_ASKED_AT_ONCE // self._num_orders)
        starts = range(0, max(1, len(questions)), size)
        return join_answers([self._decode(questions[start : start + size], on_batch) for start in starts])

    def _decode(self, questions: np.ndarray, on_batch: Callable[[int], None] | None) -> DecodedAnswers:
        orders = [self._list_orders(question) for question in self._codec.decode_questions(questions)]
        texts = [text for each in orders for text in each]
        starts = np.cumsum([0, *map(len, orders)])
        encoded = self._codec.encode_questions(texts)
        decoded = self._decoder.decode(encoded, on_batch and _share_out(on_batch, len(orders), len(texts)))
        answers = self._codec.decode_predictions(decoded.tokens)
        chosen, votes = [], []
        for start, end in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
            place, num_agreeing = choose_answer(answers[start:end], decoded.log_probabilities[start:end])
            chosen.append(start + place)
            votes.append(Vote(asked=texts[start + place], num_orders=end - start, num_agreeing=num_agreeing))
        return replace(decoded.take(chosen), votes=votes)

    def _list_orders(self, question: str) -> list[str]:
        """Returns the first orders that the model can be asked."""
        fits, spacing, brackets = self._codec.fits_question, self._codec.spacing, self._can_bracket(question)
        others = list_other_orders(question, self._num_orders - 1, fits=fits, spacing=spacing, brackets=brackets)
        return [question, *others]


def choose_answer(answers: list[str], log_probabilities: np.ndarray) -> tuple[int, int]:
    """Returns the first place of the answer with the most probability in all, and how many answers are the same.

    >>> choose_answer(["7", "8", "7", "?"], np.log([0.3, 0.5, 0.4, 0.9]))
    (0, 2)

    Args:
        answers: to one question, at least one.
        log_probabilities: of each, natural logarithms, (num_answers,).
    """
    places_of: defaultdict[str, list[int]] = defaultdict(list)
    for place, answer in enumerate(answers):
        places_of[answer].append(place)
    readable = {answer: places for answer, places in places_of.items() if _IS_ANSWER(answer)} or places_of
    places = max(readable.values(), key=lambda places: np.logaddexp.reduce(log_probabilities[places]))
    return places[0], len(places)


def _share_out(on_batch: Callable[[int], None], num_questions: int, num_orders: int) -> Callable[[int], None]:
    """Returns what tells `on_batch` of questions as it is told of their orders: as large a share of all."""
    num_asked = 0

    def add(count: int) -> None:
        nonlocal num_asked
        before, num_asked = num_asked, num_asked + count
        if done := num_asked * num_questions // num_orders - before * num_questions // num_orders:
            on_batch(done)

    return add
