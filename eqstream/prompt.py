"""Questions from arguments, a file or a prompt, and what is written about them."""

from collections.abc import Callable, Iterable, Sequence

import click

from eqstream.data.errors import UserError
from eqstream.questions import read_batches
from eqstream.seq2seq.predict import Prediction, Predictor


class Conversation:
    """Asks a model and writes its answers to standard output, as text or one JSON object a line.

    Args:
        predictor: the model.
        explain: whether each character is shown with its probability.
        as_json: whether answers are JSON.
        report: called with each line that is no answer.
    """

    def __init__(self, predictor: Predictor, *, explain: bool, as_json: bool, report: Callable[[str], None]) -> None:
        self._predictor, self._report = predictor, report
        self._explain, self._as_json = explain, as_json

    def answer_all(self, questions: Sequence[str]) -> None:
        """Answers all questions, or none of them.

        Raises:
            UserError: a question is no equation or not in the model's space.
        """
        self._show(self._predictor.predict(questions))

    def answer_lines(self, lines: Iterable[str], name: str) -> bool:
        """Answers the lines of a file of that name in order, and names each that is refused; returns if none was."""
        is_all_answered = True
        for batch in read_batches(lines, name, self._predictor.trained.recipe.space):
            self._show(self._predictor.answer(batch.known))
            for refusal in batch.refused:
                self._report(refusal)
                is_all_answered = False
        return is_all_answered

    def answer_prompt(self) -> None:
        """Asks for questions until Ctrl-D or Ctrl-C; one that is refused costs nothing but the reason."""
        self._report("Ctrl-D ends")
        while True:
            try:
                question = click.prompt("question", default="", show_default=False, err=True)
            except click.Abort:
                self._report("")
                return
            if question.strip():
                try:
                    self.answer_all([question])
                except UserError as error:
                    self._report(str(error))

    def _show(self, predictions: Sequence[Prediction]) -> None:
        lines = [each.to_json(self._explain) if self._as_json else each.to_text(self._explain) for each in predictions]
        if lines:
            click.echo("\n".join(lines))
