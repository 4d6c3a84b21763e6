"""How far a training is: a bar on a terminal, a line now and then elsewhere, nothing for callers that want none."""

import time
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import TextIO

from tqdm import tqdm

SECONDS_BETWEEN_LINES = 10.0


class Display:
    """Shows nothing; the way for callers that want silence."""

    def begin(self, num_steps: Sequence[int], num_done: int) -> None:
        """Begins the display.

        Args:
            num_steps: steps of each epoch of the training.
            num_done: steps of all epochs that are done already.
        """

    def show(self, epoch: int, step: int, num_steps: int) -> None:
        """Shows that `step` of the `num_steps` of an epoch, from 0, are done."""

    def write(self, line: str, report: Callable[[str], None]) -> None:
        """Calls `report` with a line; must be used for whatever is reported while the display is open."""
        report(line)

    def end(self) -> None:
        """Ends the display."""


class _Counting(Display):
    """What both displays need to know: how many steps there are, and come before an epoch."""

    def begin(self, num_steps: Sequence[int], num_done: int) -> None:
        self._num_epochs = len(num_steps)
        self._before = [0, *accumulate(num_steps)]
        self._num_done_at_begin = num_done

    def _describe(self, epoch: int, step: int, num_steps: int) -> str:
        place = f"{epoch + 1:>{len(str(self._num_epochs))}}/{self._num_epochs}"
        return f"epoch {place}, step {step:>{len(str(num_steps))}}/{num_steps}"


class Bar(_Counting):
    """A bar of all steps, with epoch, step and the time left; it vanishes in the end."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def begin(self, num_steps: Sequence[int], num_done: int) -> None:
        """Draws the bar."""
        super().begin(num_steps, num_done)
        self._bar = tqdm(
            total=self._before[-1],
            initial=num_done,
            file=self._stream,
            dynamic_ncols=True,
            leave=False,
            bar_format="{desc} |{bar}| {remaining} left",
        )

    def show(self, epoch: int, step: int, num_steps: int) -> None:
        """Moves the bar."""
        self._bar.set_description_str(self._describe(epoch, step, num_steps), refresh=False)
        num_new = self._before[epoch] + step - self._bar.n
        if num_new:
            self._bar.update(num_new)
        else:
            # Compiling takes seconds, before the first step is done.
            self._bar.refresh()

    def write(self, line: str, report: Callable[[str], None]) -> None:
        """Calls `report` with a line, the bar out of its way."""
        with tqdm.external_write_mode(file=self._stream):
            report(line)

    def end(self) -> None:
        """Removes the bar."""
        self._bar.close()


class Lines(_Counting):
    """Plain lines, one at most every few seconds, for logs and pipes.

    Args:
        write_line: is given each line.
        clock: returns seconds since some fixed moment.
    """

    def __init__(self, write_line: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._write_line, self._clock = write_line, clock

    def begin(self, num_steps: Sequence[int], num_done: int) -> None:
        """Begins to wait for the first steps."""
        super().begin(num_steps, num_done)
        self._written_at = self._clock()
        self._begun_at: float | None = None

    def show(self, epoch: int, step: int, num_steps: int) -> None:
        """Writes a line if the last one is some seconds old."""
        now, num_done = self._clock(), self._before[epoch] + step
        num_new = num_done - self._num_done_at_begin
        if num_new and self._begun_at is None:
            # The time left is reckoned from here: before the first steps the model is compiled, which is slow.
            self._begun_at, self._num_done_at_begin = now, num_done
        elif num_new and self._begun_at is not None and now - self._written_at >= SECONDS_BETWEEN_LINES:
            self._written_at = now
            left = (now - self._begun_at) * (self._before[-1] - num_done) / num_new
            self._write_line(f"{self._describe(epoch, step, num_steps)}, {tqdm.format_interval(left)} left")


def display_on(stream: TextIO) -> Display:
    """Returns a bar where the stream is a terminal, lines elsewhere."""
    return Bar(stream) if stream.isatty() else Lines(lambda line: print(line, file=stream, flush=True))
