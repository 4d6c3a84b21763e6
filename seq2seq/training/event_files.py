"""What TensorBoard shows of a training."""

from importlib.util import find_spec

import keras

from eqstream.data.errors import UserError
from eqstream.seq2seq.runs.run_directory import RunDirectory


def check_tensorboard() -> None:
    """Refuses to go on without the package that writes event files."""
    if find_spec("tensorboard") is None:
        raise UserError(
            "`training.tensorboard` needs the package tensorboard: install it by `pip install tensorboard`, "
            "or train without it, the figures are in log.csv too"
        )


def make_event_writer(run: RunDirectory) -> keras.callbacks.Callback:
    """Returns a callback that writes the metrics of each epoch.

    An epoch that is trained again after a crash is written again, with the same values at the same step.
    """
    return keras.callbacks.TensorBoard(log_dir=str(run.tensorboard), write_graph=False, update_freq="epoch")
