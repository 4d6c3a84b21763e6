"""How far a build is: a bar on a terminal, a line now and then elsewhere, nothing for callers that want none."""

import contextlib
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from typing import TextIO

from eqstream.pipelines.runtime.wording import format_seconds

SECONDS_BETWEEN_LINES = 10.0
_WIDE = 100  # columns of a terminal that has room for shards, too


class Progress:
    """Takes note of nothing; the way for callers that want silence."""

    @contextlib.contextmanager
    def stage(self, title: str, num_steps: int, *, num_equations: int = 0, unit: str = "shards") -> Iterator[None]:
        """Opens one stage of the work.

        Args:
            title: what is being done, such as `writing`.
            num_steps: how many steps the stage has.
            num_equations: how many equations all steps together have; 0 where steps alone are counted.
            unit: what a step is.
        """
        self.begin(title, num_steps, num_equations, unit)
        try:
            yield
        finally:
            self.end()

    def report(self, line: str) -> None:
        """Takes note of something that a user should know."""

    def begin(self, title: str, num_steps: int, num_equations: int, unit: str) -> None:
        """Begins a stage."""

    def show(self, num_steps: int, num_equations: int = 0) -> None:
        """Takes note that so many steps and equations of the stage are done."""

    def end(self) -> None:
        """Ends the stage."""


class Bar(Progress):
    """A bar with shards, equations per second and the time left."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def report(self, line: str) -> None:
        """Writes the line."""
        print(line, file=self._stream, flush=True)

    def begin(self, title: str, num_steps: int, num_equations: int, unit: str) -> None:
        """Begins a stage."""
        from tqdm import tqdm

        self._steps = (num_steps, unit)
        self._counts_equations = num_equations > 0
        self._bar = tqdm(
            total=num_equations or num_steps,
            desc=title,
            unit="",
            unit_scale=bool(num_equations),
            file=self._stream,
            dynamic_ncols=True,
            # Short, so that a terminal of 60 columns has room for a bar.
            bar_format="{desc} {percentage:3.0f}% |{bar}| {n_fmt}/{total_fmt}"
            + (", {rate_fmt}" if num_equations else f" {unit}")
            + ", {remaining} left{postfix}",
        )

    def show(self, num_steps: int, num_equations: int = 0) -> None:
        """Moves the bar."""
        if self._counts_equations and shutil.get_terminal_size().columns >= _WIDE:
            total, unit = self._steps
            self._bar.set_postfix_str(f"{num_steps} of {total} {unit}", refresh=False)
        num_new = (num_equations if self._counts_equations else num_steps) - self._bar.n
        if num_new:
            self._bar.update(num_new)
        else:
            # The time goes on.
            self._bar.refresh()

    def end(self) -> None:
        """Leaves the bar as it stands and goes to the next line."""
        self._bar.close()


class Lines(Progress):
    """Plain lines, one at most every few seconds, for logs and pipes.

    Args:
        write: is given each line.
        clock: returns seconds since some fixed moment.
    """

    def __init__(self, write: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._write = write
        self._clock = clock

    def report(self, line: str) -> None:
        """Writes the line."""
        self._write(line)

    def begin(self, title: str, num_steps: int, num_equations: int, unit: str) -> None:
        """Begins a stage."""
        self._title, self._unit = title, unit
        self._num_steps, self._num_equations = num_steps, num_equations
        self._begun_at = self._written_at = self._clock()

    def show(self, num_steps: int, num_equations: int = 0) -> None:
        """Writes a line if the last one is some seconds old."""
        now = self._clock()
        if now - self._written_at < SECONDS_BETWEEN_LINES or num_steps == 0:
            return
        self._written_at = now
        seconds = now - self._begun_at
        done = num_equations / self._num_equations if self._num_equations else num_steps / self._num_steps
        parts = [f"{self._title}: {num_steps:,} of {self._num_steps:,} {self._unit}"]
        if self._num_equations:
            parts.append(f"{num_equations:,} equations, {num_equations / seconds:,.0f} equations/s")
        parts.append(f"{format_seconds(seconds * (1 - done) / done)} left")
        self._write(", ".join(parts))


def progress_on(stream: TextIO = sys.stderr) -> Progress:
    """Returns a bar where the stream is a terminal, lines elsewhere."""
    return Bar(stream) if stream.isatty() else Lines(lambda line: print(line, file=stream, flush=True))
