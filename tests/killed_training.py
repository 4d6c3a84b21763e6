"""Trainings that die in their midst."""

import contextlib
from collections.abc import Iterator

import pytest

from eqstream.seq2seq.training import callbacks


class KilledError(Exception):
    """Nothing catches it in a training."""


@contextlib.contextmanager
def killed_after(num_steps: int) -> Iterator[None]:
    """Lets a training inside die, without a last word, when it has made so many steps; it must get there."""
    counted, steps = callbacks.StateKeeper.on_train_batch_end, []

    def die(self, batch, logs=None):
        counted(self, batch, logs)
        steps.append(batch)
        if len(steps) >= num_steps:
            raise KilledError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(callbacks.StateKeeper, "on_train_batch_end", die)
        with pytest.raises(KilledError):
            yield
