"""Examples in memory, as tokens: a byte for each token and twelve for the numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class TokenTable:
    """The tokens of some examples.

    Attributes:
        questions: uint8 (num_examples, question_width).
        answers: uint8 (num_examples, answer_width).
        numbers: int32 (num_examples,) for each of `terms`, `digits` and `carries`.
    """

    questions: np.ndarray
    answers: np.ndarray
    numbers: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.questions)

    def columns(self) -> dict[str, np.ndarray]:
        """Returns all arrays by the keys that batches have: `question`, `answer` and those of the numbers."""
        return {"question": self.questions, "answer": self.answers, **self.numbers}

    def take(self, indices: np.ndarray, numbers: Sequence[str] | None = None) -> "TokenTable":
        """Returns the examples at `indices`, in that order, with all numbers or these alone."""
        # Of rows this short `take` makes several times as many as an index does.
        taken = {name: self.numbers[name].take(indices) for name in (self.numbers if numbers is None else numbers)}
        return TokenTable(self.questions.take(indices, axis=0), self.answers.take(indices, axis=0), taken)

    def cut(self, rows: slice, numbers: Sequence[str]) -> "TokenTable":
        """Returns some examples in a row with these numbers alone, as views."""
        cut = {name: self.numbers[name][rows] for name in numbers}
        return TokenTable(self.questions[rows], self.answers[rows], cut)

    def select(self, numbers: Sequence[str]) -> "TokenTable":
        """Returns the same examples with these numbers alone."""
        return TokenTable(self.questions, self.answers, {name: self.numbers[name] for name in numbers})

    @classmethod
    def join(cls, parts: "Sequence[TokenTable]") -> "TokenTable":
        """Returns the examples of all parts, at least one of them, one part behind the other."""
        if len(parts) == 1:
            return parts[0]
        numbers = {name: np.concatenate([part.numbers[name] for part in parts]) for name in parts[0].numbers}
        questions = np.concatenate([part.questions for part in parts])
        return cls(questions, np.concatenate([part.answers for part in parts]), numbers)
