"""Trains a Keras model of your own, and goes on where it stopped when it is started again, even after a kill.

python examples/resume_a_training_of_your_own.py --recipe addition-3digit --out out/resumed --steps 20000
"""

import argparse
from pathlib import Path

import keras
import tensorflow as tf

import eqstream


class SaveState(keras.callbacks.Callback):
    """Saves the model, its optimizer and the number of batches so far, every so many steps."""

    def __init__(self, manager: tf.train.CheckpointManager, position: tf.Variable, save_steps: int) -> None:
        super().__init__()
        self._manager, self._position, self._save_steps = manager, position, save_steps

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Counts the batch, and saves if it is time."""
        if int(self._position.assign_add(1)) % self._save_steps == 0:
            self._manager.save()


def main() -> None:
    """Trains from the last saved step to the last one of all."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--recipe", default="addition-3digit", help="a YAML file or the name of a recipe")
    parser.add_argument("--out", default="out/resumed", type=Path, help="where everything goes")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--save-steps", type=int, default=500)
    arguments = parser.parse_args()
    out = arguments.out

    dataset = eqstream.open_dataset(eqstream.build(arguments.recipe, out / "data").directory)
    codec = dataset.codec(reverse_answer=True)
    keras.utils.set_random_seed(0)
    inputs = keras.layers.Input((codec.question_width,))
    hidden = keras.layers.Flatten()(keras.layers.Embedding(codec.num_tokens, 32)(inputs))
    logits = keras.layers.Dense(codec.answer_width * codec.num_tokens)(keras.layers.ReLU()(hidden))
    model = keras.Model(inputs, keras.layers.Reshape((codec.answer_width, codec.num_tokens))(logits))
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.optimizer.build(model.trainable_variables)

    position = tf.Variable(tf.constant(0, tf.int64))
    state = tf.train.Checkpoint(model=model, optimizer=model.optimizer, position=position)
    manager = tf.train.CheckpointManager(state, out / "state", max_to_keep=1)
    manager.restore_or_initialize()
    start = int(position)
    batches = dataset.batches("train", batch_size=arguments.batch_size, codec=codec, first_batch=start)
    if start < arguments.steps:
        # Each repetition is the next epoch.
        rest = batches.repeat().take(arguments.steps - start)
        model.fit(rest, callbacks=[SaveState(manager, position, arguments.save_steps)], shuffle=False, verbose=2)
    model.save_weights(out / "last.weights.h5")


if __name__ == "__main__":
    main()
